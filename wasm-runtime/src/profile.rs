//! Runs a model with every dispatch timed apart.

use graph::pipeline::Run;
use protocol::profile::Times;
use protocol::{BrowserKind, Engine, Inference, ProfileReport};

use crate::engine::{Prepared, Ready};
use crate::error::RuntimeError;
use crate::executor::Executor;
use crate::model::{Loaded, wrong};
use crate::setting::Setting;
use crate::timing::begin;
use crate::webgpu;

/// Does what [`protocol::Task::Profile`] asks for: one inference that is not counted, then as many as asked for.
///
/// # Errors
/// Everything that keeps the model from running, and a device that cannot time dispatches.
pub async fn run(
    engine: Engine,
    inference: &Inference,
    browser: Option<BrowserKind>,
) -> Result<ProfileReport, RuntimeError> {
    match engine {
        Engine::Webgpu => {
            let mut course = begin(inference.sampling)?;
            let loaded = Loaded::fetch(inference).await?;
            let pipeline = loaded.pipeline()?;
            let (name, setting) = (&loaded.manifest.name, Setting::for_inference(browser, inference));
            let prepared = webgpu::prepare(name, &pipeline, &loaded.folder, setting, &mut course).await?;
            profile(engine, inference.sampling.samples, &loaded, prepared).await
        }
        Engine::Webnn | Engine::Wasm | Engine::OrtWebgpu | Engine::OrtWebnn | Engine::OrtWasm => {
            Err(RuntimeError::NotProfiled { reason: "the dispatches are the engine's own" })
        }
        Engine::Wgpu | Engine::Libtorch | Engine::Burn | Engine::Openvino | Engine::Onnxruntime => {
            Err(RuntimeError::EngineNotHere { engine })
        }
    }
}

async fn profile(
    engine: Engine,
    inferences: u32,
    loaded: &Loaded,
    prepared: Prepared<Executor>,
) -> Result<ProfileReport, RuntimeError> {
    let Prepared { mut model, adapter, .. } = prepared;
    let mut times = Times::new(model.time_apart().await?);
    for inference in 0..=inferences {
        let mut run = Run::new(loaded.decoding, &loaded.inputs);
        while let Some(program) = run.program() {
            let inferred = model.run(program, run.feeds()).await?;
            if inference > 0 {
                times.add(program, &inferred.dispatches_ms);
            }
            run.take(inferred.outputs).map_err(|source| wrong(&loaded.manifest.name, source))?;
        }
    }
    Ok(ProfileReport { engine, device: None, adapter, inferences, dispatches: times.finish() })
}
