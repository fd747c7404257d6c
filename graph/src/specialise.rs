//! Fixes a model at given inputs: a walk over its nodes, after which every shape is known.

mod control;
mod element_types;

use std::collections::{BTreeMap, BTreeSet};

use crate::builder::Builder;
use crate::builder::selection::{self, Selection};
use crate::error::Error;
use crate::ir::{Graph, ValueId};
use crate::node_view::{Argument, NodeView};
use crate::onnx::{Dimension, Foreign, Input, Model, OnnxNode};
use crate::registry::reader;
use crate::tensor::{Tensor, TensorType};

/// The first operator set in which operands broadcast as they do today.
const OLDEST_OPSET: i64 = 7;

/// The knowledge of an input when a model is fixed.
#[derive(Debug, Clone, PartialEq)]
pub enum Feed {
    /// Its type.
    Type(TensorType),
    /// Its elements. A node that needs them to know what to compute (a shape, an axis) takes them from here; for all
    /// others it stays an input.
    Value(Tensor),
}

impl Feed {
    /// The type of the input.
    pub fn tensor_type(&self) -> TensorType {
        match self {
            Feed::Type(tensor_type) => tensor_type.clone(),
            Feed::Value(tensor) => tensor.tensor_type(),
        }
    }
}

/// Names of inputs whose elements may decide what is computed.
pub(crate) type Pins = BTreeSet<String>;

/// Returns whether an input can become a constant: integers, bools and lists of floats say what to compute, other
/// floats are what is computed with.
fn can_be_constant(tensor: &Tensor) -> bool {
    !tensor.data_type().is_float() || tensor.shape.len() <= 1
}

/// Builds a graph again as long as it fails for want of elements that are known, each time with those.
pub(crate) fn with_pins<'a, T>(
    known: impl Fn(&str) -> Option<&'a Tensor>,
    mut build: impl FnMut(&Pins) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut pins = Pins::new();
    loop {
        let error = match build(&pins) {
            Ok(built) => return Ok(built),
            Err(error) => error,
        };
        let can = |name: &&String| !pins.contains(*name) && known(name).is_some_and(can_be_constant);
        let new: Pins = error.inputs_needed().iter().filter(can).cloned().collect();
        if new.is_empty() {
            return Err(error);
        }
        pins.extend(new);
    }
}

/// The model's graph for these inputs, by name. [`Graph::inputs`] are those that are left to be fed.
///
/// # Errors
/// Where an input is missing, unknown or of another type or shape than the model wants; where a node does not
/// fit its operands; where an operator, a type or an attribute is not known here ([`Error::is_unsupported`]).
pub fn specialise(model: &Model, feeds: &BTreeMap<String, Feed>) -> Result<Graph, Error> {
    check_inputs(
        &model.inputs,
        &feeds.iter().map(|(name, feed)| (name.clone(), feed.tensor_type())).collect(),
    )?;
    let known = |name: &str| match feeds.get(name) {
        Some(Feed::Value(tensor)) => Some(tensor),
        Some(Feed::Type(_)) | None => None,
    };
    with_pins(known, |pins| walk(model, feeds, pins))
}

fn walk(model: &Model, feeds: &BTreeMap<String, Feed>, pins: &Pins) -> Result<Graph, Error> {
    let mut graph = Builder::new();
    let mut values = BTreeMap::new();
    for Input { name, .. } in &model.inputs {
        let id = match &feeds[name] {
            Feed::Value(tensor) if pins.contains(name) => graph.known_input(name, tensor),
            Feed::Value(tensor) => graph.fed(name, tensor),
            Feed::Type(tensor_type) => graph.input(name, tensor_type.clone()),
        };
        values.insert(name.clone(), id);
    }
    let results = add(&mut graph, model, values)?;
    for (name, id) in results {
        graph.output(&name, id);
    }
    Ok(graph.finish())
}

/// Adds a model to a graph in the making, its inputs being values that are there; gives its results by name, in
/// the model's order.
///
/// # Errors
/// Those of [`specialise`].
pub(crate) fn add(
    graph: &mut Builder,
    model: &Model,
    feeds: BTreeMap<String, ValueId>,
) -> Result<Vec<(String, ValueId)>, Error> {
    model.check_complete()?;
    let types = feeds.iter().map(|(name, id)| (name.clone(), graph.tensor_type(*id).clone()));
    check_inputs(&model.inputs, &types.collect())?;
    let mut scope = Scope { graph: std::mem::take(graph), names: feeds, foreign: model.foreign.clone() };
    for (name, constant) in &model.constants {
        let id = scope.graph.constant(name, constant.clone());
        scope.names.insert(name.clone(), id);
    }
    let read = model.nodes.iter().try_for_each(|node| scope.read(node, &model.opsets));
    let results = read.and_then(|()| model.outputs.iter().map(|name| scope.output(name)).collect());
    *graph = scope.graph;
    results
}

