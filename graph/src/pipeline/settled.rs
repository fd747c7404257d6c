//! What is known of a component's open dimensions before anything runs. Engines that take ONNX files as they are do
//! better when told: some can put a node on their accelerator only if its shapes are fixed.

use std::collections::BTreeMap;

use protocol::Generation;

use super::calls::Calls;
use crate::onnx::{Dimension, Input};

impl Calls {
    /// The extents that a component's symbolic dimensions have in every call, by name.
    pub fn settled(&self, component: &str) -> BTreeMap<String, usize> {
        let inputs = self.inputs.get(component).into_iter().flatten();
        let named = inputs.flat_map(|input| {
            let extents = self.settled_extents(component, input);
            input.dimensions.iter().flatten().zip(extents).filter_map(|(dimension, extent)| match dimension {
                Dimension::Symbol(name) => Some((name.clone(), extent?)),
                Dimension::Fixed(_) | Dimension::Any => None,
            })
        });
        named.collect()
    }

    /// The extents of an input, as far as they are the same in every call; none where it is made by a component.
    fn settled_extents(&self, component: &str, input: &Input) -> Vec<Option<usize>> {
        if let Some(generation) = &self.manifest.generation
            && let Some(extents) = self.decoded_extents(generation, component, &input.name)
        {
            return extents;
        }
        let found = self.manifest.components.iter().find(|known| known.name == component);
        if found.is_some_and(|known| known.from.contains_key(&input.name)) {
            return Vec::new();
        }
        let given = self.given.get(&input.name);
        given.map_or_else(Vec::new, |tensor| tensor.shape.iter().copied().map(Some).collect())
    }

    /// The same of what a runner makes: rows of one sequence, whose length grows with the tokens, but where the
    /// component sees only the prompt, or only one token at a time.
    fn decoded_extents(
        &self,
        generation: &Generation,
        component: &str,
        name: &str,
    ) -> Option<Vec<Option<usize>>> {
        let embed = generation.embed.as_ref();
        if embed.is_some_and(|embed| component == embed.component && name == embed.input) {
            return Some(vec![Some(1), None]);
        }
        let (prefills, steps) = (component == generation.prefill, component == generation.step);
        if !prefills && !steps {
            return None;
        }
        let prompt = || self.given.get(&generation.prompt).map(|prompt| prompt.data.len());
        let count = match (prefills, steps) {
            (true, false) => prompt(),
            (false, _) => Some(1),
            (true, true) => None,
        };
        let is_fed = embed.is_some_and(|embed| embed.feeds == name);
        match name {
            name if generation.token_input.as_deref() == Some(name) || is_fed || name == "position_ids" => {
                Some(vec![Some(1), count])
            }
            "attention_mask" => Some(vec![Some(1), count.filter(|_| prefills)]),
            name if generation.source_of(name).is_some() => Some(Vec::new()),
            _ => None,
        }
    }
}
