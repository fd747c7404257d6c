//! An MLGraph as data: the operands it has and the calls that make them.

use std::collections::BTreeSet;
use std::fmt;

use graph::{Constant, NodeId};
use serde_json::{Map, Value};

use crate::element::ElementType;

/// Names an operand of one plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperandId(pub usize);

/// An operand, as an MLOperandDescriptor says it.
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
    /// True where the method takes its operands as one list.
    pub as_list: bool,
    /// The arguments behind the operands.
    pub arguments: Vec<Value>,
    /// Operands among the options.
    pub operand_options: Vec<(&'static str, OperandId)>,
    /// Everything else among the options.
    pub options: Map<String, Value>,
    /// The operand it gives.
    pub output: OperandId,
}

/// The calls that build an MLGraph.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Every operand, indexed by [`OperandId`].
    pub operands: Vec<Operand>,
    /// The operands that the caller feeds, by name.
    pub inputs: Vec<(String, OperandId)>,
    /// Weights, and numbers that operators need.
    pub constants: Vec<(OperandId, Constant)>,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// The operands that the caller wants, by name.
    pub outputs: Vec<(String, OperandId)>,
}

impl Call {
    /// The operands that it takes.
    pub fn reads(&self) -> impl Iterator<Item = OperandId> {
        self.operands.iter().chain(&self.operand_options).map(|(_, id)| *id)
    }
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

    /// The kind of a call, all but its extents: a browser that refuses one of a kind is taken to refuse all.
    pub fn kind(&self, call: &Call) -> String {
        let operands = call.operands.iter().chain(&call.operand_options).map(|(role, id)| {
            let Operand { element, shape } = self.operand(*id);
            let constant = if self.constant(*id).is_some() { " constant" } else { "" };
            format!("{role}:{element} of rank {}{constant}", shape.len())
        });
        // Lists are extents; an axis or a type is not.
        let arguments = call.arguments.iter().filter(|argument| !argument.is_array()).map(Value::to_string);
        let taken = operands.chain(arguments).collect::<Vec<_>>().join(", ");
        let Operand { element, shape } = self.operand(call.output);
        let options = Value::Object(call.options.clone());
        format!("{}({taken}) {options} to {element} of rank {}", call.method, shape.len())
    }

    /// The constant that an operand is, if it is one.
    pub fn constant(&self, id: OperandId) -> Option<&Constant> {
        self.constants.iter().find(|(known, _)| *known == id).map(|(_, constant)| constant)
    }

    /// Some of the calls as a plan of their own: what others make is fed, what none of them reads goes out.
    pub fn part(&self, calls: &[usize]) -> Plan {
        let calls: Vec<Call> = calls.iter().map(|&call| self.calls[call].clone()).collect();
        let made: BTreeSet<OperandId> = calls.iter().map(|call| call.output).collect();
        let read: BTreeSet<OperandId> = calls.iter().flat_map(Call::reads).collect();
        let named = |id: &OperandId| (format!("operand {}", id.0), *id);
        Plan {
            operands: self.operands.clone(),
            inputs: read
                .iter()
                .filter(|id| !made.contains(id) && self.constant(**id).is_none())
                .map(named)
                .collect(),
            constants: self.constants.iter().filter(|(id, _)| read.contains(id)).cloned().collect(),
            outputs: made.difference(&read).map(named).collect(),
            calls,
        }
    }

    /// Takes out the calls, inputs and constants that no output needs: a graph has no inputs but those.
    pub(crate) fn prune(&mut self) {
        let mut needed: BTreeSet<OperandId> = self.outputs.iter().map(|(_, id)| *id).collect();
        let mut kept = Vec::with_capacity(self.calls.len());
        for call in std::mem::take(&mut self.calls).into_iter().rev() {
            if needed.contains(&call.output) {
                needed.extend(call.reads());
                kept.push(call);
            }
        }
        kept.reverse();
        self.calls = kept;
        self.inputs.retain(|(_, id)| needed.contains(id));
        self.constants.retain(|(id, _)| needed.contains(id));
    }

    pub(crate) fn add_constant(&mut self, operand: Operand, constant: Constant) -> OperandId {
        let id = self.add(operand);
        self.constants.push((id, constant));
        id
    }

    pub(crate) fn add(&mut self, operand: Operand) -> OperandId {
        self.operands.push(operand);
        OperandId(self.operands.len() - 1)
    }
}
