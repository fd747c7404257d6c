//! A stock of sessions of one target, and what comparisons drawn from it say.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;

use fastrand::Rng;
use harness::pair::Pair;
use harness::rows::measurement::Measurement;
use harness::rows::series;
use harness::side::Side;
use harness::side_by_side::{OtherRuns, decide, matched};
use harness::statistics::Summary;
use harness::statistics::decision::Rule;
use harness::statistics::noise::{self, Effort};
use harness::statistics::ratio::{Pair as Times, Ratio};
use harness::statistics::simulation::Rate;
use harness::statistics::stopping::{Next, Stopping};

/// A setting that changes nothing of a model in f32: the same programs as with everything on.
pub const ITSELF: &str = "-f16";
/// The setting that adds a dispatch.
pub const SLOWER: &str = "-fusion";
/// So many comparisons are drawn.
pub const COMPARISONS: usize = 500;

/// As `parallax compare` has it where nothing else is asked for, as many rounds as twenty minutes hold.
const STOPPING: Stopping = Stopping { precision: 0.02, least: 12, most: 240, rows: 1 };
const WITHIN: f64 = 0.03;

/// What was measured of one target, by session.
pub struct Stock {
    sessions: Vec<Vec<Measurement>>,
    itself: Pair,
    slower: Pair,
}

/// What comparisons of one pair say.
#[derive(Default)]
struct Rates {
    /// A takes less time than b.
    faster: Rate,
    /// A takes more.
    slower: Rate,
    same: Rate,
    /// Two comparisons say the same.
    alike: Rate,
    rounds: Vec<f64>,
}

/// The rates of a target beside itself, and beside itself with a dispatch more.
pub struct Both {
    itself: Rates,
    slower: Rates,
    /// How many times as long it takes with that dispatch, over all that was taken.
    slowdown: Ratio,
    /// The standard deviation of a session's ratio, as its middle half has it.
    scatter: f64,
}

impl Stock {
    /// The target's part of a sweep.
    pub fn of(target: &str, taken: &[Measurement]) -> Result<Stock, Box<dyn Error>> {
        let mut sessions: BTreeMap<Option<u32>, Vec<Measurement>> = BTreeMap::new();
        for one in taken.iter().filter(|one| one.place.target.to_string() == target) {
            sessions.entry(one.session).or_default().push(one.clone());
        }
        let side = |setting: &str| -> Result<Side, Box<dyn Error>> {
            Ok(Side { features: Some(setting.parse()?), ..Side::of(target.parse()?) })
        };
        Ok(Stock {
            sessions: sessions.into_values().collect(),
            itself: Pair { a: side("")?, b: side(ITSELF)? },
            slower: Pair { a: side("")?, b: side(SLOWER)? },
        })
    }

    /// Draws comparisons, two at a time, and counts what they say; nothing where something failed. Sessions are drawn with
    /// replacement (the bootstrap), so that a comparison may be longer than the stock.
    pub fn rates(&self) -> Option<Both> {
        let mut random = Rng::with_seed(7);
        let all: Vec<&Vec<Measurement>> = self.sessions.iter().collect();
        let pairs = pairs(&self.slower, &in_order(&all))?;
        let mut both = Both {
            itself: Rates::default(),
            slower: Rates::default(),
            slowdown: Ratio::paired(&pairs)?,
            scatter: scatter(&pairs),
        };
        for _ in 0..COMPARISONS {
            both.slower.count([(); 2].map(|()| compared(&self.slower, &self.drawn(&mut random))));
            both.itself.count([(); 2].map(|()| {
                let mut drawn = self.drawn(&mut random);
                exchange(&mut drawn, &mut random);
                compared(&self.itself, &drawn)
            }));
        }
        Some(both)
    }

    /// Sessions enough for the longest comparison.
    fn drawn(&self, random: &mut Rng) -> Vec<Measurement> {
        // Two rounds each.
        let sessions: Vec<&Vec<Measurement>> =
            (0..STOPPING.most.div_ceil(2)).filter_map(|_| random.choice(&self.sessions)).collect();
        in_order(&sessions)
    }
}

