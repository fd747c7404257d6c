//! Measurements of one thing as series of numbers: by round, by run, over the drift control, against themselves. Pure.

use std::collections::BTreeMap;

use protocol::Verdict;

use super::measurement::{Measurement, RunOf};
use crate::statistics::noise::{self, Effort};
use crate::statistics::ratio::Pair;
use crate::statistics::turns::{self, Counted, Turn};
use crate::statistics::{Summary, undisturbed};
use crate::turn;

/// What runs of the same thing are taken to differ by where that is not known: times of the same programs scatter by 15 % either
/// way from run to run on shared machines.
pub const ASSUMED_NOISE: f64 = 0.3;

/// The turns that went well, in the order taken; nothing of what took no turns.
pub fn turns<'a>(side: &[&'a Measurement]) -> Vec<Turn<'a>> {
    let went_well = |one: &&&Measurement| one.verdict == Verdict::Pass && !one.values.is_empty();
    let taken = side.iter().filter(went_well).filter_map(|one| Some((one.turn?, *one)));
    let mut taken: Vec<(turn::Place, &Measurement)> = taken.collect();
    taken.sort_by_key(|(place, _)| *place);
    let turn = |(place, one): (turn::Place, &'a Measurement)| Turn {
        round: place.round,
        session: one.session.unwrap_or_default(),
        samples: &one.values,
    };
    taken.into_iter().map(turn).collect()
}

/// The rounds in which both sides took turns, counted by their undisturbed times; nothing where they were taken apart.
pub fn pairs(a: &[&Measurement], b: &[&Measurement]) -> Option<Vec<Pair>> {
    pairs_by(a, b, undisturbed)
}

/// The same, counted otherwise.
pub fn pairs_by(a: &[&Measurement], b: &[&Measurement], counted: Counted) -> Option<Vec<Pair>> {
    let (of_a, of_b) = (turns(a), turns(b));
    if a.first()?.run != b.first()?.run || of_a.is_empty() || of_b.is_empty() {
        return None;
    }
    Some(turns::pairs(&of_a, &of_b, counted))
}

/// One of the two turns of each round against the other.
pub fn with_themselves(side: &[&Measurement]) -> Vec<Pair> {
    turns::with_itself(&turns(side), undisturbed)
}

/// The two turns of each round, as a comparison of a thing with itself.
pub fn apart_by_chance(side: &[&Measurement]) -> Vec<Pair> {
    turns::apart_by_chance(&turns(side), undisturbed)
}

/// What values are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// The metric's unit.
    Unit,
    /// So many times the drift control's time, which takes the machine's own changes out.
    OverControl,
}

impl Scale {
    /// The scale on which all of these can be held against each other: over the drift control where that was taken with each.
    pub fn of<'a>(all: impl IntoIterator<Item = &'a Measurement>) -> Scale {
        let controlled = all.into_iter().all(|one| one.control_ms.is_some());
        if controlled { Scale::OverControl } else { Scale::Unit }
    }

    /// All values of some measurements.
    pub fn values(self, side: &[&Measurement]) -> Vec<f64> {
        let unit = |one: &Measurement| match self {
            Scale::OverControl => one.control_ms.unwrap_or(1.0),
            Scale::Unit => 1.0,
        };
        side.iter().flat_map(|one| one.values.iter().map(move |value| value / unit(one))).collect()
    }
}

/// The measurements of each run, the earliest first.
pub fn by_run<'a>(
    all: impl IntoIterator<Item = &'a Measurement>,
) -> BTreeMap<&'a RunOf, Vec<&'a Measurement>> {
    let mut runs: BTreeMap<&RunOf, Vec<&Measurement>> = BTreeMap::new();
    for one in all {
        runs.entry(&one.run).or_default().push(one);
    }
    runs
}

/// The median of each run, the earliest first, all on one scale.
pub fn run_medians(all: &[&Measurement]) -> Vec<f64> {
    let scale = Scale::of(all.iter().copied());
    let median = |run: &Vec<&Measurement>| Some(Summary::of(&scale.values(run))?.median);
    by_run(all.iter().copied()).values().filter_map(median).collect()
}

/// What runs of the same thing differ by: the noise floor of one run against another, from each run against the next with the
/// same case on the same machine and with the same versions.
pub fn noise_of_runs(history: &[&Measurement]) -> Option<f64> {
    let mut alike: BTreeMap<_, Vec<&Measurement>> = BTreeMap::new();
    for one in history {
        let same = (&one.case_key, &one.versions.host, &one.versions.browser, &one.versions.parallax);
        alike.entry(same).or_default().push(one);
    }
    let medians = alike.values().map(|runs| run_medians(runs));
    let neighbours =
        medians.flat_map(|medians| medians.windows(2).map(|two| (two[0], two[1])).collect::<Vec<_>>());
    // Each run is a session of its own, and runs that become slower and slower scatter by as much when they change sides.
    let pair = |(session, (earlier, later)): (u32, (f64, f64))| match session % 2 {
        0 => Pair { a: earlier, b: later, session },
        _ => Pair { a: later, b: earlier, session },
    };
    let pairs: Vec<Pair> = (0..).zip(neighbours).map(pair).collect();
    noise::floor(&pairs, Effort { pairs: 1, sessions: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::measurement::tests::measurement;

    #[test]
    fn what_runs_drift_by_is_noise() {
        // Three per cent more each time.
        let runs: Vec<Measurement> =
            (0..8).map(|at| measurement("wgpu:vulkan", at, 5.0 * 1.03f64.powi(at as i32))).collect();
        let noise = noise_of_runs(&runs.iter().collect::<Vec<_>>()).unwrap();
        assert!((0.03..0.2).contains(&noise), "{noise}");
    }

    #[test]
    fn values_are_over_the_control_only_where_all_have_it() {
        let with = measurement("wgpu:vulkan", 1, 5.0);
        let without = Measurement { control_ms: None, ..measurement("wgpu:vulkan", 2, 5.0) };
        assert_eq!(Scale::of([&with]), Scale::OverControl);
        assert_eq!(run_medians(&[&with]), [0.5]);
        assert_eq!(run_medians(&[&with, &without]), [5.0, 5.0], "one scale for all");
    }
}
