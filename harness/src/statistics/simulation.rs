//! The statistics' own rates of error, found by simulating comparisons whose truth is known.

pub mod histories;
pub mod matrices;

use std::fmt;

use fastrand::Rng;

use super::decision::{Row, Rule, Verdict, decide};
use super::noise::{Effort, floor};
use super::ratio::{Pair, Ratio};
use super::stopping::{Next, Stopping};

/// How the latencies of rounds scatter in one place.
#[derive(Clone, Copy)]
pub struct Scatter {
    /// What it is called in a table.
    pub name: &'static str,
    /// The logarithm of one round's median on one side, over the true latency's.
    pub draw: fn(&mut Rng) -> f64,
    /// Standard deviation of the logarithm by which a side is slower for a whole session.
    pub session: f64,
}

/// The ways latencies are seen to scatter: a few to many percent, with outliers of 1.5 to 10 times, on two levels, skewed,
/// read off a coarse clock, and by session. All are on top of a drift that both sides share.
pub const SCATTERS: [Scatter; 9] = [
    Scatter { name: "1 %", draw: |random| 0.01 * normal(random), session: 0.0 },
    Scatter { name: "5 %", draw: |random| 0.05 * normal(random), session: 0.0 },
    Scatter { name: "15 %", draw: |random| 0.15 * normal(random), session: 0.0 },
    Scatter { name: "4 %, outliers", draw: |random| 0.04 * normal(random) + outlier(random), session: 0.0 },
    Scatter {
        name: "two levels",
        draw: |random| 0.02 * normal(random) + level(random, 1.2, 0.3),
        session: 0.0,
    },
    Scatter {
        name: "a coin's two levels",
        draw: |random| 0.01 * normal(random) + level(random, 1.5, 0.5),
        session: 0.0,
    },
    Scatter { name: "skewed", draw: |random| -0.05 * (1.0 - random.f64()).ln(), session: 0.0 },
    Scatter { name: "coarse clock", draw: |random| coarse(0.05 * normal(random)), session: 0.0 },
    Scatter { name: "3 %, sessions 1 %", draw: |random| 0.03 * normal(random), session: 0.01 },
];

/// How many pairs a session has where sessions differ.
const PER_SESSION: usize = 8;
/// By how much the level that both sides share drifts from one round to the next.
const DRIFT: f64 = 0.02;

/// A normal value with mean 0 and standard deviation 1 (Box and Muller).
pub fn normal(random: &mut Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
}

/// One round in twenty takes 1.5 to 10 times as long.
fn outlier(random: &mut Rng) -> f64 {
    if random.f64() < 0.05 { (1.5 + 8.5 * random.f64()).ln() } else { 0.0 }
}

fn level(random: &mut Rng, upper: f64, share: f64) -> f64 {
    if random.f64() < share { upper.ln() } else { 0.0 }
}

/// Ten milliseconds as a clock reads them that ticks once a millisecond.
fn coarse(ln: f64) -> f64 {
    ((10.0 * ln.exp()).round() / 10.0).ln()
}

/// An endless comparison: rounds whose b takes `slowdown` times as long as a.
pub struct Rounds<'a> {
    scatter: Scatter,
    ln_slowdown: f64,
    random: &'a mut Rng,
    taken: usize,
    drift: f64,
    of_session: [f64; 2],
}

impl<'a> Rounds<'a> {
    /// A comparison under some scatter.
    pub fn new(scatter: Scatter, slowdown: f64, random: &'a mut Rng) -> Rounds<'a> {
        Rounds { scatter, ln_slowdown: slowdown.ln(), random, taken: 0, drift: 0.0, of_session: [0.0; 2] }
    }
}

impl Iterator for Rounds<'_> {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        if self.taken.is_multiple_of(PER_SESSION) {
            self.of_session = [(); 2].map(|()| self.scatter.session * normal(self.random));
        }
        self.drift += DRIFT * normal(self.random);
        let [a, b] =
            self.of_session.map(|of_session| self.drift + of_session + (self.scatter.draw)(self.random));
        let session = if self.scatter.session > 0.0 { self.taken / PER_SESSION } else { 0 };
        self.taken += 1;
        Some(Pair { a: a.exp(), b: (b + self.ln_slowdown).exp(), session: session as u32 })
    }
}

