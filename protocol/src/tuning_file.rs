//! Tunings as one file, for other machines and for the table of the kernels: what was found, where, and how surely.

use serde::{Deserialize, Serialize};

use crate::tuning::Row;

/// The version of the file's form that this program writes.
pub const FORMAT: u32 = 1;

/// A file of tunings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TuningFile {
    /// The version of its form.
    pub parallax_tunings: u32,
    /// The places, each once.
    pub places: Vec<TunedPlace>,
}

/// What was found in one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunedPlace {
    /// The target.
    pub target: String,
    /// The browser's version; none of a native target.
    pub browser_version: Option<String>,
    /// The adapter, as tables name it.
    pub adapter: String,
    /// The adapter in its own words: empty where it says nothing of itself.
    pub adapter_words: String,
    /// True where the adapter is a CPU.
    pub software: bool,
    /// The rows that are better than the table's there.
    pub rows: Vec<FoundRow>,
}

/// A row, and how much better it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundRow {
    /// The row.
    #[serde(flatten)]
    pub row: Row,
    /// How many times as fast its kernels are as they were.
    pub times_as_fast: f64,
    /// The ends of its 95 % interval.
    pub interval: [f64; 2],
    /// Shapes that it was measured on.
    pub shapes: u32,
}
