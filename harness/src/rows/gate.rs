//! What a gate found, as reports show it.

use serde::Serialize;

use super::comparison::RatioRow;

/// A run held against an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gated {
    /// `pass` or `fail`.
    pub verdict: &'static str,
    /// The run that was held against another.
    pub run: String,
    /// The other: a run's identifier, or a file.
    pub against: String,
    /// Slowdowns of at most this much are let through.
    pub max_slowdown: f64,
    /// Cells that both have, and that were looked at.
    pub cells: usize,
    /// Those of them whose times could be held against each other.
    pub timed: usize,
    /// What was found, that which fails first.
    pub findings: Vec<Finding>,
}

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// `mismatch`, `lost-capability`, `slowdown`, or a remark: `slower-unproven`, `not-compared`, `not-swept`.
    pub kind: &'static str,
    /// True if it fails the gate.
    pub fails: bool,
    /// The model, with what tells it from others of its name.
    pub model: String,
    /// Where.
    pub place: String,
    /// What, by how much and since when, in words.
    pub message: String,
    /// How many times as long it takes now.
    pub ratio: Option<RatioRow>,
    /// The run that it was different in.
    pub since: String,
    /// What changed between them.
    pub changed: Vec<Change>,
}

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Whose it is.
    pub what: &'static str,
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}
