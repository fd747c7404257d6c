//! The native engines: one entry each, and what an engine has to be able to do.

use std::collections::BTreeMap;

use graph::Tensor;
use protocol::{Adapter, Device, Engine, Metric};

use crate::error::RunnerError;
use crate::model::Loaded;

pub mod onnxruntime;
pub mod wgpu;

/// A model ready on an engine.
pub trait Ready {
    /// One inference, from inputs in host memory to outputs in host memory.
    ///
    /// # Errors
    /// Whatever the engine or its device reports.
    fn infer(&mut self, inputs: &[(String, Tensor)]) -> Result<Inferred, RunnerError>;
}

/// What one inference gave.
pub struct Inferred {
    /// The outputs by name.
    pub outputs: BTreeMap<String, Tensor>,
    /// Time on the device, where timestamps tell.
    pub gpu_ms: Option<f64>,
}

/// A model made ready, and what that took.
pub struct Prepared {
    /// The model.
    pub model: Box<dyn Ready>,
    /// What it really runs on.
    pub adapter: Adapter,
    /// Metrics taken while preparing.
    pub measured: Vec<(Metric, f64)>,
    /// What shaped the numbers and is not the adapter.
    pub features: BTreeMap<String, String>,
}

/// Makes a model ready on a device.
pub type Prepare = fn(&Loaded, Option<Device>) -> Result<Prepared, RunnerError>;

/// One entry per engine built in: its devices, and how a model is made ready on them.
const ENGINES: &[(Engine, &[Device], Prepare)] = &[
    (Engine::Wgpu, &[Device::Vulkan, Device::Metal, Device::Dx12], wgpu::prepare),
    (Engine::Onnxruntime, &[Device::Cpu], onnxruntime::prepare),
];

/// How a model is made ready on an engine.
///
/// # Errors
/// When this build has no such engine or device.
pub fn find(engine: Engine, device: Option<Device>) -> Result<Prepare, RunnerError> {
    ENGINES
        .iter()
        .find(|(known, devices, _)| {
            *known == engine && device.is_some_and(|device| devices.contains(&device))
        })
        .map(|(_, _, prepare)| *prepare)
        .ok_or(RunnerError::EngineNotBuilt { engine, device })
}
