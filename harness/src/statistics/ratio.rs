//! How many times as long one thing takes as another, and how sure of it one can be.

use std::collections::BTreeMap;

use super::dependence::Dependence;
use super::location::{Certainty, Location};
use super::{CONFIDENCE, mean, squares, student_p_value, student_quantile};

/// Fewer pairs, or samples, have no interval: a coarse clock may read them all alike.
const FEWEST: usize = 4;

/// What one round of a comparison read, one side after the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Latency of the one side, by all its turns in the round, in any unit above zero.
    pub a: f64,
    /// Latency of the other, in the same unit.
    pub b: f64,
    /// Which session it was taken in: pairs of one session are alike.
    pub session: u32,
}

impl Pair {
    /// The logarithm of how many times as long b takes.
    pub(super) fn ln_ratio(&self) -> f64 {
        (self.b / self.a).ln()
    }
}

/// How many times as long b takes as a.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The ratio: the Hodges–Lehmann estimate of paired logarithms, the difference of trimmed means where nothing is paired.
    pub median: f64,
    /// Lower end of its 95 % interval; nothing where there is too little to say.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// How often chance alone shows at least as large a ratio, up or down, between things that take equally long.
    pub p_value: Option<f64>,
    /// How many pairs it rests on; without pairs, how many samples the smaller side has.
    pub n: usize,
    /// How many values that say something of their own it rests on: sessions where there are several, else pairs.
    pub values: usize,
    /// The standard deviation of one pair's logarithm; with several sessions, of that many pairs' share in what is known.
    /// Zero where there is no interval.
    pub spread: f64,
}

impl Ratio {
    /// The ratio of a comparison taken in rounds. Nothing when there are no pairs, or where a time is not above zero, as a
    /// coarse clock may read.
    ///
    /// What slows both sides of a round down together cancels out. Within one session each pair is a value, and the result
    /// speaks of that session. Over several, each session is one value, the centre of its pairs: two sessions differ by
    /// more than their pairs tell, and no number of pairs makes up for too few sessions. Of two or three the interval is wide;
    /// six or more lose little by it, and have p-values small enough for a table.
    pub fn paired(pairs: &[Pair]) -> Option<Ratio> {
        let values = session_values(pairs)?;
        let Location { centre, certainty } = Location::of(&values)?;
        let certainty = certainty.filter(|_| pairs.len() >= FEWEST);
        Some(Ratio::new(centre, certainty, pairs.len(), values.len()))
    }

    /// The ratio of two trials taken apart, from their samples in the order they were taken. Nothing when a side has none,
    /// or a time is not above zero.
    ///
    /// Yuen's test for means without the outer fifths, on logarithms (*The two-sample trimmed t for unequal population
    /// variances*, 1974), since two targets scatter differently and have outliers. Samples that resemble the ones before
    /// them count as the fewer independent ones that they are worth. What changed between the trials shows as a
    /// difference: only the noise that runs of the same thing show tells it from one.
    pub fn unpaired(a: &[f64], b: &[f64]) -> Option<Ratio> {
        let (a, b) = (Trimmed::of(a)?, Trimmed::of(b)?);
        let difference = b.mean - a.mean;
        let n = a.n.min(b.n);
        let variance = a.variance + b.variance;
        let freedom = variance.powi(2)
            / (a.variance.powi(2) / a.freedom.max(1.0) + b.variance.powi(2) / b.freedom.max(1.0));
        let error = variance.sqrt();
        if n < FEWEST || error == 0.0 {
            return Some(Ratio::new(difference, None, n, n));
        }
        let reach = error * student_quantile(f64::midpoint(1.0, CONFIDENCE), freedom);
        let certainty = Certainty {
            low: difference - reach,
            high: difference + reach,
            p_value: student_p_value(difference / error, freedom),
            spread: error * (n as f64).sqrt(),
        };
        Some(Ratio::new(difference, Some(certainty), n, n))
    }

    fn new(centre: f64, certainty: Option<Certainty>, n: usize, values: usize) -> Ratio {
        let per_value = (n as f64 / values as f64).sqrt();
        Ratio {
            median: centre.exp(),
            low: certainty.map(|certainty| certainty.low.exp()),
            high: certainty.map(|certainty| certainty.high.exp()),
            p_value: certainty.map(|certainty| certainty.p_value),
            n,
            values,
            spread: certainty.map_or(0.0, |certainty| certainty.spread * per_value),
        }
    }

    /// The standard error of the ratio's logarithm.
    pub(super) fn error(&self) -> f64 {
        self.spread / (self.n as f64).sqrt()
    }

    /// Half the width of the interval, as a share of the ratio: 0.02 is ±2 %. Nothing where there is no interval.
    pub fn half_width(&self) -> Option<f64> {
        Some(((self.high? / self.low?).ln() / 2.0).exp_m1())
    }
}

/// The logarithms that stand for themselves: of each pair within one session, else of each session's centre. Nothing when
/// there are no pairs or one has no ratio.
pub(super) fn session_values(pairs: &[Pair]) -> Option<Vec<f64>> {
    let mut sessions: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for pair in pairs {
        let ln_ratio = pair.ln_ratio();
        if !(ln_ratio.is_finite() && pair.a > 0.0) {
            return None;
        }
        sessions.entry(pair.session).or_default().push(ln_ratio);
    }
    match sessions.len() {
        0 => None,
        1 => sessions.into_values().next(),
        _ => sessions.values().map(|values| Some(Location::of(values)?.centre)).collect(),
    }
}

