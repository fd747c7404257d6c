//! Where a model runs best, as reports show it.

use serde::Serialize;

/// What is recommended, with the evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recommendation {
    /// The model's name.
    pub model: String,
    /// What was to be best.
    pub goal: &'static str,
    /// The best place; none where nothing ran right.
    pub recommended: Option<Candidate>,
    /// All places, the best first; those where it did not run right come last.
    pub candidates: Vec<Candidate>,
    /// What has to be known of it, in words.
    pub remarks: Vec<String>,
}

/// A place where the model ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The target, with the adapter and what was turned off.
    pub place: String,
    /// The variant of the model that ran there: precision, batch, extents.
    pub variant: String,
    /// How it ended.
    pub verdict: String,
    /// What the goal is measured by; none where it failed or was not measured.
    pub value: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// The value's metric: its name ends in its unit.
    pub metric: &'static str,
    /// How many times as much as the best's its value is.
    pub over_best: Option<f64>,
    /// Against the best: `best`, `worse`, `same`, or `not-sure` where the evidence does not say.
    pub standing: &'static str,
    /// What computed.
    pub adapter: Option<String>,
    /// True if a CPU stood in for a GPU.
    pub software: bool,
    /// The run it was taken in.
    pub run: String,
    /// When that was begun.
    pub started_at: String,
}
