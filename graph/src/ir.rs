//! The static graph: every shape known, every shape computation folded away, nodes in execution order.

use std::collections::BTreeMap;

use crate::constant::Constant;
use crate::ops::Operator;
use crate::tensor::TensorType;

/// Names a value of one graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub usize);

/// Names a node of one graph: its position in [`Graph::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// Something computed, fed or constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The name it has in the ONNX graph, or one derived from it.
    pub name: String,
    /// Its static type.
    pub tensor_type: TensorType,
    /// Its elements, or how they are made, for weights and folded constants.
    pub constant: Option<Constant>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The name it has in the ONNX graph.
    pub name: String,
    /// Its operator, attributes included.
    pub operator: Operator,
    /// Operands in the operator's order; `None` for an optional one left out.
    pub inputs: Vec<Option<ValueId>>,
    /// Results in the operator's order.
    pub outputs: Vec<ValueId>,
}

/// A whole graph with static shapes.
///
/// Invariants: nodes are in execution order; each value is a graph input, a constant, or the output of
/// exactly one node; graph outputs carry the ONNX output names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    /// Every value, indexed by [`ValueId`].
    pub values: Vec<Value>,
    /// Every node, in execution order.
    pub nodes: Vec<Node>,
    /// The values fed by the caller.
    pub inputs: Vec<ValueId>,
    /// The values the caller wants.
    pub outputs: Vec<ValueId>,
    /// The least and the most that inputs of integers hold, by name, where that is taken for granted: whoever feeds
    /// them holds them to it.
    pub bounds: BTreeMap<String, (i64, i64)>,
    /// Names of the inputs whose elements decided what is computed: a shape, an axis, which branch is taken. At other
    /// elements it would be another graph.
    pub deciding: Vec<String>,
}
