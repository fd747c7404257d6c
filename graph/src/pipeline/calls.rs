//! Pipelines for engines that take ONNX files as they are: which component to run next, on what.
//!
//! Nothing here runs anything: the engine asks for a component's feeds, runs it, and hands the results back.

use std::collections::BTreeMap;

use protocol::{Generation, Manifest};

use super::decode::{empty_past, past_axis};
use super::{TOKEN, short_names, wiring};
use crate::error::Error;
use crate::onnx::{Input, Model};
use crate::specialise::accepts;
use crate::tensor::{Data, Tensor};

type Tensors = BTreeMap<String, Tensor>;

/// An input that a runner makes of the tokens for the components that decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// The tokens to run on, `[1, n]`.
    Ids,
    /// Their embeddings, `[1, n, width]`.
    Embedded,
    /// The cache of the tokens before; constant, where only the prefill makes it.
    Past { constant: bool },
    /// A one for each token so far, `[1, n]`.
    Mask,
    /// The tokens' positions, `[1, n]`.
    Positions,
    /// True where there is a past, `[1]`.
    Branch,
}

impl Made {
    /// The kind of an input; `None` where a runner does not make it.
    pub(super) fn of(generation: &Generation, component: &str, input: &str) -> Option<Made> {
        if let Some(embed) = &generation.embed {
            if component == embed.component && input == embed.input {
                return Some(Made::Ids);
            }
            if input == embed.feeds {
                return Some(Made::Embedded);
            }
        }
        if component != generation.prefill && component != generation.step {
            return None;
        }
        if generation.token_input.as_deref() == Some(input) {
            return Some(Made::Ids);
        }
        if let Some((_, constant)) = generation.source_of(input) {
            return Some(Made::Past { constant });
        }
        match input {
            "attention_mask" => Some(Made::Mask),
            "position_ids" => Some(Made::Positions),
            "use_cache_branch" => Some(Made::Branch),
            _ => None,
        }
    }
}

/// A model folder, walked component by component.
#[derive(Debug, Clone)]
pub struct Calls {
    pub(super) manifest: Manifest,
    pub(super) inputs: BTreeMap<String, Vec<Input>>,
    pub(super) given: Tensors,
    /// The outputs of components in this run, as `component.output`, in order.
    values: Vec<(String, Tensor)>,
    /// The decoders' past inputs.
    cache: Tensors,
    /// The token ids that the decoder runs on, and how many are before them.
    ids: Vec<i64>,
    past: usize,
    embedded: Option<Tensor>,
    logits: Option<Tensor>,
}

impl Calls {
    /// Gets ready to run a model on the folder's inputs.
    ///
    /// # Errors
    /// An input that a component wants otherwise than it is given, or one that no component wants.
    pub fn new(
        manifest: &Manifest,
        models: &BTreeMap<String, Model>,
        given: &Tensors,
    ) -> Result<Calls, Error> {
        let inputs = models.iter().map(|(name, model)| (name.clone(), model.inputs.clone()));
        let inputs: BTreeMap<String, Vec<Input>> = inputs.collect();
        let wanted = || inputs.values().flatten();
        for (name, tensor) in given {
            let is_prompt = manifest.generation.as_ref().is_some_and(|generation| generation.prompt == *name);
            match wanted().find(|input| input.name == *name) {
                Some(input) if !accepts(input, &tensor.tensor_type()) && !is_prompt => {
                    let (name, wanted) = (name.clone(), input.to_string());
                    return Err(Error::InputMismatch {
                        name,
                        wanted,
                        given: tensor.tensor_type().to_string(),
                    });
                }
                None if !is_prompt => {
                    let known = wanted().map(|input| format!("{} ({input})", input.name));
                    let known = known.collect::<Vec<_>>().join(", ");
                    return Err(Error::InputUnknown { name: name.clone(), known });
                }
                Some(_) | None => {}
            }
        }
        Ok(Calls {
            manifest: manifest.clone(),
            inputs,
            given: given.clone(),
            values: Vec::new(),
            cache: Tensors::new(),
            ids: Vec::new(),
            past: 0,
            embedded: None,
            logits: None,
        })
    }

    /// Begins a program: 0 is the whole model or the prefill, 1 a step on `token`. Gives the components to
    /// run, in order.
    ///
    /// # Errors
    /// A prompt that is missing.
    pub fn start(&mut self, program: usize, token: Option<&Tensor>) -> Result<Vec<String>, Error> {
        self.embedded = None;
        self.logits = None;
        let components = self.manifest.components.iter().map(|component| component.name.clone());
        let Some(generation) = &self.manifest.generation else {
            self.values.clear();
            return Ok(components.collect());
        };
        let embed = generation.embed.as_ref().map(|embed| embed.component.clone());
        if program > 0 {
            self.past += self.ids.len();
            self.ids = token.and_then(Tensor::to_i64_vec).unwrap_or_default();
            return Ok(embed.into_iter().chain([generation.step.clone()]).collect());
        }
        let prompt = self.given.get(&generation.prompt).and_then(Tensor::to_i64_vec);
        let missing = || wiring(format!("the prompt {:?} is not among the inputs", generation.prompt));
        self.ids = prompt.ok_or_else(missing)?;
        (self.past, self.values, self.cache) = (0, Vec::new(), Tensors::new());
        let role = |name: &String| {
            *name == generation.prefill || *name == generation.step || Some(name) == embed.as_ref()
        };
        let before: Vec<String> = components.filter(|name| !role(name)).collect();
        Ok(before.into_iter().chain(embed).chain([generation.prefill.clone()]).collect())
    }