/// Takes rounds until there are enough.
pub fn sample(rounds: Rounds<'_>, stopping: &Stopping) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for pair in rounds {
        pairs.push(pair);
        if stopping.next(&pairs, || None) != Next::More {
            break;
        }
    }
    pairs
}

/// A share of cases, in percent where it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rate {
    /// In how many cases it was so.
    pub hits: usize,
    /// Of how many.
    pub of: usize,
}

impl Rate {
    /// Counts one case.
    pub fn count(&mut self, hit: bool) {
        self.hits += usize::from(hit);
        self.of += 1;
    }

    /// The share, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.hits as f64 / self.of.max(1) as f64
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&format!("{:.1} %", self.share() * 100.0))
    }
}

/// What came of many comparisons under one scatter.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Comparisons {
    /// How often a difference was claimed, in the right direction where there is one.
    pub claimed: Rate,
    /// The same where no noise was measured.
    pub claimed_by_interval: Rate,
    /// How often the two were said to be the same.
    pub same: Rate,
    /// How often the interval held the true ratio.
    pub held: Rate,
    /// How many pairs it took, on average.
    pub pairs: f64,
}

/// Samples and decides `count` comparisons whose b takes `slowdown` times as long as a, each one with its own A/A run
/// before.
pub fn comparisons(
    scatter: Scatter,
    slowdown: f64,
    stopping: &Stopping,
    rule: Rule,
    count: usize,
    random: &mut Rng,
) -> Comparisons {
    let mut all = Comparisons::default();
    for _ in 0..count {
        let a_a = sample(Rounds::new(scatter, 1.0, random), stopping);
        let pairs = sample(Rounds::new(scatter, slowdown, random), stopping);
        all.pairs += pairs.len() as f64 / count as f64;
        let Some(ratio) = Ratio::paired(&pairs) else { continue };
        let noise = floor(&a_a, Effort::of(&pairs));
        let verdict = |noise| decide(&[Row { ratio: &ratio, noise }], rule)[0].verdict;
        let is_claim = |verdict| match verdict {
            Verdict::Faster => slowdown >= 1.0,
            Verdict::Slower => slowdown <= 1.0,
            Verdict::Same | Verdict::NotSure { .. } => false,
        };
        all.claimed.count(is_claim(verdict(noise)));
        all.claimed_by_interval.count(is_claim(verdict(None)));
        all.same.count(verdict(noise) == Verdict::Same);
        all.held.count(holds(&ratio, slowdown));
    }
    all
}

/// How often the intervals of `count` comparisons of so many pairs, without any stopping rule, hold the true ratio.
pub fn coverage(scatter: Scatter, pairs: usize, count: usize, random: &mut Rng) -> Rate {
    let mut held = Rate::default();
    for _ in 0..count {
        let pairs: Vec<Pair> = Rounds::new(scatter, 1.05, random).take(pairs).collect();
        held.count(Ratio::paired(&pairs).is_some_and(|ratio| holds(&ratio, 1.05)));
    }
    held
}

/// How often the interval of two trials taken apart, each of so many samples and each sample alike to the one before by so
/// much (0 to 1), holds the true ratio. One sample in fifty is an outlier, and the slower side scatters twice as much.
pub fn coverage_apart(alike: f64, samples: usize, count: usize, random: &mut Rng) -> Rate {
    let mut trial = |median: f64, spread: f64| -> Vec<f64> {
        let mut level = normal(random);
        let fresh = (1.0 - alike * alike).sqrt();
        (0..samples)
            .map(|_| {
                level = alike * level + fresh * normal(random);
                let outlier = if random.f64() < 0.02 { 3.0 } else { 1.0 };
                median * outlier * (spread * level).exp()
            })
            .collect()
    };
    let mut held = Rate::default();
    for _ in 0..count {
        let (a, b) = (trial(1.0, 0.04), trial(1.05, 0.08));
        held.count(Ratio::unpaired(&a, &b).is_some_and(|ratio| holds(&ratio, 1.05)));
    }
    held
}

/// Whether the interval holds the true ratio, but for what a float rounds off.
fn holds(ratio: &Ratio, truth: f64) -> bool {
    ratio
        .low
        .zip(ratio.high)
        .is_some_and(|(low, high)| low <= truth * (1.0 + 1e-9) && truth <= high * (1.0 + 1e-9))
}

