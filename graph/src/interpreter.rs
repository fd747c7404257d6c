//! Runs programs node by node, whatever an engine keeps its values in: states and last uses are seen to here.

mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};

use crate::constant::Constant;
use crate::ir::{Graph, Node, ValueId};
use crate::ops::Operator;
use crate::pipeline::Program;
use crate::tensor::{Tensor, TensorType};
pub use reference::interpret;

/// An engine that computes one node at a time.
pub trait NodeEngine {
    /// A tensor where the engine wants it; a clone is one more reference to it.
    type Value: Clone;
    /// The reason why the engine cannot do something.
    type Reason: Debug + Display;

    /// Takes a tensor.
    ///
    /// # Errors
    /// A tensor that the engine cannot keep.
    fn upload(&self, tensor: &Tensor) -> Result<Self::Value, Self::Reason>;

    /// The result of an operator, which is of this type. An operand that nothing else needs is the only reference to
    /// it, so that an engine may compute in place.
    ///
    /// # Errors
    /// Operators that the engine has no operation for, and operands that do not fit.
    fn compute(
        &self,
        operator: &Operator,
        operands: Vec<Option<Self::Value>>,
        result: &TensorType,
    ) -> Result<Self::Value, Self::Reason>;

    /// Gives a value back as a tensor of this type.
    ///
    /// # Errors
    /// Where the engine failed since.
    fn download(&self, value: Self::Value, tensor_type: &TensorType) -> Result<Tensor, Self::Reason>;
}

/// The place where an inference ended, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each field is")]
pub enum InterpreterError<Reason: Debug + Display> {
    #[error("node {node:?} ({operator}): {reason}")]
    Node { node: String, operator: String, reason: Reason },
    #[error("value {value:?}: {reason}")]
    Value { value: String, reason: Reason },
    #[error("value {value:?}, which nothing made or fed")]
    Missing { value: String },
}

/// Programs, and what stays in memory between their runs, by state. It runs them node by node.
#[derive(Debug)]
pub struct Interpreter<E: NodeEngine> {
    engine: E,
    programs: Vec<LoadedProgram<E::Value>>,
    states: BTreeMap<String, E::Value>,
}

/// Names a constant of one of the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightId {
    program: usize,
    value: ValueId,
}

impl<E: NodeEngine> Interpreter<E> {
    /// The programs of a model, still without weights.
    pub fn new(engine: E, programs: Vec<Program>) -> Interpreter<E> {
        Interpreter {
            engine,
            programs: programs.into_iter().map(LoadedProgram::new).collect(),
            states: BTreeMap::new(),
        }
    }

    /// The weights that have to be put before the first run.
    pub fn weights(&self) -> Vec<(WeightId, Constant)> {
        let of = |(number, program): (usize, &LoadedProgram<E::Value>)| {
            let constants = program.graph.values.iter().enumerate().filter_map(move |(index, value)| {
                let weight = WeightId { program: number, value: ValueId(index) };
                value.constant.clone().map(|constant| (weight, constant))
            });
            constants.collect::<Vec<_>>()
        };
        self.programs.iter().enumerate().flat_map(of).collect()
    }

    /// Puts a weight where the engine wants it.
    ///
    /// # Errors
    /// A tensor that the engine cannot keep.
    pub fn put(&mut self, weight: WeightId, tensor: &Tensor) -> Result<(), InterpreterError<E::Reason>> {
        let program = &mut self.programs[weight.program];
        let value = upload(&self.engine, &program.graph.values[weight.value.0].name, tensor)?;
        program.constants.insert(weight.value, value);
        Ok(())
    }

    /// Runs a program once.
    ///
    /// # Errors
    /// Values that the engine cannot keep or compute, and an input that is missing.
    pub fn run(
        &mut self,
        program: usize,
        inputs: &BTreeMap<String, Tensor>,
    ) -> Result<BTreeMap<String, Tensor>, InterpreterError<E::Reason>> {
        self.programs[program].run(&self.engine, inputs, &mut self.states)
    }
}

fn upload<E: NodeEngine>(
    engine: &E,
    name: &str,
    tensor: &Tensor,
) -> Result<E::Value, InterpreterError<E::Reason>> {
    engine.upload(tensor).map_err(|reason| InterpreterError::Value { value: name.to_owned(), reason })
}

/// A program with its weights where the engine wants them.
#[derive(Debug)]
struct LoadedProgram<Value> {
    graph: Graph,
    states: BTreeMap<String, String>,
    constants: BTreeMap<ValueId, Value>,
    /// For each node, the operands that nothing after it needs.
    last_uses: Vec<Vec<ValueId>>,
}

