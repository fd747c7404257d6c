//! Walks a static graph node by node on Burn, natively and in WebAssembly.

mod indices;
mod operators;
mod products;
mod value;
mod windows;

use std::collections::{BTreeMap, BTreeSet};

use burn::backend::{Backend, Dispatch, DispatchDevice, FlexDevice};
use graph::pipeline::{Pipeline, Program};
use graph::{Constant, Graph, Node, Tensor, ValueId};

use self::operators::{Operands, compute};
use self::value::Value;

/// Burn's version, which it does not tell itself; a test compares it with the lock file.
pub const VERSION: &str = "0.22.1";

/// What Burn has no operation for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each field is")]
pub enum Error {
    #[error("node \"{node}\" ({operator}): Burn cannot run it: {reason}")]
    Node { node: String, operator: String, reason: String },
    #[error("Burn refused while reading output \"{output}\": {reason}")]
    Output { output: String, reason: String },
}

/// The name of Burn's backend.
pub fn backend() -> String {
    Dispatch::name(&DispatchDevice::Flex(FlexDevice))
}

/// Programs, and what stays in memory between their runs, by state.
///
/// Burn has no errors but panics: for an index outside its axis, say.
pub struct Walks {
    walks: Vec<Walk>,
    states: Values<String>,
}

/// A constant of one of the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    program: usize,
    value: ValueId,
}

impl Walks {
    /// The programs of a model, still without weights.
    pub fn new(pipeline: &Pipeline) -> Walks {
        Walks { walks: pipeline.programs.iter().map(Walk::new).collect(), states: Values::new() }
    }

    /// What has to be put before the first run.
    pub fn weights(&self) -> Vec<(Weight, Constant)> {
        let of = |(program, walk): (usize, &Walk)| {
            let constants = walk.graph.values.iter().enumerate().filter_map(move |(index, value)| {
                let weight = Weight { program, value: ValueId(index) };
                value.constant.clone().map(|constant| (weight, constant))
            });
            constants.collect::<Vec<_>>()
        };
        self.walks.iter().enumerate().flat_map(of).collect()
    }

    /// Puts a weight where Burn wants it.
    pub fn put(&mut self, weight: Weight, tensor: &Tensor) {
        let walk = &mut self.walks[weight.program];
        walk.constants.insert(weight.value, Value::upload(tensor, &walk.device));
    }

    /// Runs a program once.
    ///
    /// # Errors
    /// A node or an output that Burn has no operation for.
    pub fn run(
        &mut self,
        program: usize,
        inputs: &BTreeMap<String, Tensor>,
    ) -> Result<BTreeMap<String, Tensor>, Error> {
        self.walks[program].run(inputs, &mut self.states)
    }
}

type Values<Key> = BTreeMap<Key, Value>;

/// A program with its weights where Burn wants them.
struct Walk {
    device: DispatchDevice,
    graph: Graph,
    states: BTreeMap<String, String>,
    constants: Values<ValueId>,
    /// For each node, the operands that nothing after it needs.
    last_uses: Vec<Vec<ValueId>>,
}

impl Walk {
    fn new(program: &Program) -> Walk {
        let Program { graph, states, .. } = program.clone();
        let last_uses = last_uses(&graph);
        Walk { device: DispatchDevice::Flex(FlexDevice), graph, states, constants: Values::new(), last_uses }
    }

    fn run(
        &self,
        inputs: &BTreeMap<String, Tensor>,
        states: &mut Values<String>,
    ) -> Result<BTreeMap<String, Tensor>, Error> {
        let mut live = Values::new();
        for &id in &self.graph.inputs {
            let value = &self.graph.values[id.0];
            if let Some(state) = self.states.get(&value.name) {
                // What nothing has left anything in yet holds zeros.
                let zeros = || Value::upload(&Tensor::zeros(&value.tensor_type), &self.device);
                live.insert(id, states.get(state).cloned().unwrap_or_else(zeros));
            } else if let Some(tensor) = inputs.get(&value.name) {
                live.insert(id, Value::upload(tensor, &self.device));
            }
        }
        for (node, last_uses) in self.graph.nodes.iter().zip(&self.last_uses) {
            self.step(node, last_uses, &mut live).map_err(|reason| Error::Node {
                node: node.name.clone(),
                operator: node.operator.to_string(),
                reason,
            })?;
        }
        let mut outputs = BTreeMap::new();
        for &id in &self.graph.outputs {
            let value = &self.graph.values[id.0];
            let found = self.find(id, &live).ok_or_else(|| "no node makes it".to_owned());
            let done = match self.states.get(&value.name) {
                Some(state) => found.map(|found| drop(states.insert(state.clone(), found))),
                None => found.and_then(|found| found.download(&value.tensor_type)).map(|tensor| {
                    outputs.insert(value.name.clone(), tensor);
                }),
            };
            done.map_err(|reason| Error::Output { output: value.name.clone(), reason })?;
        }
        Ok(outputs)
    }

