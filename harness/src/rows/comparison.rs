//! Comparisons as reports show them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::statistics::ratio::Ratio;
use crate::statistics::{Interval, Summary};

/// What came of putting two sides next to each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparisons {
    /// Up to which relative difference two things are the same.
    pub same_within: f64,
    /// How the verdicts of several rows were corrected for each other.
    pub correction: &'static str,
    /// A row for each model.
    pub comparisons: Vec<Comparison>,
    /// What may not be compared, and why.
    pub refused: Vec<Refusal>,
}

/// A model on two sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The model's name.
    pub model: String,
    /// Of its arithmetic.
    pub precision: String,
    /// Items in one inference.
    pub batch: u32,
    /// Extents that were asked of its open dimensions.
    pub dimensions: BTreeMap<String, usize>,
    /// One side.
    pub a: String,
    /// The other.
    pub b: String,
    /// What is compared: its name ends in its unit.
    pub metric: String,
    /// The one side's median, in the metric's unit.
    pub a_median: Option<f64>,
    /// The other's.
    pub b_median: Option<f64>,
    /// What the one side is compared by: its median; of sides that took turns, what a tenth of its samples lies below, in the
    /// middle one of its sessions.
    pub a_compared: Option<f64>,
    /// What the other is compared by.
    pub b_compared: Option<f64>,
    /// How many times as long b takes.
    pub ratio: RatioRow,
    /// Of a: `faster`, `slower`, `same` or `not-sure`.
    pub verdict: &'static str,
    /// Its ground, in words.
    pub reason: String,
    /// How many more rounds, or samples where nothing was paired, would settle what is not sure.
    pub samples_to_settle: Option<u32>,
    /// How often chance alone shows so much, over the whole table.
    pub adjusted_p: Option<f64>,
    /// The relative difference that the same thing shows from itself.
    pub noise: Option<f64>,
    /// True if both took turns.
    pub paired: bool,
    /// Rounds, or samples where nothing was paired.
    pub rounds: usize,
    /// How many times as long as its fastest the drift control took.
    pub control_spread: Option<f64>,
    /// Whether both ran on the same adapter, where that is known.
    pub same_adapter: Option<bool>,
    /// Which two adapters, or why that is not known, in words.
    pub adapters: Option<String>,
    /// The runs it rests on.
    pub runs: Vec<String>,
}

/// A ratio in documents: both ends are null where there is no interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RatioRow {
    /// The ratio.
    pub median: f64,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

impl RatioRow {
    /// The ratio as other figures are summarised, over so many values.
    pub fn summary(&self, n: usize) -> Summary {
        let ends = self.low.zip(self.high);
        Summary { median: self.median, interval: ends.map(|(low, high)| Interval { low, high }), n }
    }
}

impl From<Ratio> for RatioRow {
    fn from(Ratio { median, low, high, .. }: Ratio) -> RatioRow {
        RatioRow { median, low, high }
    }
}

/// What may not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The model's name.
    pub model: String,
    /// One side.
    pub a: String,
    /// The other.
    pub b: String,
    /// Why.
    pub reason: String,
}
