//! The median of some samples and where the true one lies. It never measures.

use super::CONFIDENCE;

/// So many values enclose their median with a probability of 93.75 %; fewer say too little for an interval.
const FEWEST: usize = 5;

/// The middle of some samples, and how sure of it one can be.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(into = "Flat")]
pub struct Summary {
    /// The median, in the samples' unit.
    pub median: f64,
    /// The 95 % interval of the median; nothing where there are too few samples for one.
    pub interval: Option<Interval>,
    /// How many samples it rests on.
    pub n: usize,
}

/// Where the true median lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end, in the samples' unit.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A summary as documents have it: both ends are null where there is no interval.
#[derive(serde::Serialize)]
struct Flat {
    median: f64,
    low: Option<f64>,
    high: Option<f64>,
    n: usize,
}

impl From<Summary> for Flat {
    fn from(Summary { median, interval, n }: Summary) -> Flat {
        Flat {
            median,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
            n,
        }
    }
}

impl Summary {
    /// Summarises samples; nothing when there are none.
    pub fn of(samples: &[f64]) -> Option<Summary> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Summary { median: median(&sorted)?, interval: Interval::of(&sorted), n: sorted.len() })
    }

    /// How many times larger one side of paired samples is than the other: the median of the pairs' ratios, so that what
    /// slowed both sides of a round down together cancels out. Nothing when there are no pairs.
    pub fn of_ratio(numerators: &[f64], denominators: &[f64]) -> Option<Summary> {
        let pairs = numerators.iter().zip(denominators);
        Summary::of(&pairs.map(|(above, below)| above / below).collect::<Vec<f64>>())
    }

    /// Inferences per second from a latency in milliseconds, for `batch` items an inference.
    ///
    /// A rate falls as latency rises, so the interval's ends change places. A coarse clock may read zero, and from that follows
    /// no rate.
    pub fn throughput_per_s(self, batch: u32) -> Option<Summary> {
        let rate = |latency_ms: f64| f64::from(batch) * 1000.0 / latency_ms;
        let turned = |Interval { low, high }| Interval { low: rate(high), high: rate(low) };
        let least_ms = self.interval.map_or(self.median, |interval| interval.low);
        let summary = Summary { median: rate(self.median), interval: self.interval.map(turned), n: self.n };
        (least_ms > 0.0).then_some(summary)
    }
}

impl Interval {
    /// The interval between two order statistics that are equally far from the ends.
    ///
    /// How often the k-th smallest and the k-th largest of n values enclose the median follows from the binomial
    /// distribution alone, whatever the values' own (Conover, *Practical Nonparametric Statistics*, section 3.2). Between the
    /// last k that is sure enough and the next, which is not, lies 95 % (Hettmansperger and Sheather, *Confidence intervals
    /// based on interpolated order statistics*, 1986).
    fn of(sorted: &[f64]) -> Option<Interval> {
        let n = sorted.len();
        if n < FEWEST {
            return None;
        }
        let (k, step) = depth(n);
        let between = |inner: f64, outer: f64| outer + (inner - outer) * step;
        let (inner, outer) = (k.min(n - 1), k - 1);
        Some(Interval {
            low: between(sorted[inner], sorted[outer]),
            high: between(sorted[n - 1 - inner], sorted[n - 1 - outer]),
        })
    }
}

/// From which value on, counted from 1 at either end, n of them enclose their median surely enough; and how far towards the
/// next one the interval may reach in, from 0 to 1.
fn depth(n: usize) -> (usize, f64) {
    // Logarithms, since a half to the power of n vanishes for many values.
    let mut ln_probability = n as f64 * 0.5f64.ln();
    let mut below = 0.0;
    let mut sure = None;
    for k in 1..=n / 2 {
        below += ln_probability.exp();
        ln_probability += ((n - k + 1) as f64 / k as f64).ln();
        let enclosed = 1.0 - 2.0 * below;
        match sure {
            _ if enclosed >= CONFIDENCE => sure = Some((k, enclosed)),
            Some((k, more)) => {
                let excess = (more - CONFIDENCE) / (more - enclosed);
                let (all, outer) = (n as f64, k as f64);
                return (k, (all - outer) * excess / (outer + (all - 2.0 * outer) * excess));
            }
            None => break,
        }
    }
    (1, 0.0)
}

