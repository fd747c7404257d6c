//! Models on pairs of targets, turn by turn.

use protocol::{Metric, Verdict};

use super::{CaseRow, Run};
use crate::exit::Exit;
use crate::pair::Pair;
use crate::statistics::Summary;

/// One run of comparisons.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparisons {
    /// The run.
    pub run: Run,
    /// Each model on each pair, in the order of the run.
    pub comparisons: Vec<Comparison>,
}

/// A model on two targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The model.
    pub model: String,
    /// The targets.
    pub pair: Pair,
    /// The turns in the order in which they were taken.
    pub turns: Vec<Turn>,
}

/// One target's turn in a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Whose it was.
    pub side: Side,
    /// The case's row that came of it.
    pub case: CaseRow,
}

/// One of two that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that is asked about.
    Ours,
    /// The one it is held against.
    Other,
}

impl Side {
    /// The word for it in the store.
    pub fn name(self) -> &'static str {
        match self {
            Side::Ours => "ours",
            Side::Other => "other",
        }
    }
}

impl Comparison {
    /// The first turn that gave no time: its verdict and why. A wrong answer is as good as none.
    pub fn failure(&self) -> Option<(Verdict, String)> {
        self.turns.iter().find_map(|Turn { case, .. }| {
            let why = |message: &str| format!("{} on {}: {message}", case.model, case.target);
            match (case.verdict, latency_ms(case)) {
                (Verdict::Pass, Some(_)) => None,
                (Verdict::Pass, None) => Some((Verdict::Error, why("no inference was timed"))),
                (verdict, _) => Some((verdict, why(case.message.as_deref().unwrap_or_default()))),
            }
        })
    }

    /// The failure's verdict, or that all is right.
    pub fn verdict(&self) -> Verdict {
        self.failure().map_or(Verdict::Pass, |(verdict, _)| verdict)
    }

    /// The median latency of a side in each round, in milliseconds.
    pub fn times_ms(&self, side: Side) -> Vec<f64> {
        self.turns.iter().filter(|turn| turn.side == side).filter_map(|turn| latency_ms(&turn.case)).collect()
    }

    /// How many times as long as ours the other side takes; nothing where a turn failed.
    pub fn ratio(&self) -> Option<Summary> {
        match self.failure() {
            Some(_) => None,
            None => Summary::of_ratio(&self.times_ms(Side::Other), &self.times_ms(Side::Ours)),
        }
    }
}

fn latency_ms(case: &CaseRow) -> Option<f64> {
    case.metrics.get(Metric::LatencyMs.name()).map(|measured| measured.summary.median)
}

impl Comparisons {
    /// The exit code that goes with it.
    pub fn exit(&self) -> Exit {
        Exit::of(self.comparisons.iter().map(Comparison::verdict))
    }
}
