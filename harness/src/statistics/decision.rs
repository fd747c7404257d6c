//! What a table of ratios lets one say: faster, slower, the same, or not sure.

use std::fmt;

use statrs::distribution::{ContinuousCDF, Normal};

use super::location::smallest_p_value;
use super::ratio::Ratio;
use super::stopping::EARLY_SHARE;
use super::{CONFIDENCE, student_quantile};

/// The share of tables without any difference that claim some, early looks included: half of the hundredth that is
/// promised, so that a count over some hundred comparisons keeps the promise too.
pub const FALSE_ALARMS: f64 = 0.005;
/// How surely the samples that would settle a case do, if things are as they seem.
const POWER: f64 = 0.8;
/// Where there is no interval yet, so many more samples are the least that gives one.
const LEAST_MORE: u32 = 4;
/// More samples than this settle nothing that is worth it.
const MOST: f64 = 100_000.0;

/// What is said of a relative to b.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// a takes less time.
    Faster,
    /// a takes more time.
    Slower,
    /// As long, within what was asked for.
    Same,
    /// The samples do not say.
    NotSure {
        /// How many more pairs (or samples of either side) would settle it; nothing where more would not help, since the
        /// difference lies below the noise floor and yet is more than counts as the same.
        samples_to_settle: Option<u32>,
    },
}

impl Verdict {
    /// The verdict as documents have it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::Same => "same",
            Verdict::NotSure { .. } => "not-sure",
        }
    }
}

/// One line of a table to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// How many times as long b takes.
    pub ratio: &'a Ratio,
    /// The noise floor, as a relative difference (see [`super::noise::floor`]); nothing where it was not measured.
    pub noise: Option<f64>,
}

/// What counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Up to which relative difference two things are the same: 0.03 is 3 %.
    pub same_within: f64,
    /// The share of tables without any difference that may claim some, looks at the end only: by default what early looks
    /// leave of [`FALSE_ALARMS`].
    pub false_alarms: f64,
}

impl Rule {
    /// The rule with the default rate of false alarms.
    pub fn within(same_within: f64) -> Rule {
        Rule { same_within, false_alarms: FALSE_ALARMS * (1.0 - EARLY_SHARE) }
    }
}

/// What is said of a row, and on which ground.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What is said.
    pub verdict: Verdict,
    /// The p-value after Holm's correction for the number of rows; nothing where the row has none.
    pub adjusted_p: Option<f64>,
    /// The ground.
    pub reason: Reason,
}

/// The ground of a decision; its text is a sentence for a reader.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// The difference is surer than chance and larger than the noise floor, which is given.
    BeyondNoise(f64),
    /// The difference is surer than chance; its noise floor was not measured.
    NoiseUnknown,
    /// Both ends lie within what counts as the same, which is given.
    Within(f64),
    /// The difference is surer than chance, but things show as much from themselves: the noise floor is given.
    BelowNoise(f64),
    /// Chance explains the difference.
    Chance,
    /// There are too few pairs, or sessions, for an interval.
    TooFew,
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: &f64| format!("{:.1} %", share * 100.0);
        match self {
            Reason::BeyondNoise(noise) => write!(out, "larger than the noise of {}", percent(noise)),
            Reason::NoiseUnknown => write!(out, "by the interval alone: no noise was measured here"),
            Reason::Within(limit) => write!(out, "within {} either way", percent(limit)),
            Reason::BelowNoise(noise) => write!(out, "no larger than the noise of {}", percent(noise)),
            Reason::Chance => write!(out, "chance explains the difference"),
            Reason::TooFew => write!(out, "too few rounds or sessions for an interval"),
        }
    }
}

