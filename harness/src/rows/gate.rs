//! What a gate found, as reports show it.

use serde::Serialize;

use super::comparison::RatioRow;

/// A run held against an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gated {
    /// `pass`, `fail`, or `no-baseline` where there is nothing yet to hold the run against.
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

impl Gated {
    /// A run before which no sweep passed.
    pub fn without_baseline(run: &str, against: &str, max_slowdown: f64) -> Gated {
        let (run, against) = (run.to_owned(), against.to_owned());
        Gated { verdict: "no-baseline", run, against, max_slowdown, cells: 0, timed: 0, findings: Vec::new() }
    }

    /// Findings that fail it.
    pub fn failing(&self) -> usize {
        self.findings.iter().filter(|finding| finding.fails).count()
    }
}

/// What came of holding a sweep against another.
#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    /// What the gate found.
    Gated(Gated),
    /// Why the two have nothing that could be compared.
    Apart(String),
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
