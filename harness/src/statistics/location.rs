//! The centre of values that chance scatters alike to both sides, and how sure of it one can be.

use statrs::distribution::{ContinuousCDF, Normal};

use super::{CONFIDENCE, mean, squares, student_p_value, student_quantile};

/// A centre of a single value is as sure as that value.
const FEWEST: usize = 2;
/// From here on ranks alone decide: below, they could not give a p-value small enough for a table of comparisons.
const RANKED: usize = 12;
/// How sure the wider interval is that the spread is read from too: as sure as a decision.
const SURER: f64 = 0.995;
/// Up to here the distribution of signed ranks is counted out; beyond, it is as good as normal.
const COUNTED: usize = 60;

/// The centre of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Location {
    /// The Hodges–Lehmann estimate: the median of the means of all pairs of values. An outlier in ten moves it little, and
    /// of what the mean gets from normal values it gets 95 %.
    pub centre: f64,
    /// What is known of the centre, from two values on.
    pub certainty: Option<Certainty>,
}

/// Where the true centre lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Certainty {
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How often chance alone puts the centre at least as far from zero.
    pub p_value: f64,
    /// The standard deviation of the one normal value, of which so many would give an interval as wide.
    pub spread: f64,
}

impl Location {
    /// Locates the centre of finite values; nothing when there are none.
    ///
    /// From twelve values on interval and p-value are those of Wilcoxon's signed ranks, exact whatever the distribution,
    /// as long as it is symmetric (Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, chapter 3). Below,
    /// they are Student's, wide where there are outliers.
    pub(super) fn of(values: &[f64]) -> Option<Location> {
        let means = Means::of(values)?;
        let n = means.sorted.len();
        let centre = f64::midpoint(means.at((means.count() - 1) / 2), means.at(means.count() / 2));
        let certainty = match n {
            0..FEWEST => None,
            FEWEST..RANKED => Some(student(values, centre)),
            _ => Some(signed_ranks(values, &means)),
        };
        Some(Location { centre, certainty })
    }
}

/// The smallest p-value that so many values can have, however far from zero they lie and however close together.
///
/// Either side of a comparison may sit on one of two levels by chance: two speeds of a processor, two readings of a
/// coarse clock. Then all of n pairs find the one side on the lower level and the other on the upper one, or the other way
/// round, with a probability of 2·(1/4)ⁿ, and show no scatter at all. Ranks know only that all lie on one side of zero.
pub(super) fn smallest_p_value(n: usize) -> f64 {
    2.0 * if n < RANKED { 0.25f64 } else { 0.5 }.powf(n as f64)
}

/// The means of all pairs of values, each value with itself too (Walsh's), none of them written down.
struct Means {
    sorted: Vec<f64>,
}

impl Means {
    fn of(values: &[f64]) -> Option<Means> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        (!sorted.is_empty()).then_some(Means { sorted })
    }

    fn count(&self) -> usize {
        self.sorted.len() * (self.sorted.len() + 1) / 2
    }

    /// The mean that `at` others lie below, by halving the range that it lies in.
    fn at(&self, at: usize) -> f64 {
        let (mut low, mut high) = (self.sorted[0], self.sorted[self.sorted.len() - 1]);
        let close = (high - low) * 1e-12;
        if self.up_to(low).0 > at {
            return low;
        }
        while high - low > close {
            let middle = f64::midpoint(low, high);
            if middle <= low || middle >= high {
                break;
            }
            if self.up_to(middle).0 > at { high = middle } else { low = middle }
        }
        self.up_to(high).1
    }

    /// How many of the means are no larger than a limit, and the largest of those.
    fn up_to(&self, limit: f64) -> (usize, f64) {
        let (mut count, mut largest) = (0, f64::NEG_INFINITY);
        let mut end = self.sorted.len();
        for (at, first) in self.sorted.iter().enumerate() {
            while end > at && f64::midpoint(*first, self.sorted[end - 1]) > limit {
                end -= 1;
            }
            if end <= at {
                break;
            }
            count += end - at;
            largest = largest.max(f64::midpoint(*first, self.sorted[end - 1]));
        }
        (count, largest)
    }
}

