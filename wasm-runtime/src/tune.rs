//! Measures which way to cut a class of kernels is the fastest here: every variant on every shape that models need, each in a
//! plan of its own, by the device's own clock.

use std::collections::BTreeMap;
use std::rc::Rc;

use protocol::{
    BrowserKind, Engine, Inference, KernelClass, KernelList, ListKernels, NeededClass, Sampling, Tune,
    TuneReport,
};
use shaders::tuning::{Choice, Row, Search, Step, variants};
use shaders::{DeviceProperties, Part, Tuning, Workload};

use crate::device::Device;
use crate::error::RuntimeError;
use crate::executor::Executor;
use crate::files::Folder;
use crate::model::Loaded;
use crate::setting::Setting;
use crate::timing::begin;
use crate::webgpu;

/// Shapes whose operands and results take more than this are left out: each variant that is left has its own.
const MOST_BYTES: u64 = 192 << 20;

/// Does what [`protocol::Task::ListKernels`] asks for.
///
/// # Errors
/// No device, or a model that cannot be read or planned.
pub async fn list(
    engine: Engine,
    asked: &ListKernels,
    browser: Option<BrowserKind>,
) -> Result<KernelList, RuntimeError> {
    let device = open(engine, &asked.models, browser).await?;
    let mut needed: BTreeMap<KernelClass, NeededClass> = BTreeMap::new();
    for workload in workloads(&device, &asked.models).await? {
        let class = class(&workload);
        let found = needed.entry(class).or_insert(NeededClass { class, shapes: 0, dispatches: 0 });
        found.shapes += 1;
        found.dispatches += workload.count as u32;
    }
    Ok(KernelList { adapter: device.description.to_adapter(), classes: needed.into_values().collect() })
}

/// Does what [`protocol::Task::Tune`] asks for.
///
/// # Errors
/// Those of [`list`], a device that cannot time dispatches, and one that is lost.
pub async fn run(
    engine: Engine,
    asked: &Tune,
    browser: Option<BrowserKind>,
) -> Result<TuneReport, RuntimeError> {
    let device = open(engine, &asked.models, browser).await?;
    if !device.has("timestamp-query") {
        return Err(RuntimeError::NotProfiled { reason: "the device has no timestamp-query" });
    }
    let KernelClass { family, class: shape } = asked.class;
    let properties = webgpu::properties(&device);
    let table = webgpu::tuning(&device)?;
    let chosen = table.choose(family, shape, &properties).choice;
    let others = variants(family, shape, &properties).into_iter().filter(|choice| *choice != chosen);
    let choices: Vec<Choice> = std::iter::once(chosen).chain(others).collect();
    let mut bench =
        Bench { device: Rc::clone(&device), properties, table, class: asked.class, ready: BTreeMap::new() };
    let mut left_out = Vec::new();
    let mut shapes = Vec::new();
    for workload in
        workloads(&device, &asked.models).await?.into_iter().filter(|found| class(found) == asked.class)
    {
        match bench.fault(&workload, chosen) {
            None => shapes.push(workload),
            Some(fault) => left_out.push(fault),
        }
    }
    let counts: Vec<usize> = shapes.iter().map(|workload| workload.count).collect();
    let mut search = Search::new(&choices, &counts, &asked.kept);
    let start_ms = device.clock.now_ms();
    while let Some(step) = search.next(device.clock.now_ms() - start_ms > asked.budget_ms) {
        bench.ready.retain(|&(variant, _), _| search.is_left(variant));
        match bench.time(step, &shapes[step.shape], choices[step.variant]).await {
            Ok(gpu_ms) => search.took(step, gpu_ms),
            Err(error @ RuntimeError::DeviceLost { .. }) => return Err(error),
            Err(error) => search.refuse(step.variant, error.to_string()),
        }
    }
    let adapter = device.description.to_adapter();
    Ok(TuneReport {
        words: adapter.words(),
        adapter,
        implementation: properties.implementation,
        software: properties.software,
        class: asked.class,
        shapes: shapes.len() as u32,
        left_out,
        trials: search.finish(),
    })
}