/// The mean of the logarithms of samples without the outer fifths.
struct Trimmed {
    mean: f64,
    /// Of the mean.
    variance: f64,
    freedom: f64,
    n: usize,
}

impl Trimmed {
    /// Each end gives up a fifth of the samples to the mean, and counts as the last one kept to the variance.
    fn of(samples: &[f64]) -> Option<Trimmed> {
        let mut sorted: Vec<f64> = samples.iter().map(|sample| sample.ln()).collect();
        if sorted.is_empty() || !sorted.iter().all(|ln| ln.is_finite()) {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let cut = n / 5;
        let kept = &sorted[cut..n - cut];
        let (left, mean) = (kept.len() as f64, mean(kept));
        let winsorized: Vec<f64> =
            sorted.iter().map(|ln| ln.clamp(sorted[cut], sorted[n - 1 - cut])).collect();
        let inflation = n as f64 / Dependence::of(samples).effective_n;
        Some(Trimmed {
            mean,
            variance: squares(&winsorized) / (left * (left - 1.0)) * inflation,
            freedom: left / inflation - 1.0,
            n,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(session: u32, ratios: &[f64]) -> Vec<Pair> {
        ratios
            .iter()
            .enumerate()
            .map(|(at, b)| Pair { a: (at + 1) as f64, b: b * (at + 1) as f64, session })
            .collect()
    }

    #[test]
    fn a_drift_that_both_sides_share_cancels_out() {
        let ratio = Ratio::paired(&pairs(0, &[2.0; 5])).unwrap();
        for end in [ratio.median, ratio.low.unwrap(), ratio.high.unwrap()] {
            assert!((end - 2.0).abs() < 1e-9, "{ratio:?}");
        }
        assert_eq!(ratio.n, 5);
    }

    #[test]
    fn there_is_no_ratio_of_nothing_nor_of_zero() {
        let pair = |a, b| Pair { a, b, session: 0 };
        for (name, pairs) in [
            ("no pairs", vec![]),
            ("a zero", vec![pair(1.0, 1.0), pair(0.0, 1.0)]),
            ("b zero", vec![pair(1.0, 0.0)]),
            ("not a number", vec![pair(f64::NAN, 1.0)]),
            ("both below zero", vec![pair(-1.0, -1.0)]),
        ] {
            assert_eq!(Ratio::paired(&pairs), None, "{name}");
        }
        for (a, b) in [(&[][..], &[1.0][..]), (&[1.0], &[0.0]), (&[1.0, f64::INFINITY], &[1.0])] {
            assert_eq!(Ratio::unpaired(a, b), None);
        }
    }

    #[test]
    fn sessions_count_and_not_their_pairs() {
        let scatter = [0.99, 1.0, 1.01, 0.98, 1.02, 1.0, 1.0, 0.99, 1.01, 1.0, 1.0, 1.0];
        let many = |sessions: u32| -> Vec<Pair> {
            let of_session = |session: u32| 1.0 + 0.1 * f64::from(session % 3);
            (0..sessions)
                .flat_map(|session| pairs(session, &scatter.map(|ratio| ratio * of_session(session))))
                .collect()
        };
        let [one, three, six] = [1, 3, 6].map(|sessions| Ratio::paired(&many(sessions)).unwrap());
        assert!(one.half_width().unwrap() < 0.01, "{one:?}");
        assert_eq!((three.n, three.values), (36, 3));
        assert!(three.half_width() > six.half_width(), "{three:?}");
        assert!(three.p_value.unwrap() > 0.03, "three sessions claim nothing: {three:?}");
        assert!(six.half_width().unwrap() > 0.05, "{six:?}");
        assert!((six.median - 1.1).abs() < 0.02, "{six:?}");
    }

    #[test]
    fn trials_apart_are_compared_without_their_outer_fifths() {
        let a: Vec<f64> = (0..20).map(|at| 10.0 + 0.1 * f64::from(at * 7 % 20)).collect();
        let mut b: Vec<f64> = a.iter().map(|sample| sample * 1.5).collect();
        b[3] = 1000.0;
        let ratio = Ratio::unpaired(&a, &b).unwrap();
        assert!((ratio.median - 1.5).abs() < 0.02 && ratio.half_width().unwrap() < 0.06, "{ratio:?}");
        assert!(ratio.p_value.unwrap() < 1e-6, "{ratio:?}");
        let sorted: Vec<f64> = (0..20).map(|at| 10.0 + 0.1 * f64::from(at)).collect();
        let trend = Ratio::unpaired(&sorted, &b).unwrap();
        assert!(
            trend.half_width() > ratio.half_width(),
            "samples like the ones before them say less: {trend:?}"
        );
        assert_eq!(Ratio::unpaired(&[1.0, 1.0, 1.0], &[2.0, 2.0, 2.0]).unwrap().p_value, None);
    }
}