/// The median of sorted values.
pub(super) fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    let lower = if sorted.len().is_multiple_of(2) { &sorted[middle - 1] } else { upper };
    Some((lower + upper) / 2.0)
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
    fn few_samples_have_no_interval_and_equal_ones_leave_no_doubt() {
        for n in 1..FEWEST {
            assert_eq!(Summary::of(&vec![5.0; n]).unwrap().interval, None, "{n}");
        }
        let summary = Summary::of(&[5.0; 30]).unwrap();
        assert_eq!((summary.interval, summary.n), (Some(Interval { low: 5.0, high: 5.0 }), 30));
    }

    #[test]
    fn the_interval_lies_between_the_exact_ones_of_order_statistics() {
        // From the binomial distribution: of 5 the ends enclose the median with 93.75 %; of 10 the 2nd and the 9th with
        // 97.9 %, the 3rd and the 8th with 89.1 %; of 100 the 40th and the 61st with 96.5 %, the 41st and the 60th with
        // 94.3 %.
        for (n, outer, inner) in [(5, 1.0, 1.0), (10, 2.0, 3.0), (100, 40.0, 41.0)] {
            let samples: Vec<f64> = (1..=n).map(f64::from).collect();
            let Interval { low, high } = Summary::of(&samples).unwrap().interval.unwrap();
            assert!((outer..=inner).contains(&low), "{n}: {low}");
            assert!((low + high - f64::from(n + 1)).abs() < 1e-9, "{n}: {low} and {high}");
        }
        assert_eq!(depth(2000).0, 956, "as the binomial distribution has it where a half to its power is 0");
    }

    /// Times have long tails and, where something else runs now and then, two peaks.
    #[test]
    fn intervals_hold_the_median_as_often_as_they_say() {
        const TRIALS: usize = 20_000;
        let mut random = fastrand::Rng::with_seed(7);
        let normal = |random: &mut fastrand::Rng| {
            (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
        };
        type Draw<'a> = &'a dyn Fn(&mut fastrand::Rng) -> f64;
        let skewed: Draw<'_> = &|random| (0.5 * normal(random)).exp();
        let steep: Draw<'_> = &|random| -(1.0 - random.f64()).ln();
        let two_peaks: Draw<'_> = &|random| {
            let peak = if random.f64() < 0.3 { 1.5 } else { 1.0 };
            peak + 0.05 * normal(random)
        };
        // Of the two peaks 5/7 of the lower one lie below it: the normal distribution's quantile is 0.5659.
        for (name, draw, median) in [
            ("skewed", skewed, 1.0),
            ("steep", steep, 2f64.ln()),
            ("two peaks", two_peaks, 1.0 + 0.05 * 0.5659),
        ] {
            for n in [5, 6, 7, 8, 9, 10, 15, 20, 30, 50, 100] {
                let holds = |_: &usize| {
                    let samples: Vec<f64> = (0..n).map(|_| draw(&mut random)).collect();
                    let Interval { low, high } = Summary::of(&samples).unwrap().interval.unwrap();
                    (low..=high).contains(&median)
                };
                let share = (0..TRIALS).filter(holds).count() as f64 / TRIALS as f64;
                assert!((0.93..=0.97).contains(&share), "{name}, {n} samples: {share}");
            }
        }
    }

    #[test]
    fn a_ratio_follows_its_pairs() {
        // A drift that doubles both sides leaves the ratio alone.
        let other = [2.0, 4.0, 8.0, 16.0, 32.0];
        let summary = Summary::of_ratio(&other, &other.map(|time| time / 2.0)).unwrap();
        assert_eq!((summary.median, summary.interval), (2.0, Some(Interval { low: 2.0, high: 2.0 })));
        assert_eq!(Summary::of_ratio(&[], &[]), None);
    }

    #[test]
    fn throughput_turns_the_interval_round() {
        let summary = |median, low, high| Summary { median, interval: Some(Interval { low, high }), n: 5 };
        assert_eq!(summary(10.0, 8.0, 20.0).throughput_per_s(2), Some(summary(200.0, 100.0, 250.0)));
        assert_eq!(summary(10.0, 0.0, 20.0).throughput_per_s(2), None);
    }

    #[test]
    fn documents_have_null_where_there_is_no_interval() {
        let text = serde_json::to_string(&Summary::of(&[1.0, 3.0])).unwrap();
        assert_eq!(text, r#"{"median":2.0,"low":null,"high":null,"n":2}"#);
    }
}
