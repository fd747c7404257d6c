//! Runs that a file brings, checked, on their way into the store.

use std::collections::BTreeMap;
use std::time::SystemTime;

use protocol::{Adapter, FallbackNode, OutputCheck, Samples, Target, Verdict};

use crate::origin::Origin;
use crate::turn::Place;

/// A run from elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Its identifier, a UUID: its own, or one that follows from what is in it.
    pub id: String,
    /// `finished`, `interrupted`, `failed` or `running`.
    pub state: String,
    /// Why it failed.
    pub message: Option<String>,
    /// When it was begun.
    pub started_at: SystemTime,
    /// When it was over.
    pub finished_at: Option<SystemTime>,
    /// The machine, the command and the version.
    pub origin: Origin,
    /// Its trials, in order.
    pub trials: Vec<ArrivedTrial>,
}

/// A trial from elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrivedTrial {
    /// Where it stands in the file.
    pub at: String,
    /// An identifier that follows from what is in it, a UUID.
    pub id: String,
    /// What was measured.
    pub case: ArrivedCase,
    /// Where it really ran, if it ran.
    pub actual_target: Option<Target>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, unless it passed.
    pub message: Option<String>,
    /// The largest absolute error allowed.
    pub tolerance: f64,
    /// Jobs that ran at the same time.
    pub concurrency: u32,
    /// Its turn, where targets took turns.
    pub round: Option<Place>,
    /// When it was begun.
    pub started_at: SystemTime,
    /// When it was over.
    pub finished_at: SystemTime,
    /// What computed it.
    pub adapter: Option<Adapter>,
    /// Each output against the expected one.
    pub checks: Vec<OutputCheck>,
    /// Nodes that ran on another engine.
    pub fallback_nodes: Vec<FallbackNode>,
    /// What was measured, value by value.
    pub samples: Vec<Samples>,
    /// What shaped the numbers.
    pub features: BTreeMap<String, String>,
}

/// A case from elsewhere: what is known of what its key hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivedCase {
    /// Equal where results may be compared over time.
    pub key: String,
    /// The version of the way to hash it; 0 of keys that follow from an imported file.
    pub version: u32,
    /// The model's name.
    pub model: String,
    /// Its family.
    pub family: Option<String>,
    /// Its kind.
    pub modality: Option<String>,
    /// The target as asked.
    pub target: Target,
    /// Of the arithmetic.
    pub precision: String,
    /// Items in one inference.
    pub batch: u32,
    /// The adapter asked for, where that is known.
    pub adapter_choice: Option<String>,
    /// The optimisations that were turned off, where that is known.
    pub features_off: Option<String>,
    /// Extents asked of open dimensions, where they are known.
    pub dimensions: Option<BTreeMap<String, usize>>,
}
