//! A model run with every dispatch timed.

use std::collections::BTreeMap;

use protocol::{Adapter, DispatchTimes};

use super::Run;
use super::probe::Peaks;

/// One profiled run.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The run.
    pub run: Run,
    /// The model's name.
    pub model: String,
    /// The digest of its files.
    pub model_digest: String,
    /// The target.
    pub target: String,
    /// The adapter it ran on.
    pub adapter: Adapter,
    /// How many inferences were profiled.
    pub inferences: u32,
    /// The session's versions, flags and preferences.
    pub facts: BTreeMap<String, String>,
    /// Every dispatch, in the order of the plan.
    pub dispatches: Vec<DispatchTimes>,
    /// What its adapter could do at most, as it was probed last.
    pub peaks: Peaks,
}
