//! An MLGraph as data: the operands it has and the calls that make them.

use std::fmt;

use graph::{Constant, NodeId};
use serde_json::{Map, Value};

use crate::element::ElementType;

/// Names an operand of one plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperandId(pub usize);

/// What an MLOperandDescriptor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand {
    /// The type of its elements.
    pub element: ElementType,
    /// Extent of each dimension, outermost first.
    pub shape: Vec<usize>,
}

/// One call of an MLGraphBuilder's method: operands first, then plain arguments, then the options.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The node it stands for, or is a part of.
    pub node: NodeId,
    /// The node's name, which the browser's own errors then carry.
    pub label: String,
    /// The method.
    pub method: &'static str,
    /// Operands in order, each with its role in the operator's limits.
    pub operands: Vec<(&'static str, OperandId)>,
    /// Whether the method takes its operands as one list.
    pub as_list: bool,
    /// What follows the operands.
    pub arguments: Vec<Value>,
    /// Operands among the options.
    pub operand_options: Vec<(&'static str, OperandId)>,
    /// Everything else among the options.
    pub options: Map<String, Value>,
    /// The operand it gives.
    pub output: OperandId,
}

/// How an MLGraph is built.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Every operand, indexed by [`OperandId`].
    pub operands: Vec<Operand>,
    /// What the caller feeds, by name.
    pub inputs: Vec<(String, OperandId)>,
    /// Weights, and numbers that operators need.
    pub constants: Vec<(OperandId, Constant)>,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// What the caller wants, by name.
    pub outputs: Vec<(String, OperandId)>,
}

impl Operand {
    /// Bytes that its elements take.
    pub fn size_bytes(&self) -> u64 {
        let count = self.shape.iter().fold(1u64, |count, &extent| count.saturating_mul(extent as u64));
        count.saturating_mul(self.element.size_bits()).div_ceil(8)
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.element, self.shape)
    }
}

impl Plan {
    /// An operand of the plan.
    pub fn operand(&self, id: OperandId) -> &Operand {
        &self.operands[id.0]
    }

    pub(crate) fn add(&mut self, operand: Operand) -> OperandId {
        self.operands.push(operand);
        OperandId(self.operands.len() - 1)
    }
}
