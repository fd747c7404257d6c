//! The engine webgpu: our kernels through the browser's WebGPU.

use std::collections::BTreeMap;
use std::rc::Rc;

use graph::pipeline::Pipeline;
use protocol::tuning::RowsHere;
use protocol::{Activity, BrowserKind, Metric};
use shaders::{DeviceProperties, Implementation, Tuning};

use crate::browser;
use crate::device::Device;
use crate::engine::Prepared;
use crate::error::RuntimeError;
use crate::executor::Executor;
use crate::files::Folder;
use crate::setting::Setting;
use crate::timing::Course;

/// Plans a model for the browser's adapter, makes its pipelines and uploads its weights from the folder they lie in.
///
/// # Errors
/// No adapter, an operator, type or limit that our kernels lack, and what [`Executor::prepare`] reports.
pub(crate) async fn prepare(
    model: &str,
    pipeline: &Pipeline,
    folder: &Folder,
    setting: Setting,
    course: &mut Course,
) -> Result<Prepared<Executor>, RuntimeError> {
    course.turn_to(Activity::Open);
    prepare_on(Rc::new(Device::open(setting).await?), model, pipeline, folder, course).await
}

/// Plans a model for a device that is open, makes its pipelines and uploads its weights.
///
/// # Errors
/// Those of [`prepare`], but for no adapter.
pub(crate) async fn prepare_on(
    device: Rc<Device>,
    model: &str,
    pipeline: &Pipeline,
    folder: &Folder,
    course: &mut Course,
) -> Result<Prepared<Executor>, RuntimeError> {
    course.turn_to(Activity::Plan);
    let plan = shaders::plan_pipeline(pipeline, &properties(&device), &tuning(&device)?)
        .map_err(|source| RuntimeError::Plan { model: model.to_owned(), source })?;
    let executor = Executor::prepare(model, device, plan, folder, course).await?;
    course.measure(Metric::DeviceMemoryBytes, executor.device_memory_bytes() as f64);
    let adapter = executor.device().description.to_adapter();
    let features = features(&executor);
    Ok(Prepared { model: executor, adapter, features })
}

/// The table that plans for this device are made by.
///
/// # Errors
/// Rows of another place.
pub fn tuning(device: &Device) -> Result<Tuning, RuntimeError> {
    Ok(Tuning::of(&device.setting.features).with(rows(device)?.rows))
}

/// The rows that go before those of the table.
fn rows(device: &Device) -> Result<RowsHere<'_>, RuntimeError> {
    let Some(tuned) = &device.setting.tuning else { return Ok(RowsHere::default()) };
    let here = tuned.here(&device.description.to_adapter(), browser::major_version());
    here.map_err(|reason| RuntimeError::TunedElsewhere { reason })
}

/// The properties that plans for this device go by.
pub fn properties(device: &Device) -> DeviceProperties {
    let implementation = match device.setting.browser {
        Some(BrowserKind::Chromium) | None => Implementation::Chromium,
        Some(BrowserKind::Firefox) => Implementation::Firefox,
        Some(BrowserKind::Webkit) => Implementation::Webkit,
    };
    DeviceProperties {
        implementation,
        software: device.description.software_evidence().is_some(),
        shader_f16: device.has("shader-f16"),
        limits: device.limits,
    }
}

/// Returns what shaped the numbers and is not the adapter.
fn features(executor: &Executor) -> BTreeMap<String, String> {
    let (device, plan) = (executor.device(), executor.plan());
    let source = rows(device).ok().and_then(|here| here.source);
    let features = [
        ("completion_kick", device.completion.is_kicking().to_string()),
        ("compiled_by_empty_dispatches", device.compiles_late.to_string()),
        ("timestamp_query", executor.has_timestamps().to_string()),
        ("dispatches", plan.dispatch_counts()),
        ("pipelines", plan.kernels.len().to_string()),
        ("tuning", plan.tuning_text()),
    ];
    let source = source.map(|source| ("tuning_source", source));
    features.into_iter().chain(source).map(|(name, value)| (name.to_owned(), value)).collect()
}
