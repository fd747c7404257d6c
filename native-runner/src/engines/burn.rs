//! Burn: walks the optimised graph node by node, on the device that a target names.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use burn::backend::{Backend, Dispatch, DispatchDevice, FlexDevice};
use graph::constant::Files;
use graph::pipeline::{Pipeline, Program};
use graph::{Graph, Node, Tensor, ValueId};
use protocol::{Device, Metric};

use self::operators::{Operands, compute};
use self::value::Value;
use super::{Found, Inferred, Prepared, Ready};
use crate::error::RunnerError;
use crate::measure::elapsed_ms;
use crate::model::{Loaded, refused};
use crate::processor;

mod indices;
mod operators;
mod products;
mod value;
mod windows;

/// Burn's version, which it does not tell itself; a test compares it with the lock file.
const VERSION: &str = "0.22.1";

/// Burn's version and the processor; it is built in, so it is always there.
///
/// # Errors
/// None.
pub fn detect(_device: Device) -> Result<Found, RunnerError> {
    Ok(Found { version: Some(VERSION.to_owned()), adapter: processor::adapter() })
}

/// Moves a model's weights to the device.
///
/// # Errors
/// Where Burn panics, or a weight cannot be read.
pub fn prepare(loaded: &Loaded, pipeline: &Pipeline, _device: Device) -> Result<Prepared, RunnerError> {
    let device = DispatchDevice::Flex(FlexDevice);
    let start = Instant::now();
    let walks = guarded("taking the weights", || {
        let mut files = loaded.files();
        let walks = pipeline.programs.iter().map(|program| Walk::new(program, &mut files, &device));
        let walks: Result<_, graph::Error> = walks.collect();
        walks.map_err(|source| refused(&loaded.manifest.name, source))
    })?;
    let model = Walks { walks, states: Values::new() };
    let nodes = pipeline.programs.iter().map(|program| program.graph.nodes.len().to_string());
    let measured = vec![(Metric::UploadMs, elapsed_ms(start))];
    let features = BTreeMap::from([
        ("burn".to_owned(), VERSION.to_owned()),
        ("backend".to_owned(), Dispatch::name(&device)),
        ("nodes".to_owned(), nodes.collect::<Vec<_>>().join("+")),
    ]);
    Ok(Prepared { model: Box::new(model), adapter: processor::adapter(), measured, features })
}

/// Programs, and what stays on the device between their runs, by state.
struct Walks {
    walks: Vec<Walk>,
    states: Values<String>,
}

impl Ready for Walks {
    fn run(&mut self, program: usize, inputs: &BTreeMap<String, Tensor>) -> Result<Inferred, RunnerError> {
        let outputs = guarded("running the model", || self.walks[program].run(inputs, &mut self.states))?;
        Ok(Inferred { outputs, gpu_ms: None, dispatches_ms: Vec::new() })
    }
}

type Values<Key> = BTreeMap<Key, Value>;

/// A program with its weights on the device.
struct Walk {
    device: DispatchDevice,
    graph: Graph,
    states: BTreeMap<String, String>,
    constants: Values<ValueId>,
    /// For each node, the operands that nothing after it needs.
    last_uses: Vec<Vec<ValueId>>,
}

impl Walk {
    fn new(program: &Program, files: &mut dyn Files, device: &DispatchDevice) -> Result<Walk, graph::Error> {
        let Program { graph, states, .. } = program.clone();
        let mut constants = Values::new();
        for (index, value) in graph.values.iter().enumerate() {
            if let Some(constant) = &value.constant {
                let tensor = constant.evaluate(files)?;
                constants.insert(ValueId(index), Value::upload(&tensor, device));
            }
        }
        let last_uses = last_uses(&graph);
        Ok(Walk { device: device.clone(), graph, states, constants, last_uses })
    }

    fn run(
        &self,
        inputs: &BTreeMap<String, Tensor>,
        states: &mut Values<String>,
    ) -> Result<BTreeMap<String, Tensor>, RunnerError> {
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
            self.step(node, last_uses, &mut live).map_err(|reason| RunnerError::NodeUnsupported {
                engine: "Burn",
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
            done.map_err(|message| RunnerError::Engine {
                engine: "Burn",
                doing: "reading the outputs",
                message: format!("output \"{}\": {message}", value.name),
            })?;
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

/// Burn has no errors but panics; here they become errors.
fn guarded<T>(doing: &'static str, work: impl FnOnce() -> Result<T, RunnerError>) -> Result<T, RunnerError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let message = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned();
        Err(RunnerError::Engine { engine: "Burn", doing, message })
    })
}

#[cfg(test)]
mod tests {
    use graph::cases;
    use graph::constant::NoFiles;

    use super::*;

    fn run(graph: Graph, inputs: &[(String, Tensor)]) -> Result<BTreeMap<String, Tensor>, RunnerError> {
        let program = Program { name: "case".to_owned(), graph, states: BTreeMap::new() };
        let inputs = inputs.iter().cloned().collect();
        guarded("running the case", || {
            let walk = Walk::new(&program, &mut NoFiles, &DispatchDevice::Flex(FlexDevice)).unwrap();
            walk.run(&inputs, &mut Values::new())
        })
    }

    #[test]
    fn every_operator_computes_what_it_means() {
        let fault = |case: cases::Case| {
            let expected = case.expected().unwrap();
            match run(case.graph(), &case.fed()) {
                Ok(outputs) => cases::fault(&outputs["y"], &expected),
                Err(error) => Some(error.to_string()),
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
        assert!(error.to_string().starts_with("Burn refused while running the case: "), "{error}");

        // Flattened, the offset of [0, 3] would be that of [1, 0].
        let outside = graph("x: i64[1,2]\nw: f32[2,3] = 1\ny = GatherND(w, x)\nreturn y");
        let tuple = Tensor::new([1, 2], vec![0i64, 3]).unwrap();
        assert!(run(outside, &[("x".to_owned(), tuple)]).is_err());

        let four = graph("x: f32[1,1,2,2,2,2]\nw: f32[1,1,1,1,1,1] = 1\ny = Conv(x, w)\nreturn y");
        let x = Tensor::new([1, 1, 2, 2, 2, 2], vec![1f32; 16]).unwrap();
        let error = run(four, &[("x".to_owned(), x)]).unwrap_err();
        assert_eq!(error.kind(), protocol::FailureKind::Unsupported);
        assert!(error.to_string().contains("has 4 dimensions"), "{error}");
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
        assert!(include_str!("../../../Cargo.lock").contains(&locked));
    }
}
