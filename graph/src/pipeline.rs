//! A model folder's components as graphs: what is wired together becomes one graph, and a model that generates
//! becomes two, prefill and step, which share a cache of fixed capacity.

mod calls;
mod decode;
mod fed;
mod greedy;
mod run;
mod settled;
mod trace;

pub use calls::Calls;
pub use fed::{Fed, fed};
pub use run::{Run, TOKENS, checks};
pub use trace::{Traced, qualified, statistics, trace, traced_nodes};

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Generation, Manifest, Planned};

use crate::builder::Builder;
use crate::error::Error;
use crate::ir::{Graph, Node, ValueId};
use crate::onnx::{Input, Model};
use crate::ops::Operator;
use crate::optimise::{Rewriting, rewritten};
use crate::specialise::{self, Pins};
use crate::tensor::Tensor;

/// The step's input that takes the token made last, i64 `[1, 1]`.
pub const TOKEN: &str = "token";
/// The step's input that says how many positions are in the cache, i64 scalar.
pub const PAST_LENGTH: &str = "past_length";

/// A model, ready for engines that walk static graphs.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// The programs, each run at once: the whole model, or the prefill and the step.
    pub programs: Vec<Program>,
    /// The way tokens are made, if they are.
    pub decoding: Option<Decoding>,
}

impl Pipeline {
    /// The inputs as planning left them, and whether it left anything to compute.
    pub fn planned(&self) -> Planned {
        let graphs = || self.programs.iter().map(|program| &program.graph);
        let deciding: BTreeSet<String> = graphs().flat_map(|graph| graph.deciding.iter().cloned()).collect();
        let computes = |graph: &Graph, node: &Node| {
            let is_constant = |id: &ValueId| graph.values[id.0].constant.is_some();
            !(matches!(node.operator, Operator::Reshape(_)) && node.inputs.iter().flatten().all(is_constant))
        };
        let computes = graphs().any(|graph| graph.nodes.iter().any(|node| computes(graph, node)));
        Planned { deciding: deciding.into_iter().collect(), computes }
    }
}

/// A graph, and what of it outlives a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Its name among the programs.
    pub name: String,
    /// The graph that it computes, optimised.
    pub graph: Graph,
    /// Inputs and outputs that lie in a state: its name, by theirs. What one run leaves there, the next finds.
    pub states: BTreeMap<String, String>,
}

/// The way tokens are made: the prefill gives the first as its output [`TOKEN`]; each step takes the one before and
/// the number of positions in the cache, and gives the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoding {
    /// Tokens of the prompt.
    pub prompt_length: usize,
    /// Tokens to make.
    pub tokens: usize,
}

impl Decoding {
    /// The way a model makes tokens of the given inputs, if it does.
    ///
    /// # Errors
    /// A prompt that is missing or is no row of token ids.
    pub fn of(manifest: &Manifest, tensors: &BTreeMap<String, Tensor>) -> Result<Option<Decoding>, Error> {
        let Some(generation) = &manifest.generation else { return Ok(None) };
        let prompt_length = decode::prompt(generation, tensors)?.len();
        Ok(Some(Decoding { prompt_length, tokens: generation.tokens as usize }))
    }
}

/// Puts the components of a model together for the given inputs, each graph rewritten so far; `wanted` are the outputs that a model which
/// generates has to show beside its tokens.
///
/// # Errors
/// Components, wires or inputs that are missing or do not fit, and everything that [`specialise()`] refuses.
pub fn compose(
    manifest: &Manifest,
    models: &BTreeMap<String, Model>,
    tensors: &BTreeMap<String, Tensor>,
    wanted: &BTreeSet<String>,
    rewriting: Rewriting,
) -> Result<Pipeline, Error> {
    let known = |name: &str| tensors.get(name);
    specialise::with_pins(known, |pins| compose_pinned(rewriting, manifest, models, tensors, wanted, pins))
}

