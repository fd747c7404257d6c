//! When warm-up is over and how many samples to take: pure rules on times already measured.

use serde::{Deserialize, Serialize};

/// How an executor measures the steady state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    /// Samples to take once the steady state is reached.
    pub samples: u32,
    /// Warm-up inferences after which sampling begins even if no steady state was seen.
    pub warmup_limit: u32,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling { samples: 20, warmup_limit: 30 }
    }
}

const WINDOW: usize = 4;
const STEADY_RATIO: f64 = 1.10;
/// Caches, clocks and compilers have settled long before.
const LONGEST_WARM_UP_MS: f64 = 10_000.0;

impl Sampling {
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
        let sampling = Sampling { samples: 5, warmup_limit: 12 };
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
}
