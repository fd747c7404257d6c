//! Runs a model and measures it: fetch, plan, prepare, first inference, warm-up, samples, checks.

use std::collections::BTreeMap;
use std::sync::Arc;

use graph::onnx::Model;
use graph::{Graph, Tensor, TensorType};
use protocol::{BrowserKind, Component, Engine, Inference, InferenceReport, Metric, OutputCheck};
use shaders::{GpuPlan, Host, Site, Tuning};

use crate::browser;
use crate::device::Device;
use crate::error::RuntimeError;
use crate::executor::{Executor, Inferred, Preparation};
use crate::measured::Measured;

/// Inferences made only to time reading back, which needs a wait of its own that latency must not contain.
const READBACK_PROBES: u32 = 5;

/// A model in host memory, planned, with what to feed it and what to expect.
struct Loaded {
    plan: GpuPlan,
    inputs: Vec<Tensor>,
    expected: BTreeMap<String, Tensor>,
}

/// Does what an [`Inference`] asks for.
///
/// # Errors
/// Everything that keeps the model from running; a wrong output is no error but a check in the report.
pub async fn run(
    inference: &Inference,
    browser: Option<BrowserKind>,
) -> Result<InferenceReport, RuntimeError> {
    let device = Device::open(browser).await?;
    let mut measured = Measured::default();
    let model = &inference.manifest.name;

    let start = device.clock.now_ms();
    let loaded = load(inference, &device, site(&device, browser)).await?;
    measured.add(Metric::LoadMs, device.clock.now_ms() - start);

    let (executor, preparation) = Executor::prepare(model, &device, &loaded.plan).await?;
    let Preparation { compile_ms, upload_ms } = preparation;
    measured.add(Metric::CompileMs, compile_ms);
    measured.add(Metric::UploadMs, upload_ms);
    measured.add(Metric::DeviceMemoryBytes, executor.device_memory_bytes() as f64);

    let ends = sample(inference, &executor, &loaded.inputs, &mut measured).await?;
    Ok(InferenceReport {
        engine: Engine::Webgpu,
        device: None,
        adapter: device.description.to_adapter(),
        checks: checks(&loaded, &ends),
        metrics: measured.into_samples(),
        features: features(&device, &loaded.plan, &executor),
    })
}

/// Where plans of this page run.
pub fn site(device: &Device, browser: Option<BrowserKind>) -> Site {
    let host = match browser {
        Some(BrowserKind::Chromium) | None => Host::Chromium,
        Some(BrowserKind::Firefox) => Host::Firefox,
        Some(BrowserKind::Webkit) => Host::Webkit,
    };
    Site { host, software: device.description.software_evidence().is_some(), limits: device.limits }
}

async fn load(inference: &Inference, device: &Device, site: Site) -> Result<Loaded, RuntimeError> {
    let manifest = &inference.manifest;
    let component = only_component(inference)?;
    let tensors = read_tensors(inference, &manifest.inputs).await?;
    let expected = read_tensors(inference, &manifest.expected).await?;
    let graph = read_graph(inference, component, &tensors).await?;
    let plan = plan(&manifest.name, &graph, &site)?;
    device.check("loading the model")?;
    let inputs = plan.inputs.iter().map(|port| input(inference, &tensors, &port.name));
    Ok(Loaded { inputs: inputs.collect::<Result<_, _>>()?, plan, expected })
}

/// The plan of a graph at a place, with the default tuning.
///
/// # Errors
/// An operator, type or limit that our kernels lack.
pub fn plan(model: &str, graph: &Graph, site: &Site) -> Result<GpuPlan, RuntimeError> {
    shaders::plan(graph, site, &Tuning::default())
        .map_err(|source| RuntimeError::Plan { model: model.to_owned(), source })
}

fn only_component(inference: &Inference) -> Result<&Component, RuntimeError> {
    let manifest = &inference.manifest;
    match manifest.components.as_slice() {
        [component] => Ok(component),
        components => Err(RuntimeError::ComponentCount {
            model: manifest.name.clone(),
            family: manifest.family.clone(),
            count: components.len(),
        }),
    }
}

async fn read_tensors(inference: &Inference, file: &str) -> Result<BTreeMap<String, Tensor>, RuntimeError> {
    let bytes = browser::fetch(&format!("{}{file}", inference.location)).await?;
    graph::tensor_file::read(&bytes).map_err(|source| broken(inference, file, source))
}

