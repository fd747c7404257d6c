//! The engine wasm: the static graphs node by node, on the processor. The floor that all else is measured against.

use std::collections::BTreeMap;

pub(crate) use burn_engine::BurnInterpreter;
use burn_engine::{Burn, VERSION};
use graph::Tensor;
use graph::pipeline::Pipeline;
use protocol::{Activity, Adapter};

use crate::engine::{Inferred, Prepared, Ready};
use crate::error::RuntimeError;
use crate::files::Folder;
use crate::model::wrong;
use crate::timing::Course;

/// True if this module has the engine.
pub const IS_HERE: bool = true;

/// Takes a model's weights into this page's memory.
///
/// # Errors
/// Weights that cannot be made.
pub(crate) async fn prepare(
    model: &str,
    pipeline: &Pipeline,
    folder: &Folder,
    course: &mut Course,
) -> Result<Prepared<BurnInterpreter>, RuntimeError> {
    course.turn_to(Activity::Upload);
    let mut interpreter = BurnInterpreter::new(Burn::default(), pipeline.programs.clone());
    for (weight, constant) in interpreter.weights() {
        let mut files = folder.gather(constant.spans()).await?;
        let tensor = constant.evaluate(&mut files).map_err(|source| wrong(model, source))?;
        interpreter.put(weight, &tensor).map_err(refused)?;
    }
    let nodes = pipeline.programs.iter().map(|program| program.graph.nodes.len().to_string());
    let features = [
        ("burn", VERSION.to_owned()),
        ("backend", burn_engine::backend()),
        ("nodes", nodes.collect::<Vec<_>>().join("+")),
        ("wasm_simd", cfg!(target_feature = "simd128").to_string()),
        ("wasm_threads", 1.to_string()),
    ];
    let features = features.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Prepared { model: interpreter, adapter: adapter(), features })
}

/// Burn's refusal as an error of this page.
fn refused(fault: burn_engine::Error) -> RuntimeError {
    RuntimeError::Interpreter { engine: "Burn", fault }
}

/// The processor, as far as a page is told of it.
pub fn adapter() -> Adapter {
    Adapter {
        description: "the processor, 1 thread".to_owned(),
        backend: "wasm".to_owned(),
        software: true,
        ..Adapter::default()
    }
}

impl Ready for BurnInterpreter {
    async fn run(
        &mut self,
        program: usize,
        inputs: &BTreeMap<String, Tensor>,
    ) -> Result<Inferred, RuntimeError> {
        let outputs = BurnInterpreter::run(self, program, inputs).map_err(refused)?;
        Ok(Inferred { outputs, gpu_ms: None, dispatches_ms: Vec::new() })
    }
}
