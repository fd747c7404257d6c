//! When enough was sampled: the interval is narrow enough, the effect plain, or the budget spent.

use super::decision::FALSE_ALARMS;
use super::location::smallest_p_value;
use super::ratio::{Pair, Ratio};
use super::{CONFIDENCE, Summary, student_quantile};

/// The share of [`FALSE_ALARMS`] that looks before the end may spend.
pub(super) const EARLY_SHARE: f64 = 0.1;
/// How much more there is at each look than at the one before.
const GROWTH: f64 = 1.5;

/// Sequential sampling of one comparison, or of one target alone.
///
/// It looks at growing numbers of samples: `least`, then half as many again each time, `most` at the end. Whoever looks
/// often finds something by chance some day, so that looks pay for it: all that come before the end share a tenth of the
/// false alarms allowed, over all rows of the table, evenly (Bonferroni; p-values at the looks need no model of how
/// they depend on one another). The decision at the end has the rest. Stopping for a narrow interval costs nothing: how wide
/// it is does not tell on which side of equality it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopping {
    /// How narrow the 95 % interval shall be, as half its width over the ratio or median: 0.02 is ±2 %.
    pub precision: f64,
    /// So many pairs (or samples) at least.
    pub least: usize,
    /// So many at most.
    pub most: usize,
    /// How many comparisons stand in the table.
    pub rows: usize,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Take more.
    More,
    /// Enough, and why.
    Settled(Why),
}

/// Why sampling ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The interval is as narrow as asked.
    Precise,
    /// The effect is so large that it shows before the interval is narrow.
    Plain,
    /// The budget is spent.
    Spent,
}

impl Stopping {
    /// What to do after some pairs of a comparison, in the order they were taken. `noise` tells, where it is asked, by how much
    /// they differ from themselves (see [`super::noise::floor`]), which more of them make less.
    pub fn next(&self, pairs: &[Pair], noise: impl FnOnce() -> Option<f64>) -> Next {
        self.look(pairs.len(), || {
            let ratio = Ratio::paired(pairs)?;
            ratio.p_value?;
            if self.is_drowned(ratio.median, noise) {
                return None;
            }
            let values = ratio.values;
            let quantile = student_quantile(f64::midpoint(1.0, CONFIDENCE), values as f64 - 1.0);
            let half_width = (ratio.error() * quantile).exp_m1();
            if self.is_narrow(half_width, values) && self.is_decidable(values) {
                return Some(Why::Precise);
            }
            (ratio.p_value? < self.early_false_alarms()).then_some(Why::Plain)
        })
    }

    /// Whether there is a difference that matters and is no larger than the noise: it would be claimed if that were less.
    fn is_drowned(&self, ratio: f64, noise: impl FnOnce() -> Option<f64>) -> bool {
        let difference = ratio.ln().abs();
        difference > self.precision.ln_1p() && noise().is_some_and(|noise| difference <= noise.ln_1p())
    }

    /// What to do after some samples of one target alone.
    pub fn next_alone(&self, samples: &[f64]) -> Next {
        self.look(samples.len(), || {
            let Summary { median, interval, .. } = Summary::of(samples)?;
            let half = interval.map(|interval| (interval.high - interval.low) / 2.0)?;
            self.is_narrow(half / median, samples.len()).then_some(Why::Precise)
        })
    }

    /// How many samples there are at each look; the last is at the end.
    pub fn looks(&self) -> Vec<usize> {
        let mut looks = vec![self.least.clamp(1, self.most.max(1))];
        while let Some(last) = looks.last().copied().filter(|last| *last < self.most) {
            looks.push(((last as f64 * GROWTH).ceil() as usize).min(self.most));
        }
        looks
    }

    /// Whether it looks at so many: at any other number there is nothing to judge.
    pub fn is_due(&self, n: usize) -> bool {
        self.looks().contains(&n)
    }

    /// Whether an interval is narrow enough with the error of its own width to spare, which is one part in √(2n): else the
    /// luckiest look would end the sampling, and its interval be too narrow.
    fn is_narrow(&self, half_width: f64, n: usize) -> bool {
        half_width * (1.0 + 1.0 / (2.0 * n as f64).sqrt()) <= self.precision
    }

    /// Whether so many values could show a difference surely enough for the table, if there is one.
    fn is_decidable(&self, values: usize) -> bool {
        smallest_p_value(values) * (self.rows as f64) < FALSE_ALARMS * (1.0 - EARLY_SHARE)
    }