/// Sessions as if they had been taken one after the other.
fn in_order(sessions: &[&Vec<Measurement>]) -> Vec<Measurement> {
    let mut all = Vec::new();
    let mut begun = 0;
    for (number, session) in (0..).zip(sessions) {
        let rounds: BTreeSet<u32> = session.iter().filter_map(|one| Some(one.turn?.round)).collect();
        for one in session.iter() {
            let mut one = Measurement { session: Some(number), ..one.clone() };
            if let Some(turn) = &mut one.turn {
                turn.round = begun + rounds.range(..turn.round).count() as u32;
            }
            all.push(one);
        }
        begun += rounds.len() as u32;
    }
    all
}

/// Lets a target and itself change names in half of the sessions.
fn exchange(taken: &mut [Measurement], random: &mut Rng) {
    for session in taken.chunk_by_mut(|one, other| one.session == other.session) {
        if random.bool() {
            for one in session {
                match one.place.features.as_str() {
                    "" => ITSELF.clone_into(&mut one.place.features),
                    ITSELF => one.place.features.clear(),
                    _ => {}
                }
            }
        }
    }
}

fn pairs(question: &Pair, taken: &[Measurement]) -> Option<Vec<Times>> {
    let of = |side: &Side| taken.iter().filter(|one| side.admits(one)).collect::<Vec<_>>();
    series::pairs(&of(&question.a), &of(&question.b))
}

/// The standard deviation of the pairs' logarithms, from their quartiles, which outliers do not move.
fn scatter(pairs: &[Times]) -> f64 {
    let mut logarithms: Vec<f64> = pairs.iter().map(|pair| (pair.b / pair.a).ln()).collect();
    logarithms.sort_by(f64::total_cmp);
    let at = |share: f64| logarithms[(share * (logarithms.len() - 1) as f64) as usize];
    if logarithms.is_empty() { f64::NAN } else { (at(0.75) - at(0.25)) / 1.349 }
}

/// What is said once the rule for stopping ends it, and after how many rounds.
fn compared(question: &Pair, taken: &[Measurement]) -> Option<(&'static str, usize)> {
    let pairs = pairs(question, taken)?;
    let themselves = [&question.a, &question.b].map(|side| {
        let of_side: Vec<&Measurement> = taken.iter().filter(|one| side.admits(one)).collect();
        series::apart_by_chance(&of_side)
    });
    let noise = |n: usize| {
        let of = |pairs: &Vec<Times>| noise::floor(pairs.get(..n)?, Effort::of(pairs.get(..n)?));
        themselves.iter().filter_map(of).reduce(f64::max)
    };
    let ends = |n: usize| n == pairs.len() || STOPPING.next(&pairs[..n], || noise(n)) != Next::More;
    let enough = (1..=pairs.len()).find(|n| ends(*n))?;
    let in_time = |one: &&Measurement| one.turn.is_some_and(|turn| (turn.round as usize) < enough);
    let taken: Vec<Measurement> = taken.iter().filter(in_time).cloned().collect();
    let (matched, _) = matched(question, &taken, &taken, &OtherRuns::default());
    let (rows, _) = decide(&matched, "latency_ms", Rule::within(WITHIN));
    Some((rows.first()?.verdict, enough))
}

impl Rates {
    fn count(&mut self, two: [Option<(&'static str, usize)>; 2]) {
        let [one, other] = two.map(|said| said.map(|(verdict, _)| verdict));
        self.alike.count(one == other);
        self.faster.count(one == Some("faster"));
        self.slower.count(one == Some("slower"));
        self.same.count(one == Some("same"));
        self.rounds.extend(two[0].map(|(_, rounds)| rounds as f64));
    }

    fn typical_rounds(&self) -> f64 {
        Summary::of(&self.rounds).map_or(f64::NAN, |summary| summary.median)
    }
}

impl fmt::Display for Both {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Both { itself, slower, slowdown, scatter } = self;
        let claimed = Rate { hits: itself.faster.hits + itself.slower.hits, of: itself.faster.of };
        write!(
            f,
            "{:>5.1} %  {claimed:>7}  {:>7}  {:>7}  {:>6.0}   {:>6.1} %  {:>7}  {:>7}  {:>7}  {:>6.0}",
            scatter * 100.0,
            itself.same,
            itself.alike,
            itself.typical_rounds(),
            (slowdown.median - 1.0) * 100.0,
            slower.faster,
            slower.slower,
            slower.alike,
            slower.typical_rounds(),
        )
    }
}