async fn open(
    engine: Engine,
    models: &[Inference],
    browser: Option<BrowserKind>,
) -> Result<Rc<Device>, RuntimeError> {
    if engine != Engine::Webgpu {
        return Err(RuntimeError::NotProfiled { reason: "the kernels are the engine's own" });
    }
    let setting =
        models.first().map_or_else(|| Setting::of(browser), |model| Setting::for_inference(browser, model));
    Ok(Rc::new(Device::open(setting).await?))
}

/// What all models need, each kernel and shape once for each of them.
async fn workloads(device: &Device, models: &[Inference]) -> Result<Vec<Workload>, RuntimeError> {
    let mut all: Vec<Workload> = Vec::new();
    for inference in models {
        let loaded = Loaded::fetch(inference).await?;
        let name = &loaded.manifest.name;
        let found =
            shaders::workloads(&loaded.pipeline()?, &webgpu::properties(device), &webgpu::tuning(device)?);
        for workload in found.map_err(|source| RuntimeError::Plan { model: name.clone(), source })? {
            match all
                .iter_mut()
                .find(|known| known.graph == workload.graph && class(known) == class(&workload))
            {
                Some(known) => known.count += workload.count,
                None => all.push(workload),
            }
        }
    }
    Ok(all)
}

fn class(workload: &Workload) -> KernelClass {
    KernelClass { family: workload.family, class: workload.class }
}

/// Variants on shapes, ready to be timed.
struct Bench {
    device: Rc<Device>,
    properties: DeviceProperties,
    table: Tuning,
    class: KernelClass,
    /// By variant and shape.
    ready: BTreeMap<(usize, usize), Executor>,
}

impl Bench {
    /// The plan of a shape, cut as a choice says.
    fn plan(&self, workload: &Workload, choice: Choice) -> Result<shaders::GpuPlan, RuntimeError> {
        let DeviceProperties { implementation, software, .. } = self.properties;
        let row = Row {
            family: self.class.family,
            class: Some(self.class.class),
            software: Some(software),
            implementation: Some(implementation),
            choice,
        };
        let part = Part { name: "kernel", graph: &workload.graph, states: &BTreeMap::new() };
        let plan = shaders::plan_parts(&[part], &self.properties, &self.table.clone().with(&[row]));
        plan.map_err(|source| RuntimeError::Plan { model: workload.name(), source })
    }

    /// Why a shape cannot be measured by itself.
    fn fault(&self, workload: &Workload, choice: Choice) -> Option<String> {
        let plan = match self.plan(workload, choice) {
            Ok(plan) => plan,
            Err(error) => return Some(error.to_string()),
        };
        let bytes: u64 = plan.buffers.iter().map(|buffer| buffer.size_bytes).sum();
        (bytes > MOST_BYTES)
            .then(|| format!("{}: it takes {} MiB, for each variant", workload.name(), bytes >> 20))
    }

    /// Milliseconds that a step takes on the device.
    async fn time(&mut self, step: Step, workload: &Workload, choice: Choice) -> Result<f64, RuntimeError> {
        let key = (step.variant, step.shape);
        if !self.ready.contains_key(&key) {
            let plan = self.plan(workload, choice)?;
            let (device, mut course) = (Rc::clone(&self.device), begin(Sampling::default())?);
            let made =
                Executor::prepare(&workload.name(), device, plan, &Folder::nowhere(), &mut course).await?;
            self.ready.insert(key, made);
        }
        let gpu_ms = match self.ready.get(&key) {
            Some(executor) => executor.infer(0).await?.gpu_ms,
            None => None,
        };
        gpu_ms.ok_or(RuntimeError::NotProfiled { reason: "the device's clock went backwards" })
    }
}