/// Composes with these inputs as constants.
fn compose_pinned(
    rewriting: Rewriting,
    manifest: &Manifest,
    models: &BTreeMap<String, Model>,
    tensors: &BTreeMap<String, Tensor>,
    wanted: &BTreeSet<String>,
    pins: &Pins,
) -> Result<Pipeline, Error> {
    let mut composer = Composer::new(rewriting, manifest, models, tensors, pins);
    let Some(generation) = &manifest.generation else {
        for component in &manifest.components {
            composer.add(&component.name)?;
        }
        composer.refuse_unused()?;
        let outputs = composer.outputs();
        return Ok(Pipeline {
            programs: vec![composer.finish("model", outputs, BTreeMap::new())],
            decoding: None,
        });
    };
    let roles = [Some(&generation.prefill), Some(&generation.step)];
    let embed = generation.embed.as_ref().map(|embed| &embed.component);
    for component in &manifest.components {
        if !roles.contains(&Some(&component.name)) && embed != Some(&component.name) {
            composer.add(&component.name)?;
        }
    }
    decode::compose(composer, generation, wanted)
}

/// A graph in the making out of components.
struct Composer<'a> {
    rewriting: Rewriting,
    manifest: &'a Manifest,
    models: &'a BTreeMap<String, Model>,
    tensors: &'a BTreeMap<String, Tensor>,
    /// Inputs whose elements may decide what is computed.
    pins: &'a Pins,
    graph: Builder,
    /// The graph's inputs that come from the folder's.
    inputs: BTreeMap<String, ValueId>,
    /// The outputs of components, as `component.output`, in order.
    values: Vec<(String, ValueId)>,
}

