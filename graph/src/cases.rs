//! One small graph for each operator, element type and kind of shape: what every engine is tested with.

use crate::error::Error;
use crate::half::kept;
use crate::ir::{Graph, Node, Value, ValueId};
use crate::ops::Operator;
use crate::tensor::{DataType, Tensor, TensorType};

mod elementwise;
mod extremes;
mod indices;
mod long;
mod table;
mod wide;
mod windows;

pub use extremes::extremes;
pub use long::long;
pub use table::{all, floats, whole};

/// Largest error allowed, relative to the expected number where that is larger than 1.
const TOLERANCE: f32 = 2e-5;
/// The tolerance of f16: two steps of its 11 bits, since a number near the middle of two can be rounded to either.
const HALF_TOLERANCE: f32 = 2e-3;

/// One operator with its operands.
#[derive(Debug, Clone)]
pub struct Case {
    /// The subject of the case.
    pub name: String,
    /// The operator.
    pub operator: Operator,
    /// Its operands, `None` where an optional one is left out.
    pub inputs: Vec<Option<Tensor>>,
    /// The type of its result.
    pub output: TensorType,
}

impl Case {
    /// The case with f16 for f32, if it has any.
    pub fn halved(&self) -> Option<Case> {
        let is_float = |tensor: &Tensor| tensor.data_type() == DataType::F32;
        if matches!(self.operator, Operator::Cast(_)) || !self.inputs.iter().flatten().any(is_float) {
            return None;
        }
        let halved = |tensor: &Tensor| match tensor.data_type() {
            DataType::F32 => {
                Tensor { shape: tensor.shape.clone(), data: kept(tensor.data.clone(), DataType::F16) }
            }
            _ => tensor.clone(),
        };
        let inputs: Vec<_> = self.inputs.iter().map(|input| input.as_ref().map(halved)).collect();
        let types: Vec<_> = inputs.iter().map(|input| input.as_ref().map(Tensor::tensor_type)).collect();
        let types: Vec<_> = types.iter().map(Option::as_ref).collect();
        let output = self.operator.infer(&types).ok()?.pop()?;
        Some(Case {
            name: format!("{} of halves", self.name),
            operator: self.operator.clone(),
            inputs,
            output,
        })
    }

    /// A graph of this one node; its inputs are called x0, x1, ... and its output y.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::default();
        let mut inputs = Vec::new();
        for (index, tensor) in self.inputs.iter().enumerate() {
            inputs.push(tensor.as_ref().map(|tensor| {
                let id = add_value(&mut graph, &format!("x{index}"), tensor.tensor_type());
                graph.inputs.push(id);
                id
            }));
        }
        let output = add_value(&mut graph, "y", self.output.clone());
        graph.outputs.push(output);
        let node =
            Node { name: self.name.clone(), operator: self.operator.clone(), inputs, outputs: vec![output] };
        graph.nodes.push(node);
        graph
    }

    /// The tensors to feed the graph, in the order of its inputs.
    pub fn fed(&self) -> Vec<(String, Tensor)> {
        let named = |(index, tensor): (usize, &Option<Tensor>)| Some((format!("x{index}"), tensor.clone()?));
        self.inputs.iter().enumerate().filter_map(named).collect()
    }

    /// The result of the operator's own evaluation.
    ///
    /// # Errors
    /// Where the operands do not fit.
    pub fn expected(&self) -> Result<Tensor, Error> {
        let operands: Vec<Option<&Tensor>> = self.inputs.iter().map(Option::as_ref).collect();
        Ok(self.operator.evaluate(&operands)?.swap_remove(0))
    }
}

/// Adds a value that something else has to define.
fn add_value(graph: &mut Graph, name: &str, tensor_type: TensorType) -> ValueId {
    graph.values.push(Value { name: name.to_owned(), tensor_type, constant: None });
    ValueId(graph.values.len() - 1)
}

/// The fault of a result: its type, or the first element that is off.
pub fn fault(actual: &Tensor, expected: &Tensor) -> Option<String> {
    if actual.tensor_type() != expected.tensor_type() {
        return Some(format!("is {}, expected {}", actual.tensor_type(), expected.tensor_type()));
    }
    let tolerance = match expected.data_type() {
        DataType::F32 => TOLERANCE,
        DataType::F16 => HALF_TOLERANCE,
        _ => {
            return (actual != expected)
                .then(|| format!("is {:?}, expected {:?}", actual.data, expected.data));
        }
    };
    let (got, wanted) = (actual.to_f32_vec(), expected.to_f32_vec());
    let off = |(a, e): (&f32, &f32)| {
        let near = e.is_finite() && (a - e).abs() <= tolerance * e.abs().max(1.0);
        !(a == e || (a.is_nan() && e.is_nan()) || near)
    };
    let index = got.iter().zip(wanted.iter()).position(off)?;
    Some(format!("element {index} is {}, expected {}", got[index], wanted[index]))
}

#[cfg(test)]
mod tests {
    use super::{extremes, long, table};

    #[test]
    fn every_case_gives_what_it_declares() {
        for case in table::all().into_iter().chain(extremes()).chain(long()) {
            let found = case.expected().map(|tensor| tensor.tensor_type());
            assert_eq!(found.as_ref(), Ok(&case.output), "{}", case.name);
        }
    }
}
