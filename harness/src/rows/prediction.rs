//! Predicted latencies, as reports show them.

use serde::Serialize;

/// What results tell of cells that never ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Predictions {
    /// Cells that were measured, from which all follows.
    pub known: usize,
    /// How far results are off that are left out and predicted from the others: half of them less.
    pub typical_error: f64,
    /// The share of results left out that lie within their 90 % interval.
    pub held: f64,
    /// The cells that were never run.
    pub predictions: Vec<PredictedCell>,
}

/// A cell that never ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictedCell {
    /// The model, with what tells it from others of its name.
    pub model: String,
    /// Where.
    pub place: String,
    /// The likeliest latency.
    pub latency_ms: f64,
    /// Lower end of the 90 % interval.
    pub low_ms: f64,
    /// Upper end.
    pub high_ms: f64,
}
