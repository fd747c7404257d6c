//! Open dimensions of a component, as far as they are known before anything runs. Engines that take ONNX files as
//! they are do better when told: some can put a node on their accelerator only if its shapes are fixed.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{Calls, Made};
use super::decode::past_axis;
use crate::onnx::{Dimension, Input};

/// An extent, as far as it is known before the first call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Equal in every call.
    Settled(usize),
    /// Another in some call.
    Varies,
    /// A component's doing.
    Unknown,
}

use Extent::{Settled, Unknown, Varies};

impl Calls {
    /// The extents of a component's symbolic dimensions, by name, where its inputs say that they are the same in every
    /// call: those of the folder, and those that a runner makes. What other components feed is not looked at.
    pub fn settled(&self, component: &str) -> BTreeMap<String, usize> {
        let (mut settled, mut varying) = (BTreeMap::new(), BTreeSet::new());
        for input in self.inputs.get(component).into_iter().flatten() {
            let extents = self.extents(component, input);
            for (dimension, extent) in input.dimensions.iter().flatten().zip(extents) {
                let Dimension::Symbol(name) = dimension else { continue };
                match extent {
                    Unknown => {}
                    Settled(extent) if settled.get(name).is_none_or(|&known| known == extent) => {
                        settled.insert(name.clone(), extent);
                    }
                    // Inputs that contradict each other are the engine's to refuse, not ours to choose from.
                    Settled(_) | Varies => drop(varying.insert(name)),
                }
            }
        }
        settled.retain(|name, _| !varying.contains(name));
        settled
    }

    fn extents(&self, component: &str, input: &Input) -> Vec<Extent> {
        if let Some(extents) = self.made_extents(component, input) {
            return extents;
        }
        if self.manifest.wire(component, &input.name).is_some() {
            return Vec::new();
        }
        let given = self.given.get(&input.name);
        given.map_or_else(Vec::new, |tensor| tensor.shape.iter().copied().map(Settled).collect())
    }

    /// The extents of what a runner makes: of one sequence, whose length grows with the tokens, unless the component
    /// sees only the prompt, or only one token at a time.
    fn made_extents(&self, component: &str, input: &Input) -> Option<Vec<Extent>> {
        let generation = self.manifest.generation.as_ref()?;
        let (prefills, steps) = (component == generation.prefill, component == generation.step);
        let prompt =
            || self.given.get(&generation.prompt).map_or(Unknown, |prompt| Settled(prompt.data.len()));
        let tokens = match (prefills, steps) {
            (true, false) => prompt(),
            (false, true) => Settled(1),
            (true, true) | (false, false) => Varies,
        };
        Some(match Made::of(generation, component, &input.name)? {
            Made::Ids | Made::Embedded | Made::Positions => vec![Settled(1), tokens],
            Made::Mask => vec![Settled(1), if steps { Varies } else { tokens }],
            Made::Branch => vec![Settled(1)],
            Made::Past { constant: true } => Vec::new(),
            Made::Past { constant: false } => {
                let mut extents = vec![Unknown; input.dimensions.iter().flatten().count()];
                // A past without a length is refused where it is fed.
                if let Some(length) = past_axis(input).ok().and_then(|axis| extents.get_mut(axis)) {
                    *length = Varies;
                }
                extents
            }
        })
    }
}
