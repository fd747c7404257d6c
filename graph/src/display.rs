//! Graphs as text, one line per node: for people and for snapshots.

use std::fmt;

use crate::constant::Constant;
use crate::ir::{Graph, ValueId};
use crate::onnx::{Dimension, Input};

/// Constants of at most this many elements are shown with them.
const SHOWN_ELEMENTS: usize = 4;

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &id in &self.inputs {
            writeln!(f, "{}: {}", self.values[id.0].name, self.values[id.0].tensor_type)?;
        }
        for node in &self.nodes {
            let results: Vec<String> = node.outputs.iter().map(|id| self.result(*id)).collect();
            let operands: Vec<String> = node.inputs.iter().map(|id| self.operand(*id)).collect();
            writeln!(f, "{} = {}({})", results.join(", "), node.operator, operands.join(", "))?;
        }
        let names: Vec<&str> = self.outputs.iter().map(|id| self.values[id.0].name.as_str()).collect();
        writeln!(f, "return {}", names.join(", "))
    }
}

impl Graph {
    fn result(&self, id: ValueId) -> String {
        format!("{}: {}", self.values[id.0].name, self.values[id.0].tensor_type)
    }

    fn operand(&self, id: Option<ValueId>) -> String {
        let Some(id) = id else { return "_".into() };
        let value = &self.values[id.0];
        match value.constant.as_ref().map(Constant::here) {
            Some(Some(tensor)) if tensor.len() <= SHOWN_ELEMENTS => match tensor.to_i64_vec() {
                Some(integers) => format!("{} {integers:?}", value.tensor_type),
                None => format!("{} {:?}", value.tensor_type, tensor.to_f32_vec()),
            },
            Some(_) => format!("{} {}", value.tensor_type, value.name),
            None => value.name.clone(),
        }
    }
}

/// An input's type as the model declares it: `i64[batch, 16, ?]`.
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dimension = |dimension: &Dimension| match dimension {
            Dimension::Fixed(extent) => extent.to_string(),
            Dimension::Symbol(name) => name.clone(),
            Dimension::Any => "?".into(),
        };
        let dimensions = self.dimensions.as_ref().map(|dimensions| dimensions.iter().map(dimension));
        match dimensions {
            Some(dimensions) => {
                write!(f, "{}[{}]", self.data_type, dimensions.collect::<Vec<_>>().join(", "))
            }
            None => write!(f, "{} of any shape", self.data_type),
        }
    }
}
