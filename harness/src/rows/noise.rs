//! What targets cannot be told apart from themselves by, as reports show it.

use serde::Serialize;

use super::comparison::RatioRow;

/// The noise of a run's cells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Noise {
    /// The run.
    pub run: String,
    /// A row for each model and place that took turns.
    pub noise: Vec<NoiseRow>,
}

/// A target against itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoiseRow {
    /// The model, with what tells it from others of its name.
    pub model: String,
    /// Where.
    pub place: String,
    /// Rounds, each with two turns.
    pub rounds: usize,
    /// Sessions that they were spread over.
    pub sessions: usize,
    /// How many times as long its one turn in a round takes as the other, which change sides from round to round; counted by the
    /// root of a half, since in a comparison two turns stand on each side.
    pub against_itself: RatioRow,
    /// The relative difference that a comparison with as many rounds stays below in 99 of 100 cases where there is none.
    pub within_a_run: Option<f64>,
    /// The same of one run against another; none where fewer than four are known.
    pub between_runs: Option<f64>,
    /// Samples, all of which count.
    pub samples: usize,
    /// How many of them lie far from the others of their turn; they are marked, and none is dropped.
    pub outliers: usize,
}
