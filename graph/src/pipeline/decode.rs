//! Prefill and step of a model that generates: what goes into the decoders, and what stays in states.

use std::collections::{BTreeMap, BTreeSet};

use protocol::Generation;

use super::{Composer, Decoding, PAST_LENGTH, Pipeline, TOKEN, greedy, step_inputs, wiring};
use crate::builder::cache_length::linear::{Integer, Linear};
use crate::error::Error;
use crate::ir::ValueId;
use crate::onnx::{Dimension, Input};
use crate::ops::{CacheUpdate, Concat, Gather, Operator, Reshape};
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// Token ids that go into a decoder, and what is before them.
struct Tokens {
    ids: ValueId,
    count: usize,
    has_past: bool,
}

/// The number of positions that the caches hold, and of tokens there are to choose from.
#[derive(Clone, Copy)]
struct Room {
    capacity: usize,
    vocabulary: usize,
}

/// A state that the step finds: its name, and the type it has there.
type States = BTreeMap<String, TensorType>;

/// Both programs of a model whose other components are in `composer` already.
pub(super) fn compose(
    mut composer: Composer,
    generation: &Generation,
    wanted: &BTreeSet<String>,
) -> Result<Pipeline, Error> {
    let prompt = prompt(generation, composer.tensors)?;
    let decoding = Decoding { prompt_length: prompt.len(), tokens: generation.tokens as usize };
    let ids = composer.graph.fed(&generation.prompt, &prompt);
    composer.inputs.insert(generation.prompt.clone(), ids);
    let tokens = Tokens { ids, count: decoding.prompt_length, has_past: false };
    let results = decoder(&mut composer, generation, &generation.prefill, &tokens, Some(&prompt))?;

    let mut outputs: Vec<_> =
        composer.outputs().into_iter().filter(|(name, _)| wanted.contains(name)).collect();
    let logits = find(&results, &generation.logits, &generation.prefill)?;
    if wanted.contains(&generation.logits) {
        outputs.push((generation.logits.clone(), logits));
    }
    outputs.push((TOKEN.to_owned(), greedy::token(&mut composer.graph, logits)?));
    let mut prefill_states = BTreeMap::new();
    let mut states = States::new();
    let capacity = decoding.prompt_length + decoding.tokens;
    for (input, present, constant) in step_inputs(&composer, generation)? {
        let id = find(&results, &present, &generation.prefill)?;
        let id = if constant { id } else { cached(&mut composer, input, id, capacity)? };
        states.insert(input.name.clone(), composer.graph.tensor_type(id).clone());
        prefill_states.extend([&input.name, &present].map(|port| (port.clone(), input.name.clone())));
        outputs.push((present, id));
    }
    for wire in wires(&composer, generation) {
        let id = composer.wired(&wire)?;
        states.insert(wire.clone(), composer.graph.tensor_type(id).clone());
        prefill_states.insert(wire.clone(), wire.clone());
        outputs.push((wire, id));
    }
    composer.refuse_unused_but_for_step(generation)?;
    let vocabulary = composer.graph.tensor_type(logits).shape.last().copied().unwrap_or(0);
    let step = step(&composer, generation, &states, Room { capacity, vocabulary })?;
    let prefill = composer.finish("prefill", outputs, prefill_states);
    Ok(Pipeline { programs: vec![prefill, step], decoding: Some(decoding) })
}

/// The prompt's token ids, i64 `[1, n]`.
pub(super) fn prompt(generation: &Generation, tensors: &BTreeMap<String, Tensor>) -> Result<Tensor, Error> {
    let name = &generation.prompt;
    let tensor = tensors.get(name);
    let tensor = tensor.ok_or_else(|| wiring(format!("the prompt {name:?} is not among the inputs")))?;
    match (tensor.shape.as_slice(), tensor.data_type()) {
        ([1, length], DataType::I64) if *length > 0 => Ok(tensor.clone()),
        _ => Err(wiring(format!("the prompt {name:?} is {}, not i64[1, n]", tensor.tensor_type()))),
    }
}

fn find(results: &[(String, ValueId)], name: &str, component: &str) -> Result<ValueId, Error> {
    let found = results.iter().find(|(known, _)| known == name);
    let known = || results.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    found
        .map(|(_, id)| *id)
        .ok_or_else(|| wiring(format!("{component} has no output {name:?}, only {}", known())))
}

/// Wires from earlier components into the step.
fn wires(composer: &Composer, generation: &Generation) -> Vec<String> {
    let step = composer.manifest.components.iter().find(|component| component.name == generation.step);
    let wires: BTreeSet<String> = step.into_iter().flat_map(|step| step.from.values().cloned()).collect();
    wires.into_iter().collect()
}