/// In how many tables of `rows` comparisons without any difference some difference is claimed, with no noise measured.
pub fn false_tables(rows: usize, tables: usize, random: &mut Rng) -> Rate {
    let stopping = Stopping { precision: 0.02, least: 12, most: 96, rows };
    let mut rate = Rate::default();
    for _ in 0..tables {
        let ratios: Vec<Ratio> = (0..rows)
            .filter_map(|row| {
                let scatter = SCATTERS[row % SCATTERS.len()];
                Ratio::paired(&sample(Rounds::new(scatter, 1.0, random), &stopping))
            })
            .collect();
        let table: Vec<Row<'_>> = ratios.iter().map(|ratio| Row { ratio, noise: None }).collect();
        let decisions = decide(&table, Rule::within(0.03));
        rate.count(
            decisions.iter().any(|decision| matches!(decision.verdict, Verdict::Faster | Verdict::Slower)),
        );
    }
    rate
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOPPING: Stopping = Stopping { precision: 0.02, least: 12, most: 640, rows: 1 };

    #[test]
    fn a_thing_differs_from_itself_in_one_of_a_hundred_at_most() {
        for scatter in SCATTERS {
            let mut random = Rng::with_seed(31);
            let all = comparisons(scatter, 1.0, &STOPPING, Rule::within(0.03), 500, &mut random);
            assert!(all.claimed.share() <= 0.01, "{}: {}", scatter.name, all.claimed);
            assert!(
                all.claimed_by_interval.share() <= 0.014,
                "{}: {}",
                scatter.name,
                all.claimed_by_interval
            );
            assert!(all.same.share() >= 0.85, "{}: {} the same", scatter.name, all.same);
        }
    }

    #[test]
    fn a_slowdown_of_five_percent_is_found() {
        for scatter in SCATTERS {
            let mut random = Rng::with_seed(32);
            let all = comparisons(scatter, 1.05, &STOPPING, Rule::within(0.03), 300, &mut random);
            assert!(
                all.claimed.share() >= 0.95,
                "{}: {} with {:.0} pairs",
                scatter.name,
                all.claimed,
                all.pairs
            );
        }
    }

    /// More often where a coarse clock makes many pairs alike, and where there are too few pairs to tell an outlier.
    #[test]
    fn intervals_hold_the_ratio_as_often_as_they_say() {
        for scatter in SCATTERS {
            for pairs in [4, 5, 8, 11, 12, 20, 60, 128] {
                // A session has eight pairs, and one alone does not know by how much others differ.
                if scatter.session > 0.0 && pairs <= PER_SESSION {
                    continue;
                }
                let held = coverage(scatter, pairs, 2000, &mut Rng::with_seed(33));
                let most = if pairs < 12 || scatter.name == "coarse clock" { 1.0 } else { 0.97 };
                assert!((0.93..=most).contains(&held.share()), "{}, {pairs} pairs: {held}", scatter.name);
            }
        }
    }

    /// The lag-1 autocorrelation of few samples hides part of what they have in common.
    #[test]
    fn intervals_of_trials_apart_know_how_alike_samples_are() {
        for (alike, samples, least) in [
            (0.0, 20, 0.94),
            (0.0, 60, 0.94),
            (0.3, 20, 0.92),
            (0.3, 60, 0.93),
            (0.6, 20, 0.89),
            (0.6, 60, 0.91),
        ] {
            let held = coverage_apart(alike, samples, 2000, &mut Rng::with_seed(36));
            assert!((least..=0.98).contains(&held.share()), "alike by {alike}, {samples} samples: {held}");
        }
    }

    #[test]
    fn a_table_without_differences_seldom_claims_one() {
        let rate = false_tables(13, 300, &mut Rng::with_seed(34));
        assert!(rate.share() <= 0.02, "{rate}");
    }

    #[test]
    fn a_difference_at_the_limit_is_seldom_the_same() {
        let limit = Rule::within(0.03);
        for scatter in [SCATTERS[0], SCATTERS[1], SCATTERS[3]] {
            let mut same = Rate::default();
            let mut random = Rng::with_seed(35);
            for _ in 0..2000 {
                let pairs: Vec<Pair> = Rounds::new(scatter, 1.03, &mut random).take(60).collect();
                let ratio = Ratio::paired(&pairs).unwrap();
                same.count(
                    decide(&[Row { ratio: &ratio, noise: Some(0.5) }], limit)[0].verdict == Verdict::Same,
                );
            }
            assert!(same.share() <= 0.06, "{}: {same}", scatter.name);
        }
    }
}