/// A graph in the making and the names of its values.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub graph: Builder,
    pub names: BTreeMap<String, ValueId>,
    /// Facts that files tell of names and values do not.
    pub foreign: Foreign,
}

impl Scope {
    /// Reads one ONNX node.
    pub fn read(&mut self, node: &OnnxNode, opsets: &BTreeMap<String, i64>) -> Result<(), Error> {
        let first_new = self.graph.value_count();
        let results = match self.read_control(node, opsets)? {
            Some(results) => results,
            None => self.read_operator(node, opsets)?,
        };
        for (name, &id) in node.outputs.iter().zip(&results).filter(|(name, _)| !name.is_empty()) {
            if id.0 >= first_new {
                self.graph.rename(id, name);
            }
            if self.names.insert(name.clone(), id).is_some() {
                return Err(Error::Malformed { reason: format!("two values are named {name:?}") });
            }
        }
        Ok(())
    }

    fn read_operator(
        &mut self,
        node: &OnnxNode,
        opsets: &BTreeMap<String, i64>,
    ) -> Result<Vec<ValueId>, Error> {
        let opset = opsets.get(&node.domain).copied().unwrap_or(if node.domain.is_empty() { 0 } else { 1 });
        let read = reader(&node.domain, &node.operator).ok_or_else(|| Error::UnknownOperator {
            node: node.name.clone(),
            operator: node.operator.clone(),
            domain: if node.domain.is_empty() { "ai.onnx".into() } else { node.domain.clone() },
            opset,
        })?;
        if node.domain.is_empty() && opset < OLDEST_OPSET {
            return Err(Error::Unsupported(format!("opset {opset} is older than {OLDEST_OPSET}")));
        }
        let view = self.view(node, opset)?;
        self.check_extents(&view, &node.operator)?;
        self.read_settled(node, view, |scope, view| {
            Scope::check_element_types(node, view)?;
            let mut results = read(view, &mut scope.graph)?;
            scope.keep_element_types(node, view, &mut results)?;
            Ok(results)
        })
    }

    /// Reads a node, and again with the elements of an operand that it asked for, as long as they are known. What was
    /// added in vain is dropped with all that nobody uses.
    fn read_settled<'a>(
        &mut self,
        node: &OnnxNode,
        mut view: NodeView<'a>,
        mut read: impl FnMut(&mut Scope, &NodeView<'a>) -> Result<Vec<ValueId>, Error>,
    ) -> Result<Vec<ValueId>, Error> {
        // These do without elements, at a price.
        if ["If", "NonZero"].contains(&node.operator.as_str()) {
            self.settle(0, &mut view);
        }
        loop {
            let error = match read(self, &view) {
                Ok(results) => return Ok(results),
                Err(error) => error,
            };
            let settled = match &error {
                Error::NotConstant { operand, .. } => self.settle(*operand, &mut view),
                _ => false,
            };
            if !settled {
                return Err(self.explain(error, &view).at(&node.name, &node.operator));
            }
        }
    }

    /// Gives a view the elements of an operand, if they are known and it has none; says whether it did.
    fn settle(&mut self, operand: usize, view: &mut NodeView) -> bool {
        let argument = view.inputs.get_mut(operand).and_then(Option::as_mut);
        let Some(argument) = argument.filter(|argument| argument.constant.is_none()) else { return false };
        argument.constant = self.graph.settle(argument.id);
        argument.constant.is_some()
    }

    /// Refuses an operator that makes something of extents which a computed mask decides.
    fn check_extents(&self, view: &NodeView, operator: &str) -> Result<(), Error> {
        const READ_EXTENTS: [&str; 7] =
            ["Bernoulli", "EyeLike", "NonZero", "RandomNormalLike", "RandomUniformLike", "Shape", "Size"];
        let selection = view.inputs.iter().flatten().find_map(|argument| self.graph.selection(argument.id));
        match selection.filter(|_| READ_EXTENTS.contains(&operator)) {
            Some(Selection { mask, .. }) => {
                Err(selection::refused(&self.graph, mask).at(view.name, operator))
            }
            None => Ok(()),
        }
    }

    /// An error that says which inputs an operand that is not constant comes from.
    fn explain(&self, error: Error, view: &NodeView) -> Error {
        match error {
            Error::NotConstant { what, operand, inputs } if inputs.is_empty() => {
                let argument = view.optional(operand);
                let inputs = argument.map_or_else(Vec::new, |argument| self.graph.inputs_behind(argument.id));
                Error::NotConstant { what, operand, inputs }
            }
            other => other,
        }
    }