/// The present of the prefill, in a cache with room for all tokens.
fn cached(
    composer: &mut Composer,
    input: &Input,
    present: ValueId,
    capacity: usize,
) -> Result<ValueId, Error> {
    let axis = past_axis(input)?;
    let mut cache = composer.graph.tensor_type(present).clone();
    *cache.shape.get_mut(axis).ok_or_else(|| wiring(format!("{} has no axis {axis}", input.name)))? =
        capacity;
    let cache = composer.graph.input(&input.name, cache);
    let start = composer.graph.constant("start", Tensor::scalar(0i64));
    let operator = Operator::CacheUpdate(CacheUpdate { axis });
    composer.graph.push(&input.name, operator, &[Some(cache), Some(present), Some(start)])
}

/// The axis of a past input along which positions lie: the last one that the model leaves open.
pub(super) fn past_axis(input: &Input) -> Result<usize, Error> {
    let dimensions = input.dimensions.as_deref().unwrap_or_default();
    let open = |dimension: &Dimension| !matches!(dimension, Dimension::Fixed(_));
    let axis = dimensions.iter().rposition(open).filter(|&axis| axis > 0);
    axis.ok_or_else(|| wiring(format!("past input {:?} ({input}) leaves no length open", input.name)))
}

/// A past of no positions, for a prefill that takes one: the batch is 1, the length 0.
pub(super) fn empty_past(input: &Input) -> Result<Tensor, Error> {
    let axis = past_axis(input)?;
    let extent = |(at, dimension): (usize, &Dimension)| match dimension {
        Dimension::Fixed(extent) => *extent,
        Dimension::Symbol(_) | Dimension::Any => usize::from(at != axis),
    };
    let shape: Vec<usize> = input.dimensions.iter().flatten().enumerate().map(extent).collect();
    Tensor::new(shape, Vec::<f32>::new())
}

/// Runs a decoder on tokens; in the step, `past` inputs have been fed by the caller's composer.
fn decoder(
    composer: &mut Composer,
    generation: &Generation,
    component: &str,
    tokens: &Tokens,
    prompt: Option<&Tensor>,
) -> Result<Vec<(String, ValueId)>, Error> {
    let embedded = match &generation.embed {
        Some(embed) => Some((embed.feeds.as_str(), embeddings(composer, generation, tokens, prompt)?)),
        None => None,
    };
    composer.run(component, |composer, input| {
        let name = input.name.as_str();
        if let Some((_, id)) = embedded.filter(|(feeds, _)| *feeds == name) {
            return Ok(Some(id));
        }
        if generation.token_input.as_deref() == Some(name) {
            return Ok(Some(tokens.ids));
        }
        if generation.source_of(name).is_some() {
            return match composer.inputs.get(name) {
                Some(id) => Ok(Some(*id)),
                None => Ok(Some(composer.graph.constant(name, empty_past(input)?))),
            };
        }
        Ok(composer.made(name, tokens))
    })
}

impl Composer<'_> {
    /// The inputs that every runner makes for a decoder.
    fn made(&mut self, name: &str, tokens: &Tokens) -> Option<ValueId> {
        let past = i64::from(tokens.has_past);
        match name {
            "attention_mask" => {
                let total = if tokens.has_past { self.graph.capacity() } else { tokens.count };
                let ones = Data::I64(vec![1; total].into());
                let id = self.graph.constant(name, Tensor { shape: vec![1, total], data: ones });
                self.graph.set_axes(id, vec![None, tokens.has_past.then_some(tokens.count as i64)]);
                Some(id)
            }
            "position_ids" => {
                let place = |base: usize| Integer { base: base as i64, coefficient: past };
                let places = Linear::vector(&(0..tokens.count).map(place).collect::<Vec<_>>());
                let row = |tensor: Tensor| tensor.reshaped(&[1, tokens.count]);
                let places = Linear { base: row(places.base), coefficient: row(places.coefficient) };
                Some(self.graph.push_linear(name, places))
            }
            "use_cache_branch" => Some(self.graph.constant(name, Tensor::vector(vec![tokens.has_past]))),
            _ => None,
        }
    }

    /// An error for tensors that neither the prefill nor the step takes.
    fn refuse_unused_but_for_step(&self, generation: &Generation) -> Result<(), Error> {
        let step = self.model(&generation.step)?;
        let unused = |name: &&String| {
            !self.inputs.contains_key(*name) && step.inputs.iter().all(|input| input.name != **name)
        };
        match self.tensors.keys().find(unused) {
            Some(name) => Err(Error::InputUnknown {
                name: name.clone(),
                known: self.inputs.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
            }),
            None => Ok(()),
        }
    }
}