    /// The p-value below which an effect is plain at a look before the end.
    fn early_false_alarms(&self) -> f64 {
        let early = self.looks().len().max(2) - 1;
        FALSE_ALARMS * EARLY_SHARE / (early * self.rows.max(1)) as f64
    }

    fn look(&self, n: usize, judge: impl FnOnce() -> Option<Why>) -> Next {
        match self.is_due(n).then(judge).flatten() {
            Some(why) => Next::Settled(why),
            None if n >= self.most => Next::Settled(Why::Spent),
            None => Next::More,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(n: usize, scatter: f64, ratio: f64) -> Vec<Pair> {
        // Seven steps from one end of the scatter to the other, in no order.
        let step = |at: usize| (at * 3 % 7) as f64 / 3.0 - 1.0;
        (0..n).map(|at| Pair { a: 1.0, b: ratio * (scatter * step(at)).exp(), session: 0 }).collect()
    }

    #[test]
    fn it_goes_on_until_narrow_plain_or_spent() {
        let stopping = Stopping { precision: 0.02, least: 12, most: 60, rows: 1 };
        for (name, n, scatter, ratio, next) in [
            ("nothing yet", 0, 0.0, 1.0, Next::More),
            ("below the least", 11, 0.001, 1.0, Next::More),
            ("narrow at once", 12, 0.001, 1.0, Next::Settled(Why::Precise)),
            ("wide", 18, 0.2, 1.0, Next::More),
            ("plain, but too early to be sure", 12, 0.2, 3.0, Next::More),
            ("plain", 18, 0.2, 3.0, Next::Settled(Why::Plain)),
            ("plain between two looks", 19, 0.2, 3.0, Next::More),
            ("spent", 60, 0.2, 1.0, Next::Settled(Why::Spent)),
        ] {
            assert_eq!(stopping.next(&pairs(n, scatter, ratio), || None), next, "{name}");
        }
    }

    #[test]
    fn a_difference_that_drowns_in_the_noise_is_not_settled() {
        let stopping = Stopping { precision: 0.02, least: 12, most: 60, rows: 1 };
        let settled = |why| Next::Settled(why);
        for (name, n, ratio, noise, next) in [
            ("larger than the noise", 12, 1.05, Some(0.04), settled(Why::Precise)),
            ("no larger", 12, 1.05, Some(0.06), Next::More),
            ("no larger, the other way", 12, 1.0 / 1.05, Some(0.06), Next::More),
            ("too small to matter", 12, 1.01, Some(0.06), settled(Why::Precise)),
            ("noise unknown", 12, 1.05, None, settled(Why::Precise)),
            ("spent", 60, 1.05, Some(0.06), settled(Why::Spent)),
        ] {
            assert_eq!(stopping.next(&pairs(n, 0.001, ratio), || noise), next, "{name}");
        }
    }

    #[test]
    fn looks_grow_and_share_what_they_may_spend() {
        let stopping = Stopping { precision: 0.02, least: 12, most: 60, rows: 13 };
        assert_eq!(stopping.looks(), [12, 18, 27, 41, 60]);
        let spent = stopping.early_false_alarms() * 4.0 * 13.0;
        assert!((spent - FALSE_ALARMS * EARLY_SHARE).abs() < 1e-12, "{spent}");
        for (least, most, looks) in
            [(5, 5, vec![5]), (9, 5, vec![5]), (0, 0, vec![1]), (1, 4, vec![1, 2, 3, 4])]
        {
            assert_eq!(Stopping { precision: 0.02, least, most, rows: 1 }.looks(), looks);
        }
    }

    #[test]
    fn one_target_alone_is_sampled_until_its_median_is_known() {
        let stopping = Stopping { precision: 0.02, least: 10, most: 100, rows: 1 };
        let samples = |n: usize, scatter: f64| -> Vec<f64> {
            pairs(n, scatter, 5.0).into_iter().map(|pair| pair.b).collect()
        };
        for (name, n, scatter, next) in [
            ("narrow", 10, 0.01, Next::Settled(Why::Precise)),
            ("wide", 10, 0.2, Next::More),
            ("spent", 100, 0.2, Next::Settled(Why::Spent)),
        ] {
            assert_eq!(stopping.next_alone(&samples(n, scatter)), next, "{name}");
        }
    }
}
