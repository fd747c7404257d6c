//! Probes of what an adapter could do at most: what they measure, how much work each is given, and their report.

use serde::{Deserialize, Serialize};

use crate::capability::Adapter;
use crate::target::{Device, Engine};

/// A limit of an adapter that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// Bytes read from the adapter's memory in a second, far more of them than caches hold.
    ReadBandwidth,
    /// Bytes written there.
    WriteBandwidth,
    /// Bytes read and bytes written, both counted, where one is copied to the other.
    CopyBandwidth,
    /// Additions and multiplications of f32 in a second, fused where the adapter fuses them.
    F32Rate,
    /// Those of f16, by twos.
    F16Rate,
    /// Those of 8-bit integers, in scalar products of four.
    Int8Rate,
}

impl Probe {
    /// Every probe, in the order in which they are taken: what is read has been written.
    pub const ALL: [Probe; 6] = [
        Probe::WriteBandwidth,
        Probe::ReadBandwidth,
        Probe::CopyBandwidth,
        Probe::F32Rate,
        Probe::F16Rate,
        Probe::Int8Rate,
    ];

    /// Its name in tables, documents and the store, which ends in its unit.
    pub fn name(self) -> &'static str {
        match self {
            Probe::ReadBandwidth => "read_gb_per_s",
            Probe::WriteBandwidth => "write_gb_per_s",
            Probe::CopyBandwidth => "copy_gb_per_s",
            Probe::F32Rate => "f32_gflop_per_s",
            Probe::F16Rate => "f16_gflop_per_s",
            Probe::Int8Rate => "int8_gop_per_s",
        }
    }
}

/// What told the time of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timer {
    /// Timestamp queries: the dispatch alone.
    Timestamps,
    /// The executor's clock, from the submission to the result in host memory.
    Wall,
}

impl Timer {
    /// Its name in documents and the store.
    pub fn name(self) -> &'static str {
        match self {
            Timer::Timestamps => "timestamps",
            Timer::Wall => "wall",
        }
    }
}

/// One probe's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeSamples {
    /// The probe.
    pub probe: Probe,
    /// What told the time.
    pub timer: Timer,
    /// The rates, in the probe's unit.
    pub values: Vec<f64>,
}

/// The results of probing an adapter. A probe that it cannot run is not among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The engine that ran them.
    pub engine: Engine,
    /// The device it ran on.
    pub device: Option<Device>,
    /// The adapter.
    pub adapter: Adapter,
    /// Every probe that ran.
    pub probes: Vec<ProbeSamples>,
}

/// The least time of a dispatch that counts: beside it a launch, and a timer that ticks in tenths of milliseconds, are
/// nothing, on the fastest adapter as on the slowest.
const LEAST_MS: f64 = 20.0;
/// The most turns of a dispatch: beyond, llvmpipe cuts loops short.
const MOST_TURNS: u32 = 60_000;
/// The factor by which work grows at most from one dispatch to the next.
const MOST_GROWTH: f64 = 16.0;
/// Dispatches that count.
const SAMPLES: usize = 5;

/// A probe under way: its work grows until a dispatch takes long enough, and then dispatches count. It runs nothing.
#[derive(Debug, Clone)]
pub struct Effort {
    turns: u32,
    /// What one turn is worth, in bytes or operations.
    work: f64,
    timer: Timer,
    values: Vec<f64>,
}

impl Effort {
    /// A probe that has not begun; `work` is what one turn of its loop is worth, in bytes or operations.
    pub fn new(work: f64) -> Effort {
        Effort { turns: 1, work, timer: Timer::Wall, values: Vec::new() }
    }

    /// The turns of the next dispatch; none when enough have counted.
    pub fn turns(&self) -> Option<u32> {
        (self.values.len() < SAMPLES).then_some(self.turns)
    }

    /// Takes in what a dispatch took: by timestamps where there are any, else by the clock.
    pub fn took(&mut self, gpu_ms: Option<f64>, wall_ms: f64) {
        let (timer, took_ms) = gpu_ms.map_or((Timer::Wall, wall_ms), |ms| (Timer::Timestamps, ms));
        if took_ms >= LEAST_MS || self.turns == MOST_TURNS {
            self.timer = timer;
            self.values.push(self.work * f64::from(self.turns) / took_ms.max(f64::MIN_POSITIVE) / 1e6);
            return;
        }
        // What was quick by chance does not count beside what was not.
        self.values.clear();
        // A little more than it takes, so that the next one is not just too short.
        let growth = (1.3 * LEAST_MS / took_ms.max(f64::MIN_POSITIVE)).clamp(2.0, MOST_GROWTH);
        self.turns = ((f64::from(self.turns) * growth) as u32).min(MOST_TURNS);
    }

    /// The result.
    pub fn finish(self, probe: Probe) -> ProbeSamples {
        ProbeSamples { probe, timer: self.timer, values: self.values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_in_units_and_all_differ() {
        let names: std::collections::BTreeSet<_> = Probe::ALL.iter().map(|probe| probe.name()).collect();
        assert_eq!(names.len(), Probe::ALL.len());
        assert!(names.iter().all(|name| name.ends_with("_per_s")), "{names:?}");
    }

    #[test]
    fn work_grows_until_it_takes_long_enough_on_any_adapter() {
        // A turn of 1e6 operations, and what it takes: an H200, SwiftShader, and one on which a turn is enough.
        for (name, turn_ms, turns) in
            [("fast", 0.001, 20_000..35_000), ("slow", 3.0, 7..12), ("enough", 50.0, 1..2)]
        {
            let (mut effort, mut dispatches) = (Effort::new(1e6), 0);
            while let Some(turns) = effort.turns() {
                effort.took(Some(turn_ms * f64::from(turns)), 1e3);
                dispatches += 1;
            }
            assert!(turns.contains(&effort.turns), "{name}: {} turns", effort.turns);
            assert!(dispatches < 15, "{name}: {dispatches} dispatches");
            let found = effort.finish(Probe::F32Rate);
            assert_eq!((found.timer, found.values.len()), (Timer::Timestamps, SAMPLES), "{name}");
            assert!(found.values.iter().all(|rate| (rate * turn_ms - 1.0).abs() < 1e-9), "{name}: {found:?}");
        }
    }

    #[test]
    fn a_loop_that_cannot_grow_counts_as_it_is() {
        let mut effort = Effort::new(1e6);
        while let Some(turns) = effort.turns() {
            effort.took(None, 1e-6 * f64::from(turns));
        }
        assert_eq!(effort.turns, MOST_TURNS);
        assert_eq!(effort.finish(Probe::F32Rate).timer, Timer::Wall);
    }
}