async fn read_graph(
    inference: &Inference,
    component: &Component,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<Graph, RuntimeError> {
    let broken = |source| broken(inference, &component.file, source);
    let bytes = browser::fetch(&format!("{}{}", inference.location, component.file)).await?;
    let model = Model::parse(&bytes).map_err(broken)?;
    let external = fetch_external(inference, &model).await?;
    let model = model.with_external(&external).map_err(broken)?;
    let types: BTreeMap<String, TensorType> =
        tensors.iter().map(|(name, tensor)| (name.clone(), tensor.tensor_type())).collect();
    let refused =
        |source| RuntimeError::Graph { model: inference.manifest.name.clone(), source: Box::new(source) };
    let graph = graph::specialise(&model, &types).map_err(refused)?;
    Ok(graph::optimise(graph))
}

fn broken(inference: &Inference, file: &str, source: graph::Error) -> RuntimeError {
    let (model, file) = (inference.manifest.name.clone(), file.to_owned());
    RuntimeError::File { model, file, source: Box::new(source) }
}

/// The files of weights beside the model; what is missing is left out, and the model says what it was for.
async fn fetch_external(
    inference: &Inference,
    model: &Model,
) -> Result<BTreeMap<String, Arc<[u8]>>, RuntimeError> {
    let mut files = BTreeMap::new();
    for file in model.external_files() {
        if let Some(bytes) = browser::fetch_if_there(&format!("{}{file}", inference.location)).await? {
            files.insert(file, bytes.into());
        }
    }
    Ok(files)
}

fn input(
    inference: &Inference,
    tensors: &BTreeMap<String, Tensor>,
    name: &str,
) -> Result<Tensor, RuntimeError> {
    tensors.get(name).cloned().ok_or_else(|| RuntimeError::InputMissing {
        model: inference.manifest.name.clone(),
        name: name.to_owned(),
        file: inference.manifest.inputs.clone(),
        held: tensors.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    })
}

/// The first inference, warm-up, samples and readback probes; gives the outputs of the first and the last sample.
async fn sample(
    inference: &Inference,
    executor: &Executor<'_>,
    inputs: &[Tensor],
    measured: &mut Measured,
) -> Result<[Vec<Tensor>; 2], RuntimeError> {
    let (outputs, first_ms, _) = timed(executor, inputs, Executor::infer_guarded).await?;
    measured.add(Metric::FirstInferenceMs, first_ms);
    let mut ends = [outputs.clone(), outputs];

    let mut warm_up = Vec::new();
    while inference.sampling.still_warming_up(&warm_up) {
        warm_up.push(timed(executor, inputs, Executor::infer).await?.1);
    }
    for index in 0..inference.sampling.samples {
        let (outputs, latency_ms, gpu_ms) = timed(executor, inputs, Executor::infer).await?;
        measured.add(Metric::LatencyMs, latency_ms);
        gpu_ms.into_iter().for_each(|gpu_ms| measured.add(Metric::GpuMs, gpu_ms));
        ends[usize::from(index > 0)] = outputs;
    }
    for _ in 0..READBACK_PROBES {
        measured.add(Metric::ReadbackMs, executor.infer_and_time_readback().await?);
    }
    Ok(ends)
}

/// One inference from inputs in host memory to outputs in host memory: the outputs, milliseconds by the wall, and
/// milliseconds on the device where it tells.
async fn timed<'a>(
    executor: &'a Executor<'a>,
    inputs: &[Tensor],
    infer: impl AsyncFnOnce(&'a Executor<'a>) -> Result<Inferred, RuntimeError>,
) -> Result<(Vec<Tensor>, f64, Option<f64>), RuntimeError> {
    let clock = executor.clock();
    let start = clock.now_ms();
    executor.write_inputs(inputs)?;
    let Inferred { outputs, gpu_ms } = infer(executor).await?;
    Ok((outputs, clock.now_ms() - start, gpu_ms))
}

/// Every expected output against the first and the last ones computed: the worse of the two.
fn checks(loaded: &Loaded, ends: &[Vec<Tensor>; 2]) -> Vec<OutputCheck> {
    let check = |(name, expected): (&String, &Tensor)| {
        let Some(index) = loaded.plan.outputs.iter().position(|port| port.name == *name) else {
            let outputs: Vec<_> = loaded.plan.outputs.iter().map(|port| port.name.as_str()).collect();
            return OutputCheck::fault(
                name,
                format!("is no output of the model, which has {}", outputs.join(", ")),
            );
        };
        let [first, last] = ends.each_ref().map(|outputs| {
            let actual = &outputs[index];
            OutputCheck::compare(
                name,
                (&actual.shape, &actual.to_f32_vec()),
                (&expected.shape, &expected.to_f32_vec()),
            )
        });
        first.worse(last)
    };
    loaded.expected.iter().map(check).collect()
}

/// What shaped the numbers and is not the adapter.
fn features(device: &Device, plan: &GpuPlan, executor: &Executor<'_>) -> BTreeMap<String, String> {
    let features = [
        ("timer_resolution_ms", device.clock.resolution_ms().to_string()),
        ("cross_origin_isolated", browser::is_cross_origin_isolated().to_string()),
        ("completion_kick", device.completion.is_kicking().to_string()),
        ("timestamp_query", executor.has_timestamps().to_string()),
        ("dispatches", plan.dispatches.len().to_string()),
        ("pipelines", plan.kernels.len().to_string()),
    ];
    features.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
