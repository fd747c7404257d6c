//! The findings of a sweep, row by row, as the store gives them and reports show them.

pub mod answer;
pub mod arrival;
pub mod attempts;
pub mod collection;
pub mod comparison;
pub mod conformance;
pub mod divergence;
pub mod export;
pub mod gate;
pub mod history;
pub mod imported;
pub mod matrix;
pub mod measurement;
pub mod merge;
pub mod noise;
pub mod page;
pub mod prediction;
pub mod probe;
pub mod product;
pub mod profile;
pub mod pruned;
pub mod published;
pub mod recommendation;
pub mod series;
pub mod shards;
pub mod time_spent;
pub mod tuning;

use std::collections::BTreeMap;

use protocol::{Adapter, FallbackNode, OutputCheck, Verdict};
use serde::Serialize;

use crate::exit::Exit;
use crate::model::variant::described;
use crate::origin::Origin;
use crate::statistics::{Summary, outliers};
use shards::Shards;
use time_spent::TimeSpent;

/// The feature that says what computed the expected outputs, where it was not PyTorch.
pub const REFERENCE: &str = "reference";

/// The feature that says in words what has to be known of a row's numbers, a line for each thing.
pub const NOTES: &str = "notes";

/// One run with its cases, in the order of the matrix.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The run.
    pub run: Run,
    /// The runs of its sweep, where that was split over several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// Its finished cases, those of all its shards.
    pub cases: Vec<CaseRow>,
    /// Where the time went, where jobs did not overlap, and shards neither.
    pub time_spent: Option<TimeSpent>,
}

/// When, where and by what a sweep was run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Its identifier, a UUID.
    pub id: String,
    /// `finished`, `interrupted`, `failed`, or `running` when it was killed.
    pub state: String,
    /// Why it failed.
    pub message: Option<String>,
    /// ISO 8601, UTC.
    pub started_at: String,
    /// ISO 8601, UTC.
    pub finished_at: Option<String>,
    /// The machine, the command and the version.
    #[serde(flatten)]
    pub origin: Origin,
}

/// One finished case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseRow {
    /// The model's name.
    pub model: String,
    /// The target as asked.
    pub target: String,
    /// The target it really ran on, if it ran.
    pub actual_target: Option<String>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, unless it passed.
    pub message: Option<String>,
    /// Largest absolute error over all outputs. JSON has no infinity: an output that could not be compared
    /// makes it null.
    pub max_abs_error: Option<f64>,
    /// The largest absolute error allowed.
    pub tolerance: f64,
    /// The adapter asked for; `default` is the place's own.
    pub adapter_choice: String,
    /// The adapter that computed it.
    pub adapter: Option<Adapter>,
    /// True if that is a CPU which nobody asked for, though the machine has a GPU.
    pub software_though_hardware: bool,
    /// Metrics by name; the name ends in the unit.
    pub metrics: BTreeMap<String, Measured>,
    /// Equal where results may be compared over time.
    pub case_key: String,
    /// Of the arithmetic: `fp32`.
    pub precision: String,
    /// Items in one inference.
    pub batch: u32,
    /// Extents that were asked of its model's open dimensions, by name.
    pub dimensions: BTreeMap<String, usize>,
    /// The optimisations that were turned off, as in `-tuned,-fusion`; empty with all on.
    pub features_off: String,
    /// Jobs that ran at the same time.
    pub concurrency: u32,
    /// Its round, from 0, and its place in it, where targets took turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// Turns of the round before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_position: Option<u32>,
    /// ISO 8601, UTC.
    pub started_at: String,
    /// ISO 8601, UTC.
    pub finished_at: String,
    /// Each output against the expected one.
    pub checks: Vec<OutputCheck>,
    /// Nodes that ran on another engine than the one asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallback_nodes: Vec<FallbackNode>,
    /// The conditions that shaped the numbers.
    pub features: BTreeMap<String, String>,
}

/// A metric's summary with the samples it rests on; derived metrics have none of their own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Median, interval and count.
    #[serde(flatten)]
    pub summary: Summary,
    /// The values in the order they were taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<f64>,
    /// Which of them, from 0, lie far from the others. They count like all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outliers: Vec<usize>,
}

impl Measured {
    /// A summary with the samples it rests on.
    pub fn of(summary: Summary, samples: Vec<f64>) -> Measured {
        let marks = outliers::marks(&samples);
        let outliers = marks.iter().enumerate().filter(|(_, marked)| **marked).map(|(at, _)| at).collect();
        Measured { summary, samples, outliers }
    }
}

impl CaseRow {
    /// Returns what tells it from other cases of its model and target: `batch=4 -tuned`; nothing where nothing was varied.
    pub fn variant(&self) -> String {
        let parts = [described(&self.dimensions), self.features_off.clone()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Returns what has to be known of its numbers, in words.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.features.get(NOTES).map(String::as_str).unwrap_or_default().lines()
    }
}

impl Report {
    /// The exit code that goes with it.
    pub fn exit(&self) -> Exit {
        Exit::of(self.cases.iter().map(|case| case.verdict))
    }
}
