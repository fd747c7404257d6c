//! The native engines of this package: one entry each, and what an engine has to be able to do.

use std::collections::BTreeMap;

use graph::Tensor;
use graph::pipeline::Pipeline;
use protocol::{Adapter, AdapterChoice, Device, DispatchName, Engine, Job, ProbeReport};

use crate::course::Course;
use crate::error::RunnerError;
use crate::kept::{Deposit, Kept};
use crate::model::Loaded;

pub mod onnxruntime;
pub mod wgpu;

/// A model ready on an engine.
pub trait Ready {
    /// Runs a program of the model once, from inputs in host memory to outputs in host memory: 0 is the whole model
    /// or the prefill, 1 a step of decoding. Takes of the inputs what the program has as inputs.
    ///
    /// # Errors
    /// Whatever the engine or its device reports.
    fn run(&mut self, program: usize, inputs: &BTreeMap<String, Tensor>) -> Result<Inferred, RunnerError>;

    /// Runs nothing, but times bringing the outputs of the first program back, in milliseconds, where the engine can
    /// tell.
    ///
    /// # Errors
    /// Those of [`Ready::run`].
    fn readback_ms(&mut self) -> Result<Option<f64>, RunnerError> {
        Ok(None)
    }

    /// Times each dispatch apart from now on: [`Inferred::dispatches_ms`]. Gives what they are, program by program.
    ///
    /// # Errors
    /// An engine whose dispatches are not ours, a device that cannot time them.
    fn time_apart(&mut self) -> Result<Vec<Vec<DispatchName>>, RunnerError> {
        Err(RunnerError::NotProfiled { reason: "the dispatches are the engine's own" })
    }
}

/// The result of one run of a program.
pub struct Inferred {
    /// The outputs by name.
    pub outputs: BTreeMap<String, Tensor>,
    /// Time on the device, where timestamps tell.
    pub gpu_ms: Option<f64>,
    /// The time of each dispatch, where they are timed apart.
    pub dispatches_ms: Vec<Option<f64>>,
}

/// A model made ready.
pub struct Prepared {
    /// The model.
    pub model: Box<dyn Ready>,
    /// The adapter that it really runs on.
    pub adapter: Adapter,
    /// Everything that shaped the numbers and is not the adapter.
    pub features: BTreeMap<String, String>,
}

/// An engine as it is found on this machine.
pub struct Found {
    /// Its version, where it has one of its own.
    pub version: Option<String>,
    /// The adapter that it would run on.
    pub adapter: Adapter,
    /// The adapters that there are to choose among, this one included, for an engine that has a choice.
    pub adapters: Vec<Adapter>,
}

/// The entry of an engine that is built in.
pub struct EngineEntry {
    /// Its name in targets.
    pub engine: Engine,
    /// The devices it runs on.
    pub devices: &'static [Device],
    /// Looks for it on this machine.
    pub detect: fn(Device) -> Result<Found, RunnerError>,
    /// Makes a model ready where the job wants it.
    pub prepare: Prepare,
    /// Measures what the device's adapter could do at most, by an engine whose kernels are ours.
    pub probe: Option<Probe>,
}

/// How an engine measures an adapter.
pub type Probe = fn(&Chosen) -> Result<ProbeReport, RunnerError>;

/// How an engine makes a model ready, by what it takes; the course is told what the time goes to.
#[derive(Clone, Copy)]
pub enum Prepare {
    /// Static graphs.
    Graphs(fn(&Loaded, &Pipeline, &Chosen, &mut Course) -> Result<Prepared, RunnerError>),
    /// The ONNX files, untouched by our graph.
    Files {
        /// Opens them.
        prepare: fn(&Loaded, Device, &mut Course) -> Result<Prepared, RunnerError>,
        /// Opens them without the engine's own optimisations: a second opinion.
        prepare_plain: fn(&Loaded, Device, &mut Course) -> Result<Prepared, RunnerError>,
        /// Runs them once, every value kept.
        trace: fn(&Loaded, Device, &Deposit<'_>) -> Result<Kept, RunnerError>,
    },
}

/// The engines of the program `native-runner`.
pub const ENGINES: &[EngineEntry] = &[
    EngineEntry {
        engine: Engine::Wgpu,
        devices: &[Device::Vulkan, Device::Metal, Device::Dx12],
        detect: wgpu::detect,
        prepare: Prepare::Graphs(wgpu::prepare),
        probe: Some(wgpu::probe),
    },
    EngineEntry {
        engine: Engine::Onnxruntime,
        devices: &[Device::Cpu],
        detect: onnxruntime::detect,
        prepare: Prepare::Files {
            prepare: onnxruntime::prepare,
            prepare_plain: onnxruntime::prepare_plain,
            trace: onnxruntime::trace,
        },
        probe: None,
    },
];

/// The engine, its device and the adapter that a job asks for.
#[derive(Clone)]
pub struct Chosen {
    /// The engine.
    pub entry: &'static EngineEntry,
    /// One of its devices.
    pub device: Device,
    /// The adapter behind it, for an engine that has a choice.
    pub adapter: AdapterChoice,
}

impl Chosen {
    /// Finds what a job asks for among the engines of a program.
    ///
    /// # Errors
    /// When the program has no such engine or device.
    pub fn find(engines: &'static [EngineEntry], job: &Job) -> Result<Chosen, RunnerError> {
        let Job { engine, device, ref adapter, .. } = *job;
        let missing = RunnerError::EngineNotBuilt { engine, device };
        let entry = engines.iter().find(|entry| entry.engine == engine).ok_or(missing)?;
        let known = device.filter(|device| entry.devices.contains(device));
        let device = known.ok_or(RunnerError::EngineNotBuilt { engine, device })?;
        Ok(Chosen { entry, device, adapter: adapter.clone() })
    }

    /// Our kernels on whatever Vulkan gives first.
    #[cfg(test)]
    pub(crate) fn vulkan() -> Chosen {
        Chosen { entry: &ENGINES[0], device: Device::Vulkan, adapter: AdapterChoice::Default }
    }
}