    fn step(
        &self,
        node: &Node,
        last_uses: &[ValueId],
        live: &mut BTreeMap<ValueId, Value>,
    ) -> Result<(), String> {
        let &[output] = node.outputs.as_slice() else {
            return Err(format!("it has {} results", node.outputs.len()));
        };
        let operands = node.inputs.iter().map(|id| id.and_then(|id| self.find(id, live))).collect();
        // Burn computes in place where it holds the only reference.
        last_uses.iter().for_each(|id| drop(live.remove(id)));
        let result = &self.graph.values[output.0].tensor_type;
        live.insert(output, compute(&node.operator, Operands(operands), result, &self.device)?);
        Ok(())
    }

    fn find(&self, id: ValueId, live: &BTreeMap<ValueId, Value>) -> Option<Value> {
        live.get(&id).or_else(|| self.constants.get(&id)).cloned()
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
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use graph::cases;
    use graph::constant::NoFiles;

    use super::*;

    fn run(graph: Graph, inputs: &[(String, Tensor)]) -> Result<BTreeMap<String, Tensor>, String> {
        let program = Program { name: "case".to_owned(), graph, states: BTreeMap::new() };
        let inputs = inputs.iter().cloned().collect();
        let work = || {
            let mut walks = Walks::new(&Pipeline { programs: vec![program], decoding: None });
            for (weight, constant) in walks.weights() {
                walks.put(weight, &constant.evaluate(&mut NoFiles).unwrap());
            }
            walks.run(0, &inputs).map_err(|error| error.to_string())
        };
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("it panicked".to_owned()))
    }

    #[test]
    fn every_operator_computes_what_it_means() {
        let fault = |case: cases::Case| {
            let expected = case.expected().unwrap();
            match run(case.graph(), &case.fed()) {
                Ok(outputs) => cases::fault(&outputs["y"], &expected),
                Err(error) => Some(error),
            }
            .map(|fault| format!("{}: {fault}", case.name))
        };
        let faults: Vec<String> = cases::all().into_iter().filter_map(fault).collect();
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    }

    #[test]
    fn what_burn_cannot_do_is_said_and_not_computed() {
        let graph = |text: &str| graph::text::parse(text).unwrap();
        let outside = graph("x: i64[1]\nw: f32[2,3] = 1\ny = Gather(w, x)\nreturn y");
        let error = run(outside, &[("x".to_owned(), Tensor::vector(vec![2i64]))]).unwrap_err();
        assert_eq!(error, "it panicked");

        // Flattened, the offset of [0, 3] would be that of [1, 0].
        let outside = graph("x: i64[1,2]\nw: f32[2,3] = 1\ny = GatherND(w, x)\nreturn y");
        let tuple = Tensor::new([1, 2], vec![0i64, 3]).unwrap();
        assert!(run(outside, &[("x".to_owned(), tuple)]).is_err());

        let four = graph("x: f32[1,1,2,2,2,2]\nw: f32[1,1,1,1,1,1] = 1\ny = Conv(x, w)\nreturn y");
        let x = Tensor::new([1, 1, 2, 2, 2, 2], vec![1f32; 16]).unwrap();
        let error = run(four, &[("x".to_owned(), x)]).unwrap_err();
        assert!(error.contains("has 4 dimensions"), "{error}");
    }

    #[test]
    fn values_are_dropped_after_their_last_use() {
        let text = "x: f32[2]\na = Neg(x)\nb = Add(a, x)\ny = Mul(b, a)\nreturn y";
        let graph = graph::text::parse(text).unwrap();
        let names = |ids: &Vec<ValueId>| -> Vec<String> {
            ids.iter().map(|id| graph.values[id.0].name.clone()).collect()
        };
        let dropped: Vec<_> = last_uses(&graph).iter().map(names).collect();
        assert_eq!(dropped, [vec![], vec!["x".to_owned()], vec!["b".to_owned(), "a".to_owned()]]);
    }

    #[test]
    fn the_version_is_the_one_that_is_built_in() {
        let locked = format!("name = \"burn\"\nversion = \"{VERSION}\"");
        assert!(include_str!("../../Cargo.lock").contains(&locked));
    }
}
