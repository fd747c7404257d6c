//! Measures an engine of this page: load, first inference, warm-up, samples, checks. The same for every engine.

use std::collections::BTreeMap;

use graph::Tensor;
use graph::pipeline::{self, Pipeline, Run};
use protocol::{Device, Engine, Inference, InferenceReport, Metric, Planned, Timing};

use crate::browser;
use crate::engine::{Place, Prepared, Ready};
use crate::error::RuntimeError;
use crate::files::Folder;
use crate::measured::Measured;
use crate::model::{Loaded, wrong};
use crate::onnxruntime_web::Provider;
use crate::peer;
use crate::timing::Clock;
use crate::wasm;
use crate::webgpu;
use crate::webnn::{self, Rest};

/// Inferences made only to time reading back, which needs a wait of its own that latency must not contain.
const READBACK_PROBES: u32 = 5;

/// Does what an [`Inference`] asks for.
///
/// # Errors
/// Everything that keeps the model from running; a wrong output is no error but a check in the report.
pub async fn run(
    engine: Engine,
    inference: &Inference,
    place: Place<'_>,
) -> Result<InferenceReport, RuntimeError> {
    match engine {
        Engine::Webgpu => {
            let prepare = async |name: &str, pipeline: &Pipeline, folder: &Folder| {
                webgpu::prepare(name, pipeline, folder, place.browser).await
            };
            ours(engine, inference, place, prepare).await
        }
        Engine::Webnn => {
            let rest = Rest { strict: inference.strict, browser: place.browser };
            let device = place.device.unwrap_or(Device::Cpu);
            let prepare = async |name: &str, pipeline: &Pipeline, folder: &Folder| {
                webnn::prepare(device, name, pipeline, folder, rest).await
            };
            ours(engine, inference, place, prepare).await
        }
        Engine::Wasm => ours(engine, inference, place, wasm::prepare).await,
        Engine::OrtWebgpu => peers(engine, inference, place, Provider::Webgpu).await,
        Engine::OrtWebnn => {
            let device = place.device.unwrap_or(Device::Cpu);
            peers(engine, inference, place, Provider::Webnn(device)).await
        }
        Engine::OrtWasm => peers(engine, inference, place, Provider::Wasm).await,
        Engine::Wgpu | Engine::Libtorch | Engine::Burn | Engine::Openvino | Engine::Onnxruntime => {
            Err(RuntimeError::EngineNotHere { engine })
        }
    }
}

/// On an engine of ours: the model becomes static graphs.
async fn ours<R: Ready>(
    engine: Engine,
    inference: &Inference,
    place: Place<'_>,
    prepare: impl AsyncFn(&str, &Pipeline, &Folder) -> Result<Prepared<R>, RuntimeError>,
) -> Result<InferenceReport, RuntimeError> {
    let clock = Clock::open()?;
    let start = clock.now_ms();
    let mut loaded = Loaded::fetch(inference).await?;
    let pipeline = loaded.pipeline()?;
    loaded.models.clear();
    let load_ms = clock.now_ms() - start;
    let prepared = prepare(&loaded.manifest.name, &pipeline, &loaded.folder).await?;
    let planned = Some(pipeline.planned());
    drop(pipeline);
    let bench = Bench::new(engine, place.device, inference, loaded, clock, load_ms);
    Bench { planned, ..bench }.report(prepared).await
}

/// On the peer: the model's files stay as they are. Loading holds our reading of them too, which says what each
/// component takes.
async fn peers(
    engine: Engine,
    inference: &Inference,
    place: Place<'_>,
    provider: Provider,
) -> Result<InferenceReport, RuntimeError> {
    let clock = Clock::open()?;
    let start = clock.now_ms();
    let loaded = Loaded::fetch(inference).await?;
    let files = loaded.files().await?;
    let load_ms = clock.now_ms() - start;
    let prepared = peer::prepare(provider, &loaded, files, place).await;
    let prepared = prepared.map_err(|error| match error {
        RuntimeError::Peer { .. } => loaded.fault_or(error),
        error => error,
    })?;
    Bench::new(engine, place.device, inference, loaded, clock, load_ms).report(prepared).await
}