impl<Value: Clone> LoadedProgram<Value> {
    fn new(program: Program) -> LoadedProgram<Value> {
        let Program { graph, states, .. } = program;
        let last_uses = last_uses(&graph);
        LoadedProgram { graph, states, constants: BTreeMap::new(), last_uses }
    }

    fn run<E: NodeEngine<Value = Value>>(
        &self,
        engine: &E,
        inputs: &BTreeMap<String, Tensor>,
        states: &mut BTreeMap<String, Value>,
    ) -> Result<BTreeMap<String, Tensor>, InterpreterError<E::Reason>> {
        let mut live = self.fed(engine, inputs, states)?;
        for (node, last_uses) in self.graph.nodes.iter().zip(&self.last_uses) {
            self.step(engine, node, last_uses, &mut live)?;
        }
        let mut outputs = BTreeMap::new();
        for &id in &self.graph.outputs {
            let value = &self.graph.values[id.0];
            let found = self.find(id, &live)?;
            if let Some(state) = self.states.get(&value.name) {
                states.insert(state.clone(), found);
                continue;
            }
            let tensor = engine.download(found, &value.tensor_type);
            let tensor =
                tensor.map_err(|reason| InterpreterError::Value { value: value.name.clone(), reason })?;
            outputs.insert(value.name.clone(), tensor);
        }
        Ok(outputs)
    }

    /// The graph's inputs, of which some lie in states; what nothing has left anything in yet holds zeros.
    fn fed<E: NodeEngine<Value = Value>>(
        &self,
        engine: &E,
        inputs: &BTreeMap<String, Tensor>,
        states: &BTreeMap<String, Value>,
    ) -> Result<BTreeMap<ValueId, Value>, InterpreterError<E::Reason>> {
        let mut live = BTreeMap::new();
        for &id in &self.graph.inputs {
            let value = &self.graph.values[id.0];
            let state = self.states.get(&value.name);
            if let Some(kept) = state.and_then(|state| states.get(state)) {
                live.insert(id, kept.clone());
            } else if state.is_some() {
                live.insert(id, upload(engine, &value.name, &Tensor::zeros(&value.tensor_type))?);
            } else if let Some(tensor) = inputs.get(&value.name) {
                live.insert(id, upload(engine, &value.name, tensor)?);
            }
        }
        Ok(live)
    }

    fn step<E: NodeEngine<Value = Value>>(
        &self,
        engine: &E,
        node: &Node,
        last_uses: &[ValueId],
        live: &mut BTreeMap<ValueId, Value>,
    ) -> Result<(), InterpreterError<E::Reason>> {
        let operand = |id: &Option<ValueId>| id.map(|id| self.find(id, live)).transpose();
        let operands = node.inputs.iter().map(operand).collect::<Result<Vec<_>, _>>()?;
        last_uses.iter().for_each(|id| drop(live.remove(id)));
        let failed = |reason| {
            let (node, operator) = (node.name.clone(), node.operator.to_string());
            InterpreterError::Node { node, operator, reason }
        };
        // Every operator has one result.
        if let Some(&output) = node.outputs.first() {
            let result = &self.graph.values[output.0].tensor_type;
            live.insert(output, engine.compute(&node.operator, operands, result).map_err(failed)?);
        }
        Ok(())
    }

    fn find<Reason: Debug + Display>(
        &self,
        id: ValueId,
        live: &BTreeMap<ValueId, Value>,
    ) -> Result<Value, InterpreterError<Reason>> {
        let found = live.get(&id).or_else(|| self.constants.get(&id)).cloned();
        found.ok_or_else(|| InterpreterError::Missing { value: self.graph.values[id.0].name.clone() })
    }
}

/// For each node, the operands that neither a later node nor the caller reads.
fn last_uses(graph: &Graph) -> Vec<Vec<ValueId>> {
    let mut read_later: BTreeSet<ValueId> = graph.outputs.iter().copied().collect();
    let mut lists: Vec<Vec<ValueId>> = graph
        .nodes
        .iter()
        .rev()
        .map(|node| node.inputs.iter().flatten().copied().filter(|&id| read_later.insert(id)).collect())
        .collect();
    lists.reverse();
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_dropped_after_their_last_use() {
        let text = "x: f32[2]\na = Neg(x)\nb = Add(a, x)\ny = Mul(b, a)\nreturn y";
        let graph = crate::text::parse(text).unwrap();
        let names = |ids: &Vec<ValueId>| -> Vec<String> {
            ids.iter().map(|id| graph.values[id.0].name.clone()).collect()
        };
        let dropped: Vec<_> = last_uses(&graph).iter().map(names).collect();
        assert_eq!(dropped, [vec![], vec!["x".to_owned()], vec!["b".to_owned(), "a".to_owned()]]);
    }
}
