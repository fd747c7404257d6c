//! Burn: interpreter the optimised graph node by node, on the device that a target names.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use burn_engine::{Burn, BurnInterpreter, VERSION};
use graph::Tensor;
use graph::pipeline::Pipeline;
use native_runner::course::Course;
use native_runner::engines::{Chosen, Found, Inferred, Prepared, Ready};
use native_runner::error::RunnerError;
use native_runner::model::{Loaded, refused};
use native_runner::processor;
use protocol::{Activity, Device};

/// Burn's version and the processor; it is built in, so it is always there.
///
/// # Errors
/// None.
pub fn detect(_device: Device) -> Result<Found, RunnerError> {
    Ok(Found { version: Some(VERSION.to_owned()), adapter: processor::adapter(), adapters: Vec::new() })
}

/// Moves a model's weights to where Burn wants them.
///
/// # Errors
/// Where Burn panics, or a weight cannot be read.
pub fn prepare(
    loaded: &Loaded,
    pipeline: &Pipeline,
    _chosen: &Chosen,
    course: &mut Course,
) -> Result<Prepared, RunnerError> {
    course.turn_to(Activity::Upload);
    let interpreter = guarded("taking the weights", || {
        let (mut interpreter, mut files) =
            (BurnInterpreter::new(Burn::default(), pipeline.programs.clone()), loaded.files());
        for (weight, constant) in interpreter.weights() {
            let tensor = constant.evaluate(&mut files);
            let tensor = tensor.map_err(|source| refused(&loaded.manifest.name, source))?;
            interpreter.put(weight, &tensor).map_err(cannot)?;
        }
        Ok(interpreter)
    })?;
    let nodes = pipeline.programs.iter().map(|program| program.graph.nodes.len().to_string());
    let features = BTreeMap::from([
        ("burn".to_owned(), VERSION.to_owned()),
        ("backend".to_owned(), burn_engine::backend()),
        ("nodes".to_owned(), nodes.collect::<Vec<_>>().join("+")),
    ]);
    Ok(Prepared { model: Box::new(BurnModel(interpreter)), adapter: processor::adapter(), features })
}

/// A model whose weights Burn has.
struct BurnModel(BurnInterpreter);

impl Ready for BurnModel {
    fn run(&mut self, program: usize, inputs: &BTreeMap<String, Tensor>) -> Result<Inferred, RunnerError> {
        let outputs = guarded("running the model", || self.0.run(program, inputs).map_err(cannot))?;
        Ok(Inferred { outputs, gpu_ms: None, dispatches_ms: Vec::new() })
    }
}

/// Burn's refusal as an error of the runner.
fn cannot(fault: burn_engine::Error) -> RunnerError {
    RunnerError::Interpreter { engine: "Burn", fault }
}

/// Burn has no errors but panics; here they become errors.
fn guarded<T>(doing: &'static str, work: impl FnOnce() -> Result<T, RunnerError>) -> Result<T, RunnerError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let message = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned();
        Err(RunnerError::Engine { engine: "Burn", doing, message })
    })
}
