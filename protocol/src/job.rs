//! The harness's requests to a session: one job at a time, as JSON, the same for a page and a subprocess.

use serde::{Deserialize, Serialize};

use crate::adapter_choice::AdapterChoice;
use crate::bare::BareModel;
use crate::conformance::Conformance;
use crate::inference::Inference;
use crate::resized::ResizedModel;
use crate::target::{BrowserKind, Device, Engine};
use crate::trace::Trace;
use crate::tune::{ListKernels, Tune};

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Echoed in the outcome.
    pub id: u64,
    /// The engine that has to do it.
    pub engine: Engine,
    /// The device asked for.
    pub device: Option<Device>,
    /// The adapter asked for, where the engine has a choice.
    #[serde(default)]
    pub adapter: AdapterChoice,
    /// The browser it runs in; none for a native runner.
    pub browser: Option<BrowserKind>,
    /// URL of the folder of onnxruntime-web's files, which ends in `/`; none outside a page, and where they were
    /// not fetched.
    pub onnxruntime_web: Option<String>,
    /// The task to do.
    pub task: Task,
}

/// A job's task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Task {
    /// Run a model, check its outputs, measure it.
    Infer(Inference),
    /// Run a batch of the ONNX project's node tests.
    Conform(Conformance),
    /// Write a node test, the first one asked for, as a page that needs nothing of ours.
    Reproduce(Conformance),
    /// Say what this place can do; engine and device are ignored.
    Detect,
    /// Time one square matrix product, ours and onnxruntime-web's turn by turn.
    CompareMatmul(MatmulComparison),
    /// Run a model once and hand over every value on the way.
    Trace(Trace),
    /// Run a model with a timestamp around every dispatch; the samples say how often.
    Profile(Inference),
    /// Say which kernels models need.
    ListKernels(ListKernels),
    /// Measure the variants of a class of kernels that models need.
    Tune(Tune),
    /// Do the fixed work of the drift control; engine and device are ignored.
    Control,
    /// Measure what the adapter could do at most.
    Probe,
    /// Make a model folder of a bare ONNX file; the engine gives the expected outputs.
    Complete(BareModel),
    /// Make a model folder of another one, its inputs at other extents; the engine gives the expected outputs.
    Resize(ResizedModel),
}

/// Multiply two `size` by `size` f32 matrices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MatmulComparison {
    /// Rows and columns of both operands.
    pub size: u32,
    /// Rounds after warm-up; each round times both sides once, in an order that alternates.
    pub rounds: u32,
}
