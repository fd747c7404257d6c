//! When warm-up is over and how many samples to take: pure rules on times already measured.

use serde::{Deserialize, Serialize};

/// How an executor measures the steady state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    /// Samples to take at least once the steady state is reached.
    pub samples: u32,
    /// Milliseconds to go on sampling for at least, though not for more than [`MOST`] times as many samples.
    pub least_ms: u32,
    /// Warm-up inferences after which sampling begins even if no steady state was seen.
    pub warmup_limit: u32,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling { samples: 20, least_ms: 0, warmup_limit: 30 }
    }
}

/// So many times as many samples are enough, however short they are.
const MOST: usize = 40;

const WINDOW: usize = 4;
const STEADY_RATIO: f64 = 1.10;
/// Caches, clocks and compilers have settled long before.
const LONGEST_WARM_UP_MS: f64 = 10_000.0;

impl Sampling {
    /// A turn among others: what disturbs a machine for a tenth of a second shall not be all that a turn has seen.
    pub const TURN: Sampling = Sampling { samples: 5, least_ms: 250, warmup_limit: 30 };

    /// Returns whether `taken` samples, which took so many milliseconds together, are enough.
    pub fn has_enough(&self, taken: usize, taken_ms: f64) -> bool {
        let samples = self.samples as usize;
        taken >= samples && (taken_ms >= f64::from(self.least_ms) || taken >= samples * MOST)
    }

    /// Returns whether more warm-up is needed after inferences that took `times_ms`.
    ///
    /// The state is steady when the median of the last four is no longer more than a tenth below the median
    /// of the four before them. Warm-up also ends at the limit, or after ten seconds: a model that takes that long
    /// would otherwise take minutes of warm-up for each sample.
    pub fn still_warming_up(&self, times_ms: &[f64]) -> bool {
        times_ms.len() < self.warmup_limit as usize
            && times_ms.iter().sum::<f64>() < LONGEST_WARM_UP_MS
            && !is_steady(times_ms)
    }
}

/// Returns whether the latest times have stopped falling.
pub fn is_steady(times_ms: &[f64]) -> bool {
    let Some(start) = times_ms.len().checked_sub(2 * WINDOW) else { return false };
    let (before, after) = times_ms[start..].split_at(WINDOW);
    median(before) <= median(after) * STEADY_RATIO
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_ends_when_times_stop_falling_or_at_a_limit() {
        let sampling = Sampling { warmup_limit: 12, ..Sampling::default() };
        for (name, times, more) in [
            ("nothing yet", vec![], true),
            ("too few", vec![1.0; 7], true),
            ("flat", vec![1.0; 8], false),
            ("falling", vec![8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], true),
            ("falling, at the limit", (0..12).map(|i| 100.0 / f64::from(i + 1)).collect(), false),
            ("slow, but not for long yet", vec![4000.0; 2], true),
            ("slow, and long enough", vec![4000.0; 3], false),
            ("one outlier", vec![1.0, 1.0, 9.0, 1.0, 1.0, 1.0, 1.0, 1.0], false),
        ] {
            assert_eq!(sampling.still_warming_up(&times), more, "{name}");
        }
    }

    #[test]
    fn there_are_enough_samples_by_their_number_and_their_time_but_for_very_short_ones() {
        let twenty = Sampling::default();
        for (sampling, taken, taken_ms, enough) in [
            (twenty, 19, 1e6, false),
            (twenty, 20, 0.1, true),
            (Sampling::TURN, 4, 1e6, false),
            (Sampling::TURN, 5, 300.0, true),
            (Sampling::TURN, 5, 200.0, false),
            (Sampling::TURN, 199, 20.0, false),
            (Sampling::TURN, 200, 20.0, true),
        ] {
            assert_eq!(sampling.has_enough(taken, taken_ms), enough, "{taken} in {taken_ms} ms");
        }
    }
}