type Outputs = BTreeMap<String, Tensor>;

/// What of the page shaped the numbers, on every engine.
fn page_features(clock: &Clock) -> [(String, String); 2] {
    [
        ("timer_resolution_ms".to_owned(), clock.resolution_ms().to_string()),
        ("cross_origin_isolated".to_owned(), browser::is_cross_origin_isolated().to_string()),
    ]
}

/// A model to measure, and what was measured so far.
struct Bench<'a> {
    engine: Engine,
    device: Option<Device>,
    inference: &'a Inference,
    loaded: Loaded,
    clock: Clock,
    measured: Measured,
    planned: Option<Planned>,
}

impl<'a> Bench<'a> {
    fn new(
        engine: Engine,
        device: Option<Device>,
        inference: &'a Inference,
        loaded: Loaded,
        clock: Clock,
        load_ms: f64,
    ) -> Bench<'a> {
        let mut measured = Measured::default();
        measured.add(Metric::LoadMs, load_ms);
        Bench { engine, device, inference, loaded, clock, measured, planned: None }
    }

    async fn report<R: Ready>(mut self, prepared: Prepared<R>) -> Result<InferenceReport, RuntimeError> {
        let Prepared { mut model, adapter, measured, mut features } = prepared;
        measured.into_iter().for_each(|(metric, value)| self.measured.add(metric, value));
        let ends = self.sample(&mut model).await?;
        // The peers' own memory is not ours to see.
        if matches!(self.engine, Engine::Webgpu | Engine::Webnn | Engine::Wasm) {
            self.measured.add(Metric::WasmMemoryBytes, browser::wasm_memory_bytes());
        }
        features.extend(model.look_back().await);
        features.extend(page_features(&self.clock));
        Ok(InferenceReport {
            engine: self.engine,
            device: self.device,
            adapter,
            checks: pipeline::checks(self.loaded.manifest.scale(), &self.loaded.expected, &ends),
            metrics: self.measured.into_samples(),
            features,
            planned: self.planned,
            notes: model.notes(),
            placement: model.placement(),
        })
    }

    /// The first inference, warm-up, samples and readback probes; gives the outputs of the first and the last
    /// sample.
    async fn sample<R: Ready>(&mut self, model: &mut R) -> Result<[Outputs; 2], RuntimeError> {
        let (first, timing) = self.timed(model).await?;
        self.measured.add(Metric::FirstInferenceMs, timing.latency_ms);
        let mut last = first.clone();

        let mut warm_up = Vec::new();
        while self.inference.sampling.still_warming_up(&warm_up) {
            warm_up.push(self.timed(model).await?.1.latency_ms);
        }
        let tokens = self.loaded.decoding.map(|decoding| decoding.tokens);
        for _ in 0..self.inference.sampling.samples {
            let (outputs, timing) = self.timed(model).await?;
            timing.metrics(tokens).into_iter().for_each(|(metric, value)| self.measured.add(metric, value));
            last = outputs;
        }
        for _ in 0..READBACK_PROBES {
            if let Some(readback_ms) = model.readback_ms().await? {
                self.measured.add(Metric::ReadbackMs, readback_ms);
            }
        }
        Ok([first, last])
    }

    /// One inference from inputs in host memory to outputs in host memory.
    async fn timed<R: Ready>(&self, model: &mut R) -> Result<(Outputs, Timing), RuntimeError> {
        let mut run = Run::new(self.loaded.decoding, &self.loaded.inputs);
        let (mut first_program_ms, mut gpu_ms) = (None, None);
        let start = self.clock.now_ms();
        while let Some(program) = run.program() {
            let inferred = model.run(program, run.feeds()).await?;
            first_program_ms.get_or_insert_with(|| self.clock.now_ms() - start);
            gpu_ms = inferred.gpu_ms.map(|own| own + gpu_ms.unwrap_or(0.0));
            run.take(inferred.outputs).map_err(|source| wrong(&self.loaded.manifest.name, source))?;
        }
        let latency_ms = self.clock.now_ms() - start;
        let first_program_ms = first_program_ms.unwrap_or(latency_ms);
        Ok((run.finish(), Timing { latency_ms, first_program_ms, gpu_ms }))
    }
}