/// Student's interval and p-value.
fn student(values: &[f64], centre: f64) -> Certainty {
    let n = values.len() as f64;
    let (freedom, mean) = (n - 1.0, mean(values));
    let spread = (squares(values) / freedom).sqrt();
    let error = spread / n.sqrt();
    let reach = error * student_quantile(f64::midpoint(1.0, CONFIDENCE), freedom);
    let chance = match error {
        0.0 if mean == 0.0 => 1.0,
        0.0 => 0.0,
        error => student_p_value(mean / error, freedom),
    };
    Certainty {
        low: (mean - reach).min(centre),
        high: (mean + reach).max(centre),
        p_value: chance.max(smallest_p_value(values.len())),
        spread,
    }
}

/// The interval between two means of pairs that signed ranks allow, and their p-value.
///
/// Where values sit on two levels an interval can be narrow at 95 % and reach to the next level at 99.5 %, which is what a
/// decision asks for: the spread is that of the wider one.
fn signed_ranks(values: &[f64], means: &Means) -> Certainty {
    let n = values.len() as f64;
    let (low, high) = between_ranks(means, CONFIDENCE);
    let spread = |(low, high): (f64, f64), confidence: f64| {
        (high - low) / 2.0 * n.sqrt() / student_quantile(f64::midpoint(1.0, confidence), n - 1.0)
    };
    let spread = spread((low, high), CONFIDENCE).max(spread(between_ranks(means, SURER), SURER));
    Certainty { low, high, p_value: signed_rank_p_value(values), spread }
}

/// The interval that signed ranks allow with some confidence.
fn between_ranks(means: &Means, confidence: f64) -> (f64, f64) {
    let (depth, step) = depth(means.sorted.len(), confidence);
    let last = means.count() - 1;
    let between = |outer: usize, inner: usize| {
        let outer = means.at(outer);
        outer + (means.at(inner) - outer) * step
    };
    (between(depth - 1, depth), between(last + 1 - depth, last - depth))
}

/// From which mean of pairs on, counted from 1 at either end, they enclose the centre surely enough, and how far towards
/// the next one the interval may reach in, from 0 to 1.
fn depth(n: usize, confidence: f64) -> (usize, f64) {
    let ranks: Vec<usize> = (1..=n).collect();
    if n > COUNTED {
        let (mean, deviation) = moments(ranks.iter().map(|rank| *rank as f64));
        let exact = mean - deviation * Normal::standard().inverse_cdf(f64::midpoint(1.0, confidence)) + 0.5;
        return (exact.max(1.0) as usize, exact.max(1.0).fract());
    }
    let mut below = 0.0;
    let mut sure = (1, 1.0);
    for (sum, share) in sums(&ranks).into_iter().enumerate() {
        below += share;
        let enclosed = 1.0 - 2.0 * below;
        if enclosed < confidence {
            return (sure.0, (sure.1 - confidence) / (sure.1 - enclosed));
        }
        sure = (sum + 1, enclosed);
    }
    (sure.0, 0.0)
}

/// How often signs tossed at random put the sum of signed ranks at least as far from its middle. Values alike share their
/// ranks; those that are zero keep theirs and have no sign (Pratt, 1959).
fn signed_rank_p_value(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    // Twice the rank, which is whole where two share theirs.
    let mut ranks = Vec::with_capacity(sorted.len());
    for alike in sorted.chunk_by(|one, other| other.abs() - one.abs() <= f64::EPSILON) {
        let twice = 2 * ranks.len() + alike.len() + 1;
        ranks.extend(alike.iter().map(|value| (twice, *value)));
    }
    let signed: Vec<(usize, f64)> =
        ranks.into_iter().filter(|(_, value)| value.abs() > f64::EPSILON).collect();
    let all: usize = signed.iter().map(|(rank, _)| rank).sum();
    let above: usize = signed.iter().filter(|(_, value)| *value > 0.0).map(|(rank, _)| rank).sum();
    let fewer = above.min(all - above);
    let ranks: Vec<usize> = signed.into_iter().map(|(rank, _)| rank).collect();
    let tail = if values.len() > COUNTED { normal_tail(&ranks, fewer) } else { counted_tail(&ranks, fewer) };
    (2.0 * tail).min(1.0)
}

/// How often signs tossed at random make positive ranks whose sum is no larger than a limit.
fn counted_tail(ranks: &[usize], limit: usize) -> f64 {
    sums(ranks).iter().take(limit + 1).sum()
}