/// Token ids as embeddings, with the image's features in the places that the prompt keeps for them.
fn embeddings(
    composer: &mut Composer,
    generation: &Generation,
    tokens: &Tokens,
    prompt: Option<&Tensor>,
) -> Result<ValueId, Error> {
    let Some(embed) = &generation.embed else { return Ok(tokens.ids) };
    let results =
        composer.run(&embed.component, |_, input| Ok((input.name == embed.input).then_some(tokens.ids)))?;
    let embeddings = find(&results, &embed.output, &embed.component)?;
    let (Some(image), Some(prompt)) = (&generation.image, prompt) else { return Ok(embeddings) };
    let ids = prompt.to_i64_vec().unwrap_or_default();
    let features = composer.wired(&image.features)?;
    merge(composer, embeddings, features, &ids, image.token_id)
}

/// Picks each place's row from the embeddings, or, where the id keeps the place, the next row of features.
fn merge(
    composer: &mut Composer,
    embeddings: ValueId,
    features: ValueId,
    ids: &[i64],
    token_id: i64,
) -> Result<ValueId, Error> {
    let shape = composer.graph.tensor_type(embeddings).shape.clone();
    let width = shape.last().copied().unwrap_or(0);
    let given = composer.graph.tensor_type(features).clone();
    let places = ids.iter().filter(|&&id| id == token_id).count();
    if given.shape.last() != Some(&width) || given.element_count() != places * width {
        return Err(wiring(format!(
            "the image's features are {given}, and the prompt keeps {places} places of {width}"
        )));
    }
    let mut next = ids.len() as i64;
    let row = |(at, &id): (usize, &i64)| {
        if id != token_id {
            return at as i64;
        }
        next += 1;
        next - 1
    };
    let rows: Vec<i64> = ids.iter().enumerate().map(row).collect();
    let graph = &mut composer.graph;
    let rows = graph.constant("rows", Tensor::vector(rows));
    let flat = |rows: usize| Operator::Reshape(Reshape { shape: vec![rows, width] });
    let words = graph.push("embeddings", flat(ids.len()), &[Some(embeddings)])?;
    let features = graph.push("features", flat(places), &[Some(features)])?;
    let both = graph.push("both", Operator::Concat(Concat { axis: 0 }), &[Some(words), Some(features)])?;
    let merged = graph.push("merged", Operator::Gather(Gather { axis: 0 }), &[Some(both), Some(rows)])?;
    graph.push("merged", Operator::Reshape(Reshape { shape }), &[Some(merged)])
}

/// The program that makes one token after the prefill.
fn step(
    first: &Composer,
    generation: &Generation,
    states: &States,
    room: Room,
) -> Result<super::Program, Error> {
    let mut composer =
        Composer::new(first.rewriting, first.manifest, first.models, first.tensors, first.pins);
    composer.graph.start_cache(PAST_LENGTH, room.capacity);
    let last = i64::try_from(room.vocabulary.saturating_sub(1)).unwrap_or(i64::MAX);
    let ids = composer.graph.bounded_input(TOKEN, TensorType::new(DataType::I64, [1, 1]), (0, last));
    let mut ports = BTreeMap::new();
    let past = step_inputs(&composer, generation)?;
    for (input, present, constant) in &past {
        let tensor_type = states[&input.name].clone();
        let mut axes = vec![None; tensor_type.shape.len()];
        let id = composer.graph.input(&input.name, tensor_type);
        if !constant {
            axes[past_axis(input)?] = Some(0);
            composer.graph.set_axes(id, axes);
            ports.insert(present.clone(), input.name.clone());
        }
        ports.insert(input.name.clone(), input.name.clone());
        composer.inputs.insert(input.name.clone(), id);
    }
    for wire in wires(&composer, generation) {
        let id = composer.graph.input(&wire, states[&wire].clone());
        ports.insert(wire.clone(), wire.clone());
        composer.values.push((wire, id));
    }
    let tokens = Tokens { ids, count: 1, has_past: true };
    let results = decoder(&mut composer, generation, &generation.step, &tokens, None)?;
    let logits = find(&results, &generation.logits, &generation.step)?;
    let mut outputs = vec![(TOKEN.to_owned(), greedy::token(&mut composer.graph, logits)?)];
    for (_, present, constant) in past {
        if !constant {
            outputs.push((present.clone(), find(&results, &present, &generation.step)?));
        }
    }
    Ok(composer.finish("step", outputs, ports))
}
