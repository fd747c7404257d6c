//! A batch of the ONNX project's node tests: how it is asked for, and what came of each test.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::capability::Adapter;
use crate::failure::Failure;
use crate::target::{Device, Engine};

/// Run these node tests, one after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conformance {
    /// Where the tests' folders are: a directory for a subprocess; for a page the URL of a [`crate::pack`] that
    /// holds `NAME/model.onnx`, `NAME/test_data_set_0/input_0.pb` and so on.
    pub location: String,
    /// The tests to run, in this order.
    pub tests: Vec<String>,
    /// How far a float may be from the expected one.
    pub tolerance: Tolerance,
}

/// A float passes when it is at most `absolute * scale + relative * |expected|` off, `scale` being the largest finite
/// magnitude expected in its tensor, and at least 1: a sum that comes to nothing is as exact as its terms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// Share of the expected value's magnitude.
    pub relative: f64,
    /// Share of the tensor's scale.
    pub absolute: f64,
}

/// The results of running a batch. They carry no verdict: the harness judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConformanceReport {
    /// The engine that really ran it.
    pub engine: Engine,
    /// The device it really ran on.
    pub device: Option<Device>,
    /// The adapter it really ran on.
    pub adapter: Adapter,
    /// One for each test asked for, in that order.
    pub tests: Vec<NodeTestReport>,
    /// Refusals to build what the target claims, by what that is: its words, and the test that found it.
    #[serde(default)]
    pub refused: BTreeMap<String, String>,
    /// Every operator that the engine reads at all, `com.microsoft.` before those of ONNX Runtime; empty when
    /// it does not say.
    pub operators: Vec<String>,
    /// Milliseconds spent in each phase of the batch: reading, compiling, running.
    pub phases_ms: BTreeMap<String, f64>,
}

/// The result of one test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeTestReport {
    /// The test's name.
    pub test: String,
    /// The operators of its nodes. It is about the only one; a test of an operator spelled out in others has many.
    pub operators: Vec<String>,
    /// Milliseconds from reading it to having its outputs.
    pub wall_ms: f64,
    /// How it ended.
    pub ended: NodeTestEnd,
}

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NodeTestEnd {
    /// It ran, and this is wrong with its outputs: nothing, when the list is empty.
    Ran {
        /// One sentence for each wrong output.
        faults: Vec<String>,
    },
    /// It could not be run.
    Failed(Failure),
}
