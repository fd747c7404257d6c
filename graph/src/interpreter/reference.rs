//! Computes a graph operator by operator on the CPU: the reference for passes, shaders and engines.

use std::collections::BTreeMap;

use super::{Interpreter, InterpreterError, NodeEngine};
use crate::constant::NoFiles;
use crate::error::Error;
use crate::ir::Graph;
use crate::ops::Operator;
use crate::pipeline::Program;
use crate::tensor::{Tensor, TensorType};

/// The engine that computes as operators say of themselves.
#[derive(Debug)]
struct Reference;

impl NodeEngine for Reference {
    type Value = Tensor;
    type Reason = Error;

    fn upload(&self, tensor: &Tensor) -> Result<Tensor, Error> {
        Ok(tensor.clone())
    }

    fn compute(
        &self,
        operator: &Operator,
        operands: Vec<Option<Tensor>>,
        _result: &TensorType,
    ) -> Result<Tensor, Error> {
        let operands: Vec<_> = operands.iter().map(Option::as_ref).collect();
        Ok(operator.evaluate(&operands)?.swap_remove(0))
    }

    fn download(&self, value: Tensor, _tensor_type: &TensorType) -> Result<Tensor, Error> {
        Ok(value)
    }
}

/// Every output of the graph, by name, for these inputs, by name.
///
/// # Errors
/// Where an input is missing or of another type, or a node cannot be computed (an index outside, say); a constant
/// that lies in a file.
pub fn interpret(
    graph: &Graph,
    inputs: &BTreeMap<String, Tensor>,
) -> Result<BTreeMap<String, Tensor>, Error> {
    for &id in &graph.inputs {
        let value = &graph.values[id.0];
        let (name, wanted) = (value.name.clone(), value.tensor_type.to_string());
        let given = inputs.get(&name).map(Tensor::tensor_type);
        let given =
            given.ok_or_else(|| Error::InputMissing { name: name.clone(), wanted: wanted.clone() })?;
        if given != value.tensor_type {
            return Err(Error::InputMismatch { name, wanted, given: given.to_string() });
        }
    }
    let program = Program { name: String::new(), graph: graph.clone(), states: BTreeMap::new() };
    let mut interpreter = Interpreter::new(Reference, vec![program]);
    for (weight, constant) in interpreter.weights() {
        interpreter.put(weight, &constant.evaluate(&mut NoFiles)?).map_err(error)?;
    }
    interpreter.run(0, inputs).map_err(error)
}

fn error(fault: InterpreterError<Error>) -> Error {
    match fault {
        InterpreterError::Node { node, operator, reason } => reason.at(&node, &operator),
        InterpreterError::Value { reason, .. } => reason,
        InterpreterError::Missing { .. } => Error::Malformed { reason: fault.to_string() },
    }
}