    fn view<'a>(&self, node: &'a OnnxNode, opset: i64) -> Result<NodeView<'a>, Error> {
        let argument = |name: &String| {
            if name.is_empty() {
                return Ok(None);
            }
            let missing = || match self.foreign.unread.get(name) {
                Some(reason) => Error::Unsupported(reason.clone()).at(&node.name, &node.operator),
                None => Error::Malformed {
                    reason: format!("node {:?} reads {name:?}, which nothing before it makes", node.name),
                },
            };
            let id = self.names.get(name).copied().ok_or_else(missing)?;
            // What a mask picks is not known, though the places of all there is to pick are.
            let picked = self.graph.selection(id).is_some();
            let constant = self.graph.constant_of(id).filter(|_| !picked).cloned();
            let tensor_type = self.graph.tensor_type(id).clone();
            let (linear, axes) = (self.graph.linear(id).cloned(), self.graph.axes(id).cloned());
            let element_type = self.element_type(name, tensor_type.data_type);
            Ok(Some(Argument { id, tensor_type, element_type, constant, linear, axes }))
        };
        let last_output = node.outputs.iter().rposition(|name| !name.is_empty());
        Ok(NodeView {
            name: &node.name,
            opset,
            attributes: &node.attributes,
            inputs: node.inputs.iter().map(argument).collect::<Result<_, Error>>()?,
            output_count: last_output.map_or(0, |last| last + 1),
        })
    }

    /// The finished graph with these results.
    pub fn finish(mut self, outputs: &[String]) -> Result<Graph, Error> {
        for name in outputs {
            let (name, id) = self.output(name)?;
            self.graph.output(&name, id);
        }
        Ok(self.graph.finish())
    }

    /// A result that leaves the graph.
    fn output(&self, name: &str) -> Result<(String, ValueId), Error> {
        let (name, id) = self.result(name)?;
        match self.graph.selection(id) {
            Some(Selection { mask, .. }) => Err(selection::refused(&self.graph, mask).at(&name, "output")),
            None => Ok((name, id)),
        }
    }

    fn result(&self, name: &str) -> Result<(String, ValueId), Error> {
        let id = self.names.get(name).copied();
        let missing = || Error::Malformed { reason: format!("no node makes output {name:?}") };
        Ok((name.to_owned(), id.ok_or_else(missing)?))
    }
}

fn check_inputs(wanted: &[Input], given: &BTreeMap<String, TensorType>) -> Result<(), Error> {
    if let Some(name) = given.keys().find(|name| wanted.iter().all(|input| input.name != **name)) {
        let known: Vec<String> = wanted.iter().map(|input| format!("{} ({input})", input.name)).collect();
        return Err(Error::InputUnknown { name: name.clone(), known: known.join(", ") });
    }
    let mut symbols = BTreeMap::new();
    for input in wanted {
        let name = input.name.clone();
        let missing = || Error::InputMissing { name: name.clone(), wanted: input.to_string() };
        let found = given.get(&input.name).ok_or_else(missing)?;
        if !accepts(input, found) {
            return Err(Error::InputMismatch { name, wanted: input.to_string(), given: found.to_string() });
        }
        if found.checked_count().is_none() {
            return Err(Error::InputTooLarge { name, given: found.to_string() });
        }
        bind(input, found, &mut symbols)?;
    }
    Ok(())
}

/// Returns whether an input takes a tensor of this type, its symbols aside.
pub(crate) fn accepts(input: &Input, given: &TensorType) -> bool {
    let fits = |(dimension, extent): (&Dimension, &usize)| match dimension {
        Dimension::Fixed(wanted) => wanted == extent,
        Dimension::Symbol(_) | Dimension::Any => true,
    };
    let shape_fits = input.dimensions.as_ref().is_none_or(|dimensions| {
        dimensions.len() == given.shape.len() && dimensions.iter().zip(&given.shape).all(fits)
    });
    given.data_type == input.data_type && shape_fits
}

/// Gives each of the input's symbols its extent, or holds it against the one it has.
fn bind<'a>(
    input: &'a Input,
    given: &TensorType,
    symbols: &mut BTreeMap<&'a str, (usize, &'a str)>,
) -> Result<(), Error> {
    for (dimension, &extent) in input.dimensions.iter().flatten().zip(&given.shape) {
        let Dimension::Symbol(symbol) = dimension else { continue };
        let &mut (bound, other) = symbols.entry(symbol).or_insert((extent, &input.name));
        if bound != extent {
            let (name, symbol, other) = (input.name.clone(), symbol.clone(), other.to_owned());
            return Err(Error::SymbolConflict { name, symbol, given: extent, other, bound });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