/// The same by the normal distribution. Doubled ranks have sums that are two apart, hence the one.
fn normal_tail(ranks: &[usize], limit: usize) -> f64 {
    let (mean, deviation) = moments(ranks.iter().map(|rank| *rank as f64));
    if deviation > 0.0 { Normal::standard().cdf((limit as f64 + 1.0 - mean) / deviation) } else { 1.0 }
}

/// Mean and standard deviation of the sum of the ranks that signs tossed at random make positive.
fn moments(ranks: impl Iterator<Item = f64>) -> (f64, f64) {
    let (sum, square) = ranks.fold((0.0, 0.0), |(sum, square), rank| (sum + rank, square + rank * rank));
    (sum / 2.0, square.sqrt() / 2.0)
}

/// How often the ranks that signs tossed at random make positive have each sum, from zero on.
fn sums(ranks: &[usize]) -> Vec<f64> {
    let mut shares = vec![0.0; ranks.iter().sum::<usize>() + 1];
    shares[0] = 1.0;
    let mut largest = 0;
    for rank in ranks {
        largest += rank;
        for sum in (0..=largest).rev() {
            let with = if sum >= *rank { shares[sum - rank] } else { 0.0 };
            shares[sum] = f64::midpoint(shares[sum], with);
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_ranks_are_those_of_the_tables() {
        // Hollander, Wolfe and Chicken, table A.4: with 12 values P(T+ >= 65) = 0.0217 and so P(T+ <= 13) = 0.0212.
        let share: f64 = sums(&(1..=12).collect::<Vec<usize>>()).iter().take(14).sum();
        assert!((share - 0.0212).abs() < 1e-4, "{share}");
        let all_above: Vec<f64> = (1..=12).map(f64::from).collect();
        assert!((signed_rank_p_value(&all_above) - 2.0 / 4096.0).abs() < 1e-12);
        assert_eq!(signed_rank_p_value(&[0.0; 12]), 1.0, "nothing above nor below");
    }

    #[test]
    fn the_normal_distribution_takes_over_where_it_is_as_good() {
        let ranks: Vec<usize> = (1..=COUNTED).map(|rank| 2 * rank).collect();
        for limit in [900, 1100, 1300, 1500, 1800] {
            let (counted, normal) = (counted_tail(&ranks, limit), normal_tail(&ranks, limit));
            assert!(
                (0.95..1.5).contains(&(normal / counted)),
                "{limit}: {counted} and {normal}, which doubts more"
            );
        }
        // One value more has one more pair with each: the depth grows by about a third of them.
        let depth = |n: usize| depth(n, CONFIDENCE).0;
        let steps = [depth(COUNTED) - depth(COUNTED - 1), depth(COUNTED + 1) - depth(COUNTED)];
        assert!(steps[0].abs_diff(steps[1]) <= 1, "{steps:?}");
    }

    #[test]
    fn an_outlier_moves_neither_centre_nor_interval_far() {
        for n in [12, 20, 120] {
            let mut values: Vec<f64> = (0..n).map(|at| f64::from(at % 5) - 2.0).collect();
            let before = Location::of(&values).unwrap();
            values[0] = 1000.0;
            let after = Location::of(&values).unwrap();
            let (before, after) = (before.certainty.unwrap(), after.certainty.unwrap());
            assert!(
                (after.high - before.high).abs() < 1.5 && (after.low - before.low).abs() < 1.5,
                "{n}: {after:?}"
            );
        }
    }

    #[test]
    fn means_of_pairs_come_in_their_order() {
        let values = [3.0, -1.0, 0.0, 0.0, 7.5];
        let mut expected: Vec<f64> = (0..values.len())
            .flat_map(|first| values[first..].iter().map(move |second| f64::midpoint(values[first], *second)))
            .collect();
        expected.sort_by(f64::total_cmp);
        let means = Means::of(&values).unwrap();
        assert_eq!((0..means.count()).map(|at| means.at(at)).collect::<Vec<f64>>(), expected);
    }

    #[test]
    fn few_values_never_look_surer_than_two_levels_allow() {
        for n in FEWEST..RANKED {
            let alike = Location::of(&vec![0.5; n]).unwrap().certainty.unwrap();
            assert_eq!((alike.low, alike.high), (0.5, 0.5));
            assert!(alike.p_value >= 2.0 * 0.25f64.powi(n as i32), "{n}: {}", alike.p_value);
        }
        assert_eq!(Location::of(&[2.0]).unwrap(), Location { centre: 2.0, certainty: None });
        assert_eq!(Location::of(&[]), None);
    }
}
