//! The tensors that a model folder has to bring, and the inputs of its components that they are fed to.

use std::collections::BTreeMap;

use protocol::Manifest;

use super::calls::Made;
use crate::onnx::{Input, Model};

/// An input of a component that a tensor of the folder is fed to, by the tensor's name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fed<'a> {
    /// The tensor: called as the input is, or the prompt.
    pub tensor: &'a str,
    /// The component.
    pub model: &'a Model,
    /// Its input.
    pub input: &'a Input,
}

/// Every input that a folder feeds: none that comes from another component or is made of tokens, but for the prompt's.
pub fn fed<'a>(manifest: &'a Manifest, models: &'a BTreeMap<String, Model>) -> Vec<Fed<'a>> {
    let mut all = Vec::new();
    for component in &manifest.components {
        let Some(model) = models.get(&component.name) else { continue };
        let wired = |input: &Input| component.from.contains_key(&input.name);
        for input in model.inputs.iter().filter(|input| !wired(input)) {
            let made = manifest.generation.as_ref().and_then(|generation| {
                let made = Made::of(generation, &component.name, &input.name)?;
                Some((generation, made))
            });
            let tensor = match made {
                None => &input.name,
                // The step takes one token, whatever the prompt's length.
                Some((generation, Made::Ids))
                    if component.name != generation.step || generation.step == generation.prefill =>
                {
                    &generation.prompt
                }
                Some(_) => continue,
            };
            all.push(Fed { tensor, model, input });
        }
    }
    all
}