    /// The inputs to feed a component.
    ///
    /// # Errors
    /// An input that nothing feeds.
    pub fn feeds(&self, component: &str) -> Result<Vec<(String, Tensor)>, Error> {
        let inputs = self.inputs.get(component);
        let inputs = inputs.ok_or_else(|| wiring(format!("there is no component {component:?}")))?;
        let feed = |input: &Input| Ok((input.name.clone(), self.feed(component, input)?));
        inputs.iter().map(feed).collect()
    }

    fn feed(&self, component: &str, input: &Input) -> Result<Tensor, Error> {
        if let Some(generation) = &self.manifest.generation
            && let Some(made) = self.made(generation, component, input)?
        {
            return Ok(made);
        }
        if let Some(wire) = self.manifest.wire(component, &input.name) {
            let value = self.values.iter().find(|(name, _)| name == wire);
            let missing = || wiring(format!("no component before gives {wire:?}"));
            return value.map(|(_, tensor)| tensor.clone()).ok_or_else(missing);
        }
        let missing = || Error::InputMissing { name: input.name.clone(), wanted: input.to_string() };
        self.given.get(&input.name).cloned().ok_or_else(missing)
    }

    /// The input that a runner makes for the components that decode.
    fn made(&self, generation: &Generation, component: &str, input: &Input) -> Result<Option<Tensor>, Error> {
        let row = |elements: Vec<i64>| Tensor::new([1, elements.len()], elements).map(Some);
        let (past, total) = (self.past as i64, self.past + self.ids.len());
        let Some(made) = Made::of(generation, component, &input.name) else { return Ok(None) };
        match made {
            Made::Ids => row(self.ids.clone()),
            Made::Embedded => Ok(self.embedded.clone()),
            Made::Past { .. } => {
                self.cache.get(&input.name).cloned().map_or_else(|| empty_past(input), Ok).map(Some)
            }
            Made::Mask => row(vec![1; total]),
            Made::Positions => row((past..total as i64).collect()),
            Made::Branch => Ok(Some(Tensor::vector(vec![past > 0]))),
        }
    }

    /// Takes what a component gave.
    ///
    /// # Errors
    /// An output that the model folder names and the component did not give.
    pub fn keep(&mut self, component: &str, outputs: Tensors) -> Result<(), Error> {
        let Some(generation) = self.manifest.generation.clone() else {
            self.remember(component, outputs);
            return Ok(());
        };
        let output = |name: &str| {
            outputs.get(name).ok_or_else(|| wiring(format!("{component} has no output {name:?}")))
        };
        if let Some(embed) = generation.embed.as_ref().filter(|embed| embed.component == component) {
            let embeddings = output(&embed.output)?.clone();
            self.embedded = Some(self.with_image(&generation, embeddings)?);
            return Ok(());
        }
        if component != generation.prefill && component != generation.step {
            self.remember(component, outputs);
            return Ok(());
        }
        self.logits = Some(output(&generation.logits)?.clone());
        for input in self.inputs.get(&generation.step).into_iter().flatten() {
            let Some((present, constant)) = generation.source_of(&input.name) else { continue };
            if !constant || self.past == 0 {
                past_axis(input)?;
                self.cache.insert(input.name.clone(), output(&present)?.clone());
            }
        }
        Ok(())
    }

    fn remember(&mut self, component: &str, outputs: Tensors) {
        self.values.extend(outputs.into_iter().map(|(name, tensor)| (format!("{component}.{name}"), tensor)));
    }

    /// Embeddings with the image's features in the places that the prompt keeps for them.
    fn with_image(&self, generation: &Generation, embeddings: Tensor) -> Result<Tensor, Error> {
        let Some(image) = generation.image.as_ref().filter(|_| self.past == 0) else { return Ok(embeddings) };
        let features = self.values.iter().find(|(name, _)| *name == image.features);
        let missing = || wiring(format!("no component before gives {:?}", image.features));
        let features = features.ok_or_else(missing)?.1.to_f32_vec();
        let width = embeddings.shape.last().copied().unwrap_or(0);
        let mut rows = features.chunks(width.max(1));
        let mut merged = embeddings.to_f32_vec();
        for (place, &id) in merged.chunks_mut(width.max(1)).zip(&self.ids) {
            if id == image.token_id {
                let row = rows.next().filter(|row| row.len() == place.len());
                place
                    .copy_from_slice(row.ok_or_else(|| wiring("the image has too few features".to_owned()))?);
            }
        }
        match rows.next() {
            Some(_) => Err(wiring("the image has more features than the prompt has places".to_owned())),
            None => Tensor::new(embeddings.shape, merged),
        }
    }

    /// The program's outputs: what components gave, and of a model that generates the logits and the next token.
    ///
    /// # Errors
    /// Logits that are no logits.
    pub fn outputs(&self) -> Result<Tensors, Error> {
        let mut outputs: Tensors = short_names(&self.values).into_iter().collect();
        if let (Some(generation), Some(logits)) = (&self.manifest.generation, &self.logits) {
            outputs.insert(TOKEN.to_owned(), best(logits)?);
            outputs.insert(generation.logits.clone(), logits.clone());
        }
        Ok(outputs)
    }
}

/// The first of the largest of the last row, as i64 `[1, 1]`.
fn best(logits: &Tensor) -> Result<Tensor, Error> {
    let vocabulary = logits.shape.last().copied().filter(|&vocabulary| vocabulary > 0);
    let vocabulary = vocabulary.ok_or_else(|| wiring(format!("logits are {}", logits.tensor_type())))?;
    let elements = logits.to_f32_vec();
    let row = elements.chunks(vocabulary).next_back().unwrap_or_default();
    let better = |best: usize, at: usize| if row[at] > row[best] { at } else { best };
    let best = (0..row.len()).fold(0, better);
    Ok(Tensor { shape: vec![1, 1], data: Data::I64([best as i64].into()) })
}