/// Decides each row of a table, in its order.
///
/// A difference is claimed where its p-value, after Holm's step-down correction over the table (*A simple sequentially
/// rejective multiple test procedure*, 1979), lies below the rate of false alarms, and it is larger than the noise floor.
/// Sameness is claimed where two one-sided tests at 95 % find the ratio within the limit (Schuirmann, 1987); it goes before
/// a difference that is sure but too small to matter.
pub fn decide(rows: &[Row<'_>], rule: Rule) -> Vec<Decision> {
    let adjusted = holm(&rows.iter().map(|row| row.ratio.p_value).collect::<Vec<Option<f64>>>());
    let tested = adjusted.iter().flatten().count().max(1) as f64;
    rows.iter().zip(adjusted).map(|(row, adjusted_p)| one(row, adjusted_p, tested, rule)).collect()
}

fn one(row: &Row<'_>, adjusted_p: Option<f64>, tested: f64, rule: Rule) -> Decision {
    let decision = |verdict, reason| Decision { verdict, adjusted_p, reason };
    let Some(adjusted) = adjusted_p else {
        let verdict = Verdict::NotSure { samples_to_settle: Some(LEAST_MORE) };
        return decision(verdict, Reason::TooFew);
    };
    let case = Case::new(row, rule, tested);
    if case.is_same() {
        return decision(Verdict::Same, Reason::Within(rule.same_within));
    }
    let sure = adjusted < rule.false_alarms;
    if sure && case.difference.abs() > case.floor {
        let verdict = if case.difference > 0.0 { Verdict::Faster } else { Verdict::Slower };
        return decision(verdict, row.noise.map_or(Reason::NoiseUnknown, Reason::BeyondNoise));
    }
    let reason = if sure { Reason::BelowNoise(row.noise.unwrap_or_default()) } else { Reason::Chance };
    decision(Verdict::NotSure { samples_to_settle: case.samples_to_settle() }, reason)
}

/// A row on the scale of logarithms.
struct Case {
    difference: f64,
    /// Standard error of the difference.
    error: f64,
    /// How many samples there are.
    n: f64,
    /// How many values that say something of their own.
    values: usize,
    floor: f64,
    limit: f64,
    /// The rate of false alarms that is left for this row of the table.
    false_alarms: f64,
}

impl Case {
    fn new(row: &Row<'_>, rule: Rule, tested: f64) -> Case {
        Case {
            difference: row.ratio.median.ln(),
            error: row.ratio.error(),
            n: row.ratio.n as f64,
            values: row.ratio.values,
            floor: row.noise.unwrap_or_default().ln_1p(),
            limit: rule.same_within.ln_1p(),
            false_alarms: rule.false_alarms / tested,
        }
    }

    /// Whether the 90 % interval lies within the limit on both sides, which is what both one-sided tests at 95 % say.
    fn is_same(&self) -> bool {
        self.difference.abs() + self.error * student_quantile(CONFIDENCE, self.values as f64 - 1.0)
            <= self.limit
    }

    /// How many more samples make the interval narrow enough for the nearest verdict that the difference allows: it shrinks
    /// with the root of their number.
    fn samples_to_settle(&self) -> Option<u32> {
        let difference = self.difference.abs();
        let quantile = |below: f64| Normal::standard().inverse_cdf(below);
        let n_where = |distance: f64, sureness: f64| {
            (distance > 0.0).then(|| self.n * (self.error * (sureness + quantile(POWER)) / distance).powi(2))
        };
        let different = (difference > self.floor)
            .then(|| n_where(difference, quantile(1.0 - self.false_alarms / 2.0)))
            .flatten()
            .map(|n| n.max(self.fewest_decidable()));
        let same = n_where(self.limit - difference, quantile(CONFIDENCE));
        let needed = different.into_iter().chain(same).min_by(f64::total_cmp)?;
        let more = (needed - self.n).ceil().max(1.0);
        (more <= MOST).then_some(more as u32)
    }

    /// How many samples there are when the values are enough for a p-value as small as is asked for.
    fn fewest_decidable(&self) -> f64 {
        let enough = (self.values..).find(|values| smallest_p_value(*values) < self.false_alarms);
        self.n * enough.unwrap_or(self.values) as f64 / self.values as f64
    }
}

/// Holm's adjusted p-values: the smallest times the number of rows, the next times one less, none below the one before.
fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> =
        p_values.iter().enumerate().filter_map(|(at, p_value)| Some((at, (*p_value)?))).collect();
    order.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut adjusted = vec![None; p_values.len()];
    let mut largest: f64 = 0.0;
    for (before, (at, p_value)) in order.iter().enumerate() {
        largest = largest.max((p_value * (order.len() - before) as f64).min(1.0));
        adjusted[*at] = Some(largest);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::ratio::Pair;

    /// A ratio with a standard error and a p-value as 100 normal pairs would have them.
    fn ratio(ln_median: f64, error: f64) -> Ratio {
        let reach = error * student_quantile(f64::midpoint(1.0, CONFIDENCE), 99.0);
        Ratio {
            median: ln_median.exp(),
            low: Some((ln_median - reach).exp()),
            high: Some((ln_median + reach).exp()),
            p_value: Some(crate::statistics::student_p_value(ln_median / error, 99.0)),
            n: 100,
            values: 100,
            spread: error * 10.0,
        }
    }

    #[test]
    fn verdicts_follow_chance_noise_and_the_limit() {
        let not_sure = |samples_to_settle| Verdict::NotSure { samples_to_settle };
        // By hand: 100·(0.05·(2.841 + 0.842)/0.1)² and 100·(0.05·(1.645 + 0.842)/ln 1.03)², less the 100 there are.
        for (name, ln_median, error, noise, verdict, reason) in [
            ("b takes longer", 0.10, 0.01, Some(0.03), Verdict::Faster, Reason::BeyondNoise(0.03)),
            ("a takes longer", -0.10, 0.01, Some(0.03), Verdict::Slower, Reason::BeyondNoise(0.03)),
            ("noise unknown", 0.10, 0.01, None, Verdict::Faster, Reason::NoiseUnknown),
            ("sure but within the limit", 0.01, 0.001, Some(0.0), Verdict::Same, Reason::Within(0.03)),
            ("equal", 0.0, 0.01, Some(0.02), Verdict::Same, Reason::Within(0.03)),
            ("below the noise", 0.10, 0.01, Some(0.2), not_sure(None), Reason::BelowNoise(0.2)),
            ("chance, more would show it", 0.10, 0.05, Some(0.02), not_sure(Some(240)), Reason::Chance),
            (
                "chance, more would show it is the same",
                0.0,
                0.05,
                Some(0.02),
                not_sure(Some(1670)),
                Reason::Chance,
            ),
            ("chance, nothing would help", 0.04, 0.05, Some(0.1), not_sure(None), Reason::Chance),
        ] {
            let ratio = ratio(ln_median, error);
            let decided = &decide(&[Row { ratio: &ratio, noise }], Rule::within(0.03))[0];
            assert_eq!((decided.verdict, decided.reason), (verdict, reason), "{name}");
        }
    }

    #[test]
    fn the_samples_asked_for_would_settle_it() {
        let Verdict::NotSure { samples_to_settle: Some(more) } =
            decide(&[Row { ratio: &ratio(0.10, 0.05), noise: None }], Rule::within(0.03))[0].verdict
        else {
            panic!("not settled yet");
        };
        let error = 0.05 * (100.0 / f64::from(100 + more)).sqrt();
        let verdict =
            |error| decide(&[Row { ratio: &ratio(0.10, error), noise: None }], Rule::within(0.03))[0].verdict;
        assert_eq!(verdict(error), Verdict::Faster);
        assert_ne!(verdict(error * 1.5), Verdict::Faster, "nor are they far too many");
    }

    #[test]
    fn few_sessions_ask_for_more_of_them() {
        let pairs: Vec<Pair> = (0..9u32)
            .map(|round| Pair { a: 1.0, b: 2.0 + 0.01 * f64::from(round % 4), session: round / 3 })
            .collect();
        let ratio = Ratio::paired(&pairs).unwrap();
        let decided = &decide(&[Row { ratio: &ratio, noise: None }], Rule::within(0.03))[0];
        // Five sessions are the fewest whose p-value can be below 0.0045, and each has three rounds.
        assert_eq!(decided.verdict, Verdict::NotSure { samples_to_settle: Some(6) }, "{ratio:?}");
    }

    #[test]
    fn a_table_asks_more_of_each_row() {
        let (plain, doubtful) = (ratio(0.10, 0.01), ratio(0.10, 0.033));
        let verdict = |rows: usize| {
            let mut table = vec![Row { ratio: &plain, noise: None }; rows - 1];
            table.push(Row { ratio: &doubtful, noise: None });
            decide(&table, Rule::within(0.03))[rows - 1].verdict
        };
        assert_eq!((verdict(1), verdict(13)), (Verdict::Faster, Verdict::Faster), "last of Holm's steps");
        let mut table = vec![Row { ratio: &doubtful, noise: None }; 13];
        assert!(matches!(decide(&table, Rule::within(0.03))[0].verdict, Verdict::NotSure { .. }));
        table.truncate(1);
        assert_eq!(decide(&table, Rule::within(0.03))[0].verdict, Verdict::Faster);
    }

    #[test]
    fn holm_steps_down() {
        // Holm's own procedure by hand: 4·0.005, 3·0.01, then none below the one before.
        let adjusted = holm(&[Some(0.01), Some(0.04), None, Some(0.03), Some(0.005)]);
        for (found, expected) in
            adjusted.into_iter().zip([Some(0.03), Some(0.06), None, Some(0.06), Some(0.02)])
        {
            assert_eq!(found.map(|p| (p * 1e9).round()), expected.map(|p: f64| (p * 1e9).round()));
        }
    }

    #[test]
    fn nothing_is_said_without_an_interval() {
        let ratio = Ratio { median: 3.0, low: None, high: None, p_value: None, n: 2, values: 2, spread: 0.0 };
        let decided = &decide(&[Row { ratio: &ratio, noise: None }], Rule::within(0.03))[0];
        assert_eq!(decided.verdict, Verdict::NotSure { samples_to_settle: Some(4) });
        assert_eq!((decided.adjusted_p, decided.reason), (None, Reason::TooFew));
    }
}