impl<'a> Composer<'a> {
    fn new(
        rewriting: Rewriting,
        manifest: &'a Manifest,
        models: &'a BTreeMap<String, Model>,
        tensors: &'a BTreeMap<String, Tensor>,
        pins: &'a Pins,
    ) -> Composer<'a> {
        let (graph, inputs, values) = (Builder::new(), BTreeMap::new(), Vec::new());
        Composer { rewriting, manifest, models, tensors, pins, graph, inputs, values }
    }

    fn model(&self, component: &str) -> Result<&'a Model, Error> {
        let known = || self.models.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        self.models
            .get(component)
            .ok_or_else(|| wiring(format!("there is no component {component:?}, only {}", known())))
    }

    /// Adds a component whose inputs all come from wires and the folder.
    fn add(&mut self, component: &str) -> Result<(), Error> {
        let results = self.run(component, |_, _| Ok(None))?;
        let named = results.into_iter().map(|(name, id)| (format!("{component}.{name}"), id));
        self.values.extend(named);
        Ok(())
    }

    /// Adds a component; inputs come from `made`, else from wires, else from the folder.
    fn run(
        &mut self,
        component: &str,
        mut made: impl FnMut(&mut Self, &Input) -> Result<Option<ValueId>, Error>,
    ) -> Result<Vec<(String, ValueId)>, Error> {
        let model = self.model(component)?;
        let mut feeds = BTreeMap::new();
        for input in &model.inputs {
            let id = match made(self, input)? {
                Some(id) => id,
                None => match self.manifest.wire(component, &input.name) {
                    Some(wire) => self.wired(wire)?,
                    None => self.given(input)?,
                },
            };
            feeds.insert(input.name.clone(), id);
        }
        let first = self.graph.value_count();
        let results = specialise::add(&mut self.graph, model, feeds)?;
        self.name_component(component, first);
        Ok(results)
    }

    /// Puts the component before the names of its values, where several components have values of the same name.
    fn name_component(&mut self, component: &str, first: usize) {
        if self.manifest.components.len() > 1 {
            (first..self.graph.value_count()).for_each(|at| self.graph.qualify(ValueId(at), component));
        }
    }

    /// The value of `component.output`.
    fn wired(&self, wire: &str) -> Result<ValueId, Error> {
        let found = self.values.iter().find(|(name, _)| name == wire);
        let known = || self.values.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        found.map(|(_, id)| *id).ok_or_else(|| {
            wiring(format!("no component before gives {wire:?}; there is {}", or_nothing(known())))
        })
    }

    /// A tensor of the folder's inputs, as an input of the graph.
    fn given(&mut self, input: &Input) -> Result<ValueId, Error> {
        if let Some(id) = self.inputs.get(&input.name) {
            return Ok(*id);
        }
        let tensor = self.tensors.get(&input.name);
        let Some(tensor) = tensor else {
            // A name that no component knows is the likelier slip, and its message names both.
            self.refuse_unknown()?;
            return Err(Error::InputMissing { name: input.name.clone(), wanted: input.to_string() });
        };
        let id = match self.pins.contains(&input.name) {
            true => self.graph.known_input(&input.name, tensor),
            false => self.graph.fed(&input.name, tensor),
        };
        self.inputs.insert(input.name.clone(), id);
        Ok(id)
    }

    /// An error for tensors that no component took.
    fn refuse_unused(&self) -> Result<(), Error> {
        let unused = self.tensors.keys().find(|name| !self.inputs.contains_key(*name));
        unused.map_or(Ok(()), |name| Err(self.unknown(name)))
    }

    /// An error for tensors whose name no component has among its inputs.
    fn refuse_unknown(&self) -> Result<(), Error> {
        let known = |name: &String| {
            self.inputs.contains_key(name) || self.known_inputs().any(|input| input.name == *name)
        };
        let unknown = self.tensors.keys().find(|name| !known(name));
        unknown.map_or(Ok(()), |name| Err(self.unknown(name)))
    }

    fn known_inputs(&self) -> impl Iterator<Item = &Input> {
        let models = self.manifest.components.iter().filter_map(|component| self.models.get(&component.name));
        models.flat_map(|model| &model.inputs)
    }

    fn unknown(&self, name: &str) -> Error {
        let known = self.known_inputs().map(|input| format!("{} ({input})", input.name));
        Error::InputUnknown { name: name.to_owned(), known: known.collect::<Vec<_>>().join(", ") }
    }

    fn outputs(&self) -> Vec<(String, ValueId)> {
        short_names(&self.values)
    }

    /// The finished graph with these outputs.
    fn finish(
        mut self,
        name: &str,
        outputs: Vec<(String, ValueId)>,
        states: BTreeMap<String, String>,
    ) -> Program {
        for (name, id) in outputs {
            self.graph.output(&name, id);
        }
        Program { name: name.to_owned(), graph: rewritten(self.graph.finish(), self.rewriting), states }
    }
}

/// The step's past inputs, the present output each comes from, and whether only the prefill makes it.
fn step_inputs<'a>(
    composer: &Composer<'a>,
    generation: &Generation,
) -> Result<Vec<(&'a Input, String, bool)>, Error> {
    let model = composer.model(&generation.step)?;
    let past = |input: &'a Input| {
        let (present, constant) = generation.source_of(&input.name)?;
        Some((input, present, constant))
    };
    Ok(model.inputs.iter().filter_map(past).collect())
}

/// Values called `component.output`: by the output's own name where one component alone has it.
fn short_names<T: Clone>(values: &[(String, T)]) -> Vec<(String, T)> {
    let short = |name: &str| name.split_once('.').map_or(name, |(_, output)| output).to_owned();
    let count = |output: &str| values.iter().filter(|(name, _)| short(name) == output).count();
    let named = |(name, value): &(String, T)| match short(name) {
        alone if count(&alone) == 1 => (alone, value.clone()),
        _ => (name.clone(), value.clone()),
    };
    values.iter().map(named).collect()
}

fn wiring(reason: String) -> Error {
    Error::Wiring { reason }
}

fn or_nothing(list: String) -> String {
    if list.is_empty() { "nothing".to_owned() } else { list }
}

#[cfg(test)]
mod tests;
