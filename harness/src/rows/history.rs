//! The history of a cell over runs, as reports show it.

use serde::Serialize;

use super::gate::Change;

/// Histories of all cells that were asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histories {
    /// What was looked at: its name ends in its unit.
    pub metric: String,
    /// A history for each cell on each machine.
    pub histories: Vec<History>,
}

/// A model in a place over the runs on one machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    /// The model, with what tells it from others of its name.
    pub model: String,
    /// Where.
    pub place: String,
    /// The machine.
    pub host: Option<String>,
    /// True if values are ratios to the drift control of their run, which takes the machine's own changes out.
    pub over_control: bool,
    /// A point for each run, the earliest first.
    pub points: Vec<Point>,
    /// Where it changed.
    pub changes: Vec<Step>,
    /// A slow drift that goes on.
    pub drift: Option<Drift>,
    /// True if each run resembles the one before, so that what looks like a change may be chance.
    pub depends_on_itself: bool,
    /// How many independent runs it is worth.
    pub effective_runs: f64,
}

/// A run's point.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The run.
    pub run: String,
    /// When it was begun.
    pub started_at: String,
    /// The median, in the metric's unit.
    pub median: f64,
    /// The same over the drift control, where that was taken.
    pub over_control: Option<f64>,
}

/// A step from one level to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The first run on the new level.
    pub run: String,
    /// When that was begun.
    pub started_at: String,
    /// How many times as long it takes from then on.
    pub ratio: f64,
    /// How often chance alone shows as much.
    pub p_value: f64,
    /// What changed with it.
    pub changed: Vec<Change>,
}

/// A level that moves with every run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drift {
    /// The run from which on it moves.
    pub run: String,
    /// When that was begun.
    pub started_at: String,
    /// By how much a run: 0.002 is 0.2 %.
    pub per_run: f64,
}
