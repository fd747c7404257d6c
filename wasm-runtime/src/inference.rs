//! Measures an engine of this page: does what the course of a measurement says is next. The same for every engine.

use std::collections::BTreeMap;

use graph::Tensor;
use graph::pipeline::{self, Pipeline, Run};
use protocol::{Activity, Device, Engine, Inference, InferenceReport, Metric, Step};

use crate::browser;
use crate::engine::{PageContext, Prepared, Ready};
use crate::error::RuntimeError;
use crate::files::Folder;
use crate::model::{Loaded, wrong};
use crate::onnxruntime_web::Provider;
use crate::reference_runtime;
use crate::setting::Setting;
use crate::timing::{Clock, Course, begin};
use crate::wasm;
use crate::webgpu;
use crate::webnn::{self, Rest};

/// Does what an [`Inference`] asks for.
///
/// # Errors
/// Everything that keeps the model from running; a wrong output is no error but a check in the report.
pub async fn run(
    engine: Engine,
    inference: &Inference,
    page: PageContext<'_>,
) -> Result<InferenceReport, RuntimeError> {
    let setting = Setting::for_inference(page.browser, inference);
    match engine {
        Engine::Webgpu => {
            let prepare = async |name: &str, pipeline: &Pipeline, folder: &Folder, course: &mut Course| {
                webgpu::prepare(name, pipeline, folder, setting.clone(), course).await
            };
            ours(engine, inference, page, prepare).await
        }
        Engine::Webnn => {
            let rest = if inference.strict { Rest::Refused } else { Rest::Elsewhere(&setting) };
            let device = page.device.unwrap_or(Device::Cpu);
            let prepare = async |name: &str, pipeline: &Pipeline, folder: &Folder, course: &mut Course| {
                webnn::prepare(device, name, pipeline, folder, rest, course).await
            };
            ours(engine, inference, page, prepare).await
        }
        Engine::Wasm => ours(engine, inference, page, wasm::prepare).await,
        Engine::OrtWebgpu => reference(engine, inference, page, Provider::Webgpu).await,
        Engine::OrtWebnn => {
            let device = page.device.unwrap_or(Device::Cpu);
            reference(engine, inference, page, Provider::Webnn(device)).await
        }
        Engine::OrtWasm => reference(engine, inference, page, Provider::Wasm).await,
        Engine::Wgpu | Engine::Libtorch | Engine::Burn | Engine::Openvino | Engine::Onnxruntime => {
            Err(RuntimeError::EngineNotHere { engine })
        }
    }
}

/// On an engine of ours: the model becomes static graphs.
async fn ours<R: Ready>(
    engine: Engine,
    inference: &Inference,
    page: PageContext<'_>,
    prepare: impl AsyncFn(&str, &Pipeline, &Folder, &mut Course) -> Result<Prepared<R>, RuntimeError>,
) -> Result<InferenceReport, RuntimeError> {
    let mut course = begin(inference.sampling)?;
    let mut loaded = Loaded::fetch(inference).await?;
    course.turn_to(Activity::Plan);
    let pipeline = loaded.pipeline()?;
    loaded.models.clear();
    let prepared = prepare(&loaded.manifest.name, &pipeline, &loaded.folder, &mut course).await?;
    let planned = Some(pipeline.planned());
    drop(pipeline);
    let report = Bench { engine, device: page.device, loaded, course }.report(prepared).await?;
    Ok(InferenceReport { planned, ..report })
}

/// On the reference runtime: the model's files stay as they are. Loading holds our reading of them too, which says what each
/// component takes.
async fn reference(
    engine: Engine,
    inference: &Inference,
    page: PageContext<'_>,
    provider: Provider,
) -> Result<InferenceReport, RuntimeError> {
    let mut course = begin(inference.sampling)?;
    let loaded = Loaded::fetch(inference).await?;
    let files = loaded.files().await?;
    let prepared = reference_runtime::prepare(provider, &loaded, files, page, &mut course).await;
    let prepared = prepared.map_err(|error| match error {
        RuntimeError::ReferenceRuntime { .. } => loaded.fault_or(error),
        error => error,
    })?;
    Bench { engine, device: page.device, loaded, course }.report(prepared).await
}

type Outputs = BTreeMap<String, Tensor>;

/// The page's features that shaped the numbers, on every engine.
fn page_features(clock: &Clock) -> [(String, String); 2] {
    [
        ("timer_resolution_ms".to_owned(), clock.resolution_ms().to_string()),
        ("cross_origin_isolated".to_owned(), browser::is_cross_origin_isolated().to_string()),
    ]
}

/// A model to measure.
struct Bench {
    engine: Engine,
    device: Option<Device>,
    loaded: Loaded,
    course: Course,
}

impl Bench {
    async fn report<R: Ready>(mut self, prepared: Prepared<R>) -> Result<InferenceReport, RuntimeError> {
        let Prepared { mut model, adapter, mut features } = prepared;
        let ends = self.sample(&mut model).await?;
        // The memory of reference runtimes is not ours to see.
        if matches!(self.engine, Engine::Webgpu | Engine::Webnn | Engine::Wasm) {
            self.course.measure(Metric::WasmMemoryBytes, browser::wasm_memory_bytes());
        }
        features.extend(model.look_back().await);
        features.extend(page_features(self.course.clock()));
        features.extend(self.loaded.features.told(self.engine));
        Ok(InferenceReport {
            engine: self.engine,
            device: self.device,
            adapter,
            checks: pipeline::checks(self.loaded.manifest.scale(), &self.loaded.expected, &ends),
            sampled: self.course.window(),
            metrics: self.course.finish(),
            features,
            planned: None,
            notes: model.notes(),
            placement: model.placement(),
        })
    }

    /// Everything up to the report; gives the outputs of the first and the last inference.
    async fn sample<R: Ready>(&mut self, model: &mut R) -> Result<Vec<Outputs>, RuntimeError> {
        let mut ends = Vec::new();
        loop {
            match self.course.next_step() {
                Step::Infer => {
                    ends.truncate(1);
                    ends.push(self.infer(model).await?);
                }
                Step::ReadBack => self.course.read_back(model.readback_ms().await?),
                Step::Report => return Ok(ends),
            }
        }
    }

    /// One inference from inputs in host memory to outputs in host memory.
    async fn infer<R: Ready>(&mut self, model: &mut R) -> Result<Outputs, RuntimeError> {
        let Bench { loaded, course, .. } = self;
        let mut run = Run::new(loaded.decoding, &loaded.inputs);
        course.begin_inference();
        while let Some(program) = run.program() {
            let inferred = model.run(program, run.feeds()).await?;
            course.end_program(inferred.gpu_ms);
            run.take(inferred.outputs).map_err(|source| wrong(&loaded.manifest.name, source))?;
        }
        course.end_inference(loaded.decoding.map(|decoding| decoding.tokens));
        Ok(run.finish())
    }
}
