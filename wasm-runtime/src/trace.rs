//! Runs a model once with every value kept, and posts the values to where the job says.

use std::collections::BTreeMap;

use graph::pipeline::{self, Pipeline, Traced};
use graph::{Rewriting, Tensor};
use protocol::{Device, Engine, Sampling, Trace, TraceReport};

use crate::browser;
use crate::engine::{PageContext, Prepared, Ready};
use crate::error::RuntimeError;
use crate::files::Folder;
use crate::model::{Loaded, wrong};
use crate::setting::Setting;
use crate::timing::{Course, begin};
use crate::wasm;
use crate::webgpu;
use crate::webnn::{self, Rest};

/// Values that are read from a device together take at most so many bytes.
const GROUP_BYTES: usize = 64 << 20;

/// Does what a [`Trace`] asks for.
///
/// # Errors
/// Everything that keeps the model from running, and values that cannot be posted.
pub async fn run(engine: Engine, trace: &Trace, page: PageContext<'_>) -> Result<TraceReport, RuntimeError> {
    match engine {
        Engine::Webgpu => {
            let prepare = async |name: &str, pipeline: &Pipeline, folder: &Folder, course: &mut Course| {
                webgpu::prepare(name, pipeline, folder, Setting::of(page.browser), course).await
            };
            keep(engine, trace, prepare).await
        }
        Engine::Webnn => {
            let device = page.device.unwrap_or(Device::Cpu);
            let prepare = async |name: &str, pipeline: &Pipeline, folder: &Folder, course: &mut Course| {
                // What another engine computed is none of its values.
                webnn::prepare(device, name, pipeline, folder, Rest::Refused, course).await
            };
            let report = keep(engine, trace, prepare).await?;
            Ok(TraceReport { device: Some(device), ..report })
        }
        Engine::Wasm => keep(engine, trace, wasm::prepare).await,
        Engine::OrtWebgpu
        | Engine::OrtWebnn
        | Engine::OrtWasm
        | Engine::Wgpu
        | Engine::Libtorch
        | Engine::Burn
        | Engine::Openvino
        | Engine::Onnxruntime => Err(RuntimeError::EngineNotHere { engine }),
    }
}

/// Runs the model as it is, then with every value kept.
async fn keep<R: Ready>(
    engine: Engine,
    trace: &Trace,
    prepare: impl AsyncFn(&str, &Pipeline, &Folder, &mut Course) -> Result<Prepared<R>, RuntimeError>,
) -> Result<TraceReport, RuntimeError> {
    let loaded = Loaded::fetch(&trace.inference()).await?;
    let pipeline = if trace.unfused { loaded.rewritten(Rewriting::Least)? } else { loaded.pipeline()? };
    let traced = pipeline::trace(&loaded.manifest, &pipeline, GROUP_BYTES);
    let (name, mut course) = (&loaded.manifest.name, begin(Sampling::default())?);
    let plain = {
        let mut plain = prepare(name, &pipeline, &loaded.folder, &mut course).await?;
        plain.model.run(0, &loaded.inputs).await?.outputs
    };
    let prepared = prepare(name, &traced.pipeline, &loaded.folder, &mut course).await?;
    Traceable { engine, trace, loaded: &loaded, traced, plain }.keep(prepared).await
}

/// A model whose every value is going to be kept.
struct Traceable<'a> {
    engine: Engine,
    trace: &'a Trace,
    loaded: &'a Loaded,
    traced: Traced,
    /// The outputs of a run in which nothing was kept.
    plain: BTreeMap<String, Tensor>,
}

impl Traceable<'_> {
    async fn keep<R: Ready>(self, mut prepared: Prepared<R>) -> Result<TraceReport, RuntimeError> {
        let Traceable { engine, loaded, traced, plain, .. } = &self;
        self.post(0, &loaded.inputs).await?;
        let runs = traced.pipeline.programs.len();
        let mut outputs = BTreeMap::new();
        for program in 0..runs {
            let values = prepared.model.run(program, &loaded.inputs).await?.outputs;
            self.post(program + 1, &values).await?;
            outputs.extend(values.into_iter().filter(|(name, _)| plain.contains_key(name)));
        }
        let mut constants = BTreeMap::new();
        for (name, constant) in &traced.constants {
            let mut files = loaded.folder.gather(constant.spans()).await?;
            let tensor =
                constant.evaluate(&mut files).map_err(|source| wrong(&loaded.manifest.name, source))?;
            constants.insert(name.clone(), pipeline::statistics(&tensor));
        }
        Ok(TraceReport {
            engine: *engine,
            device: None,
            adapter: prepared.adapter,
            program: traced.program.clone(),
            files: runs + 1,
            nodes: traced.nodes.clone(),
            constants,
            against_plain: pipeline::checks(loaded.manifest.scale(), plain, &[outputs]),
        })
    }

    async fn post(&self, number: usize, tensors: &BTreeMap<String, Tensor>) -> Result<(), RuntimeError> {
        let wrong = |source| wrong(&self.loaded.manifest.name, source);
        let file = graph::tensor_file::write(tensors).map_err(wrong)?;
        browser::post(&format!("{}{number}.safetensors", self.trace.deposit), &file).await
    }
}
