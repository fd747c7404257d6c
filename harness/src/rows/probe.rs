//! What adapters could do at most, target by target.

use protocol::{Adapter, Timer};

use super::Run;
use crate::statistics::Summary;

/// One run of probes.
#[derive(Debug, Clone, PartialEq)]
pub struct Probes {
    /// The run.
    pub run: Run,
    /// Each target that could be probed, in the order of the run.
    pub targets: Vec<ProbedTarget>,
}

/// One target's adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbedTarget {
    /// The target.
    pub target: String,
    /// The adapter that was probed.
    pub adapter: Adapter,
    /// The browser's version; none of a native target.
    pub browser_version: Option<String>,
    /// Every probe that the adapter could run.
    pub probes: Vec<ProbeRow>,
}

/// One probe.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeRow {
    /// Its name, which ends in the unit.
    pub metric: String,
    /// What told the time.
    pub timer: Timer,
    /// Median and interval.
    pub summary: Summary,
    /// Every value, in the order they were taken.
    pub samples: Vec<f64>,
}

/// What an adapter could do at most, as far as it was probed: what a kernel is held against.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Peaks {
    /// Bytes moved, in GB/s: the most that any of the probes moved.
    pub gb_per_s: Option<f64>,
    /// Additions and multiplications of f32, in GFLOP/s.
    pub gflop_per_s: Option<f64>,
}
