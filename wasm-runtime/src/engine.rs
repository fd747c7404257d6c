//! The interface of an engine of this page.

use std::collections::BTreeMap;

use graph::Tensor;
use protocol::{Adapter, BrowserKind, Device, Placement};

use crate::error::RuntimeError;

/// The page's context: its browser, and what it is served beside its models.
#[derive(Debug, Clone, Copy)]
pub struct PageContext<'a> {
    /// The browser.
    pub browser: Option<BrowserKind>,
    /// The device that the job asks for, of engines that can be told.
    pub device: Option<Device>,
    /// The folder of onnxruntime-web's files, as a URL; none where they were not fetched.
    pub onnxruntime_web: Option<&'a str>,
}

/// A model ready on an engine.
pub(crate) trait Ready {
    /// Runs a program of the model once, from inputs in host memory to outputs in host memory: 0 is the whole model
    /// or the prefill, 1 a step of decoding. Takes of the inputs what the program has as inputs.
    ///
    /// # Errors
    /// Whatever the engine or its device reports.
    async fn run(
        &mut self,
        program: usize,
        inputs: &BTreeMap<String, Tensor>,
    ) -> Result<Inferred, RuntimeError>;

    /// Runs nothing, but times bringing the outputs of the first program back, in milliseconds, where the engine can
    /// tell.
    ///
    /// # Errors
    /// Those of [`Ready::run`].
    async fn readback_ms(&mut self) -> Result<Option<f64>, RuntimeError> {
        Ok(None)
    }

    /// How the model is partitioned among engines, if it can be.
    fn placement(&self) -> Option<Placement> {
        None
    }

    /// Returns what has to be known of the numbers, in words.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns features of the run that are only looked at when all is measured, so that looking shapes no number.
    async fn look_back(&mut self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}

/// The result of one run of a program.
#[derive(Debug)]
pub struct Inferred {
    /// The outputs by name.
    pub outputs: BTreeMap<String, Tensor>,
    /// Its time on the device, where timestamps tell.
    pub gpu_ms: Option<f64>,
    /// The time of each dispatch, where they are timed apart.
    pub dispatches_ms: Vec<Option<f64>>,
}

/// A model made ready.
pub(crate) struct Prepared<R> {
    /// The model.
    pub model: R,
    /// The adapter that it really runs on.
    pub adapter: Adapter,
    /// Everything that shaped the numbers and is not the adapter.
    pub features: BTreeMap<String, String>,
}
