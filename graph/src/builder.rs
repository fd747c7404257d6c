//! Builds a graph node by node, inferring every type and computing at once what depends on constants only.

pub(crate) mod cache_length;
mod four_bits;
pub(crate) mod selection;
mod settle;

use std::collections::BTreeMap;

use crate::constant::{self, Constant};
use crate::error::{Error, invalid};
use crate::ir::{Graph, Node, Value, ValueId};
use crate::ops::{Operator, Reshape};
use crate::ranges;
use crate::tensor::{Tensor, TensorType};
use cache_length::CacheLength;
pub(crate) use four_bits::FourBits;
use selection::Selection;
use settle::Known;

/// A constant of more elements than this is left to be computed at run time, unless its operands are as
/// large.
pub(crate) const FOLD_LIMIT: usize = 1 << 20;

/// A graph in the making.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    pub(crate) graph: Graph,
    /// Elements of its inputs, as far as they are known.
    pub(crate) known: Known,
    /// Lengths that depend on the cache; `None` in a graph in which none can.
    cache_length: Option<CacheLength>,
    /// Axes along which computed masks pick.
    selections: BTreeMap<ValueId, Selection>,
    /// Matrices of floats that are there in four bits too, for the products that read them.
    four_bits: BTreeMap<ValueId, FourBits>,
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Adds a value that the caller will feed.
    pub fn input(&mut self, name: &str, tensor_type: TensorType) -> ValueId {
        let id = self.value(name, tensor_type, None);
        self.graph.inputs.push(id);
        id
    }

    /// Adds integers between two numbers that the caller will feed.
    pub(crate) fn bounded_input(
        &mut self,
        name: &str,
        tensor_type: TensorType,
        bounds: (i64, i64),
    ) -> ValueId {
        self.graph.bounds.insert(name.to_owned(), bounds);
        self.input(name, tensor_type)
    }

    /// Adds a value like a tensor, whose integers bound what is fed.
    pub(crate) fn fed(&mut self, name: &str, tensor: &Tensor) -> ValueId {
        match ranges::of_elements(tensor) {
            Some(bounds) => self.bounded_input(name, tensor.tensor_type(), bounds),
            None => self.input(name, tensor.tensor_type()),
        }
    }

    /// Adds a constant.
    pub fn constant(&mut self, name: &str, constant: impl Into<Constant>) -> ValueId {
        let constant = constant.into();
        self.value(name, constant.tensor_type(), Some(constant))
    }

    /// Adds a node, or its result where all its operands are constants. The value takes the node's name.
    ///
    /// # Errors
    /// Where the operator refuses its operands.
    pub fn push(
        &mut self,
        name: &str,
        operator: Operator,
        inputs: &[Option<ValueId>],
    ) -> Result<ValueId, Error> {
        if inputs.iter().flatten().any(|&id| self.selection(id).is_some()) {
            return selection::push(self, name, operator, inputs);
        }
        let varies = |&id: &ValueId| self.axes(id).is_some() || self.linear(id).is_some();
        if inputs.iter().flatten().any(varies) {
            return cache_length::push(self, name, operator, inputs);
        }
        self.push_static(name, operator, inputs)
    }

    /// Adds a node of whose operands nothing has to be known but their types.
    pub(crate) fn push_static(
        &mut self,
        name: &str,
        operator: Operator,
        inputs: &[Option<ValueId>],
    ) -> Result<ValueId, Error> {
        let types: Vec<_> = inputs.iter().map(|id| id.map(|id| self.tensor_type(id))).collect();
        let mut results = operator.infer(&types)?;
        let tensor_type = results.pop().ok_or_else(|| invalid!("{operator} has no result"))?;
        if let Some(constant) = self.fold(&operator, inputs, &tensor_type)? {
            return Ok(self.constant(name, constant));
        }
        let output = self.value(name, tensor_type, None);
        let inputs = inputs.to_vec();
        self.graph.nodes.push(Node { name: name.into(), operator, inputs, outputs: vec![output] });
        Ok(output)
    }

    fn fold(
        &self,
        operator: &Operator,
        inputs: &[Option<ValueId>],
        result: &TensorType,
    ) -> Result<Option<Constant>, Error> {
        let mut operands = Vec::new();
        let mut largest = FOLD_LIMIT;
        for id in inputs {
            let constant = id.map(|id| self.graph.values[id.0].constant.as_ref());
            if constant == Some(None) {
                return Ok(None);
            }
            operands.push(constant.flatten());
            largest = largest.max(constant.flatten().map_or(0, Constant::element_count));
        }
        let filled = operands.iter().flatten().any(|constant| constant.is_fill());
        if filled || result.element_count() > largest {
            return constant::refilled(operator, &operands, result);
        }
        constant::apply(operator, &operands, result)
    }

    /// Names a value as a result of the graph. Every result is the output of a node: an input, a
    /// constant, or a
    /// value that is a result already, is copied.
    pub fn output(&mut self, name: &str, id: ValueId) {
        let made = self.graph.nodes.iter().any(|node| node.outputs.contains(&id));
        let id = if made && !self.graph.outputs.contains(&id) { id } else { self.copy(name, id) };
        self.rename(id, name);
        self.graph.outputs.push(id);
    }

    fn copy(&mut self, name: &str, id: ValueId) -> ValueId {
        let tensor_type = self.tensor_type(id).clone();
        let operator = Operator::Reshape(Reshape { shape: tensor_type.shape.clone() });
        let output = self.value(name, tensor_type, None);
        let (inputs, outputs) = (vec![Some(id)], vec![output]);
        self.graph.nodes.push(Node { name: name.into(), operator, inputs, outputs });
        output
    }

    /// The finished graph.
    pub fn finish(mut self) -> Graph {
        self.fix_deciding_inputs();
        self.graph
    }

    /// Lengths that depend on the cache.
    pub(crate) fn cache_length(&self) -> Option<&CacheLength> {
        self.cache_length.as_ref()
    }

    /// Lengths that depend on the cache, to be added to.
    pub(crate) fn cache_length_mut(&mut self) -> &mut Option<CacheLength> {
        &mut self.cache_length
    }

    /// Along which axis of a value a computed mask picks, if one does.
    pub(crate) fn selection(&self, id: ValueId) -> Option<Selection> {
        self.selections.get(&id).copied()
    }

    /// Says that a computed mask picks along an axis of a value.
    pub(crate) fn set_selection(&mut self, id: ValueId, selection: Selection) {
        self.selections.insert(id, selection);
    }

    /// Adds a value that no node makes and none may read.
    pub(crate) fn declare(&mut self, name: &str, tensor_type: TensorType) -> ValueId {
        self.value(name, tensor_type, None)
    }

    /// The type of a value.
    pub fn tensor_type(&self, id: ValueId) -> &TensorType {
        &self.graph.values[id.0].tensor_type
    }

    /// The elements of a value, if it is constant and they are here.
    pub fn constant_of(&self, id: ValueId) -> Option<&Tensor> {
        self.graph.values[id.0].constant.as_ref()?.here()
    }

    /// Returns whether a value is constant, its elements here or not.
    pub(crate) fn is_constant(&self, id: ValueId) -> bool {
        self.graph.values[id.0].constant.is_some()
    }

    /// Notes that a matrix is there in four bits too.
    pub(crate) fn set_four_bits(&mut self, id: ValueId, matrix: FourBits) {
        self.four_bits.insert(id, matrix);
    }

    /// A matrix in four bits, if it is there so.
    pub(crate) fn four_bits(&self, id: ValueId) -> Option<FourBits> {
        self.four_bits.get(&id).copied()
    }

    /// The inputs of the graph that a value is computed from, by name.
    pub(crate) fn inputs_behind(&self, id: ValueId) -> Vec<String> {
        let wanted = self.behind(id);
        let found = self.graph.inputs.iter().filter(|input| wanted.contains(input));
        found.map(|input| self.graph.values[input.0].name.clone()).collect()
    }

    /// The number of values; the next one's id.
    pub(crate) fn value_count(&self) -> usize {
        self.graph.values.len()
    }

    /// Gives a value another name.
    pub(crate) fn rename(&mut self, id: ValueId, name: &str) {
        self.graph.values[id.0].name = name.into();
    }

    /// Puts the name of the component that a value belongs to before its own.
    pub(crate) fn qualify(&mut self, id: ValueId, component: &str) {
        let name = &mut self.graph.values[id.0].name;
        *name = format!("{component}.{name}");
    }

    fn value(&mut self, name: &str, tensor_type: TensorType, constant: Option<Constant>) -> ValueId {
        self.graph.values.push(Value { name: name.into(), tensor_type, constant });
        ValueId(self.graph.values.len() - 1)
    }
}
