//! Runs a model once with every value kept, and posts the values to where the job says.

use std::collections::BTreeMap;

use graph::Tensor;
use graph::pipeline::{self, Traced};
use protocol::{BrowserKind, Engine, Trace, TraceReport};

use crate::browser;
use crate::engine::{Prepared, Ready};
use crate::error::RuntimeError;
use crate::model::{Loaded, wrong};
use crate::webgpu;

/// Values that are read from a device together take at most so many bytes.
const GROUP_BYTES: usize = 64 << 20;

/// Does what a [`Trace`] asks for.
///
/// # Errors
/// Everything that keeps the model from running, and values that cannot be posted.
pub async fn run(
    engine: Engine,
    trace: &Trace,
    browser: Option<BrowserKind>,
) -> Result<TraceReport, RuntimeError> {
    match engine {
        Engine::Webgpu => {
            let loaded = Loaded::fetch(&trace.inference()).await?;
            let pipeline = if trace.unfused { loaded.unfused_pipeline()? } else { loaded.pipeline()? };
            let traced = pipeline::trace(&loaded.manifest, &pipeline, GROUP_BYTES);
            let prepared = webgpu::prepare(&loaded.manifest.name, &traced.pipeline, browser).await?;
            keep(engine, trace, &loaded, traced, prepared).await
        }
        Engine::Webnn
        | Engine::Wasm
        | Engine::OrtWebgpu
        | Engine::OrtWebnn
        | Engine::OrtWasm
        | Engine::Wgpu
        | Engine::Libtorch
        | Engine::Burn
        | Engine::Openvino
        | Engine::Onnxruntime => Err(RuntimeError::EngineNotHere { engine }),
    }
}

async fn keep<R: Ready>(
    engine: Engine,
    trace: &Trace,
    loaded: &Loaded,
    traced: Traced,
    mut prepared: Prepared<R>,
) -> Result<TraceReport, RuntimeError> {
    let post = |number: usize, tensors: &BTreeMap<String, Tensor>| {
        let file = graph::tensor_file::write(tensors).map_err(|source| wrong(&loaded.manifest.name, source));
        let url = format!("{}{number}.safetensors", trace.deposit);
        async move { browser::post(&url, &file?).await }
    };
    post(0, &loaded.inputs).await?;
    let runs = traced.pipeline.programs.len();
    for program in 0..runs {
        let inferred = prepared.model.run(program, &loaded.inputs).await?;
        post(program + 1, &inferred.outputs).await?;
    }
    Ok(TraceReport {
        engine,
        device: None,
        adapter: prepared.adapter,
        program: traced.program,
        files: runs + 1,
        nodes: traced.nodes,
        constants: traced.constants,
    })
}
