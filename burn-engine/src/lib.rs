//! A static graph run node by node on Burn, natively and in WebAssembly.

mod elementwise;
mod indices;
mod operators;
mod products;
mod reductions;
mod value;
mod windows;

use burn::backend::{Backend, Dispatch, DispatchDevice, FlexDevice};
use graph::interpreter::{Interpreter, InterpreterError, NodeEngine};
use graph::{Operator, Tensor, TensorType};

use self::operators::{Operands, compute};
use self::value::Value;

/// Burn's version, which it does not tell itself; a test compares it with the lock file.
pub const VERSION: &str = "0.22.1";

/// The name of Burn's backend.
pub fn backend() -> String {
    Dispatch::name(&DispatchDevice::Flex(FlexDevice))
}

/// Burn on the processor.
///
/// It has no errors but panics: for an index outside its axis, say.
#[derive(Debug, Default)]
pub struct Burn(FlexDevice);

/// Programs on Burn.
pub type BurnInterpreter = Interpreter<Burn>;

/// The fault of an inference on Burn: an operation that it has not, above all.
pub type Error = InterpreterError<String>;

impl Burn {
    fn device(&self) -> DispatchDevice {
        DispatchDevice::Flex(self.0)
    }
}

impl NodeEngine for Burn {
    type Value = Value;
    type Reason = String;

    fn upload(&self, tensor: &Tensor) -> Result<Value, String> {
        Ok(Value::upload(tensor, &self.device()))
    }

    fn compute(
        &self,
        operator: &Operator,
        operands: Vec<Option<Value>>,
        result: &TensorType,
    ) -> Result<Value, String> {
        compute(operator, Operands(operands), result, &self.device())
    }

    fn download(&self, value: Value, tensor_type: &TensorType) -> Result<Tensor, String> {
        value.download(tensor_type)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use graph::constant::NoFiles;
    use graph::pipeline::Program;
    use graph::{Graph, cases};

    use super::*;

    fn run(graph: Graph, inputs: &[(String, Tensor)]) -> Result<BTreeMap<String, Tensor>, String> {
        let program = Program { name: "case".to_owned(), graph, states: BTreeMap::new() };
        let inputs = inputs.iter().cloned().collect();
        let work = || {
            let mut interpreter = BurnInterpreter::new(Burn::default(), vec![program]);
            for (weight, constant) in interpreter.weights() {
                interpreter.put(weight, &constant.evaluate(&mut NoFiles).unwrap()).unwrap();
            }
            interpreter.run(0, &inputs).map_err(|error| error.to_string())
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
    fn the_version_is_the_one_that_is_built_in() {
        let locked = format!("name = \"burn\"\nversion = \"{VERSION}\"");
        assert!(include_str!("../../Cargo.lock").contains(&locked));
    }
}
