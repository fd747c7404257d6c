//! Turns samples into numbers that hold: the median and how sure of it one can be. It never measures.

/// Resamples drawn for an interval: enough for the 2.5 % tails to rest on 100 values each.
const RESAMPLES: usize = 4000;
/// The same samples always give the same interval.
const SEED: u64 = 0x9a11a;

/// The middle of some samples, and the 95 % interval in which the true middle lies.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Summary {
    /// The median, in the samples' unit.
    pub median: f64,
    /// Lower end of the 95 % interval of the median.
    pub low: f64,
    /// Upper end of the 95 % interval of the median.
    pub high: f64,
    /// How many samples it rests on.
    pub n: usize,
}

impl Summary {
    /// Summarises samples; nothing when there are none.
    ///
    /// The interval is the percentile bootstrap of the median (Efron & Tibshirani, *An Introduction to the
    /// Bootstrap*, chapter 13).
    pub fn of(samples: &[f64]) -> Option<Summary> {
        Self::bootstrapped(samples, |resample| median(&mut resample.to_vec()))
    }

    /// How many times larger one side of paired samples is than the other: the ratio of the medians.
    ///
    /// Nothing when there are no pairs. The bootstrap draws whole pairs, so that what slowed both sides of a
    /// round down together cancels out.
    pub fn of_ratio(numerators: &[f64], denominators: &[f64]) -> Option<Summary> {
        let pairs: Vec<(f64, f64)> = numerators.iter().copied().zip(denominators.iter().copied()).collect();
        let ratio = |pairs: &[(f64, f64)]| {
            let (mut above, mut below): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
            Some(median(&mut above)? / median(&mut below)?)
        };
        Self::bootstrapped(&pairs, ratio)
    }

    fn bootstrapped<T: Copy>(samples: &[T], statistic: impl Fn(&[T]) -> Option<f64>) -> Option<Summary> {
        let observed = statistic(samples)?;
        let mut random = fastrand::Rng::with_seed(SEED);
        let mut resample = samples.to_vec();
        let draw = |_| {
            resample.fill_with(|| samples[random.usize(..samples.len())]);
            statistic(&resample)
        };
        let mut drawn: Vec<f64> = (0..RESAMPLES).filter_map(draw).collect();
        drawn.sort_by(f64::total_cmp);
        let (low, high) = (percentile(&drawn, 0.025), percentile(&drawn, 0.975));
        Some(Summary { median: observed, low, high, n: samples.len() })
    }

    /// Inferences per second from a latency in milliseconds, for `batch` items an inference.
    ///
    /// A rate falls as latency rises, so the interval's ends change places.
    pub fn throughput_per_s(self, batch: u32) -> Summary {
        let rate = |latency_ms: f64| f64::from(batch) * 1000.0 / latency_ms;
        Summary { median: rate(self.median), low: rate(self.high), high: rate(self.low), n: self.n }
    }
}

/// The median; reorders `values`.
fn median(values: &mut [f64]) -> Option<f64> {
    let (middle, even) = (values.len() / 2, values.len().is_multiple_of(2));
    if values.is_empty() {
        return None;
    }
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = if even { below.iter().copied().max_by(f64::total_cmp)? } else { *upper };
    Some((lower + *upper) / 2.0)
}

/// The value below which `share` of `sorted` lies, by linear interpolation between closest ranks.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = share * (sorted.len() - 1) as f64;
    let (below, above) = (rank.floor() as usize, rank.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * rank.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_those_of_the_definition() {
        for (name, samples, expected) in [
            ("nothing", vec![], None),
            ("one", vec![7.0], Some(7.0)),
            ("odd", vec![3.0, 1.0, 2.0], Some(2.0)),
            ("even", vec![4.0, 1.0, 3.0, 2.0], Some(2.5)),
            ("an outlier changes nothing", vec![1.0, 2.0, 1000.0], Some(2.0)),
        ] {
            assert_eq!(Summary::of(&samples).map(|summary| summary.median), expected, "{name}");
        }
    }

    #[test]
    fn one_sample_or_equal_samples_leave_no_doubt() {
        for samples in [vec![5.0], vec![5.0; 30]] {
            let summary = Summary::of(&samples).unwrap();
            assert_eq!(
                (summary.low, summary.median, summary.high, summary.n),
                (5.0, 5.0, 5.0, samples.len())
            );
        }
    }

    #[test]
    fn the_interval_is_near_the_exact_one_of_order_statistics() {
        // For n = 100 the exact 95 % interval of the median runs from the 40th to the 61st value
        // (binomial, p = 1/2: Conover, Practical Nonparametric Statistics, section 3.2).
        let samples: Vec<f64> = (1..=100).map(f64::from).collect();
        let summary = Summary::of(&samples).unwrap();
        assert_eq!(summary.median, 50.5);
        assert!((summary.low - 40.0).abs() <= 2.0 && (summary.high - 61.0).abs() <= 2.0, "{summary:?}");
    }

    #[test]
    fn the_same_samples_give_the_same_interval() {
        let samples = [9.1, 8.7, 9.4, 12.0, 9.0, 8.9, 9.2];
        assert_eq!(Summary::of(&samples), Summary::of(&samples));
    }

    #[test]
    fn a_ratio_follows_its_pairs() {
        // A drift that doubles both sides leaves the ratio alone.
        let peer = [2.0, 4.0, 8.0, 16.0, 32.0];
        let summary = Summary::of_ratio(&peer, &peer.map(|time| time / 2.0)).unwrap();
        assert_eq!((summary.low, summary.median, summary.high, summary.n), (2.0, 2.0, 2.0, 5));
        assert_eq!(Summary::of_ratio(&[], &[]), None);
    }

    #[test]
    fn throughput_turns_the_interval_round() {
        let latency = Summary { median: 10.0, low: 8.0, high: 20.0, n: 5 };
        let expected = Summary { median: 200.0, low: 100.0, high: 250.0, n: 5 };
        assert_eq!(latency.throughput_per_s(2), expected);
    }
}
