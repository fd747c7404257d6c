//! Histories whose changes are known, and how many of them are found beside a t-test on two windows.

use fastrand::Rng;

use super::{Rate, normal};
use crate::statistics::history::{History, change_points};
use crate::statistics::{mean, squares, student_p_value};

/// So many runs a history has.
const RUNS: usize = 100;
/// So many runs on each side the t-test compares.
const WINDOW: usize = 10;
/// A change found so many runs off is found.
const NEAR: usize = 8;

/// What happens in a history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Course {
    /// Nothing.
    Flat,
    /// From run 60 on, all take so many times as long.
    Step(f64),
    /// From run 40 on, each takes so many times as long as the one before.
    Drift(f64),
}

/// One kind of history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kind {
    /// What it is called in a table.
    pub name: &'static str,
    /// What happens in it.
    pub course: Course,
    /// How much of one run's disturbance is left in the next, from 0 to 1.
    pub autocorrelation: f64,
}

/// The kinds of history that are simulated: runs scatter by 1 to 3 % (more in the second half), one in twenty is an outlier.
pub const KINDS: [Kind; 10] = [
    Kind { name: "flat", course: Course::Flat, autocorrelation: 0.0 },
    Kind { name: "step of 3 %", course: Course::Step(1.03), autocorrelation: 0.0 },
    Kind { name: "step of 5 %", course: Course::Step(1.05), autocorrelation: 0.0 },
    Kind { name: "step of 10 %", course: Course::Step(1.1), autocorrelation: 0.0 },
    Kind { name: "drift of 0.1 % a run", course: Course::Drift(1.001), autocorrelation: 0.0 },
    Kind { name: "drift of 0.2 % a run", course: Course::Drift(1.002), autocorrelation: 0.0 },
    Kind { name: "flat, alike by 0.3", course: Course::Flat, autocorrelation: 0.3 },
    Kind { name: "flat, alike by 0.6", course: Course::Flat, autocorrelation: 0.6 },
    Kind { name: "flat, alike by 0.9", course: Course::Flat, autocorrelation: 0.9 },
    Kind { name: "step of 10 %, alike by 0.3", course: Course::Step(1.1), autocorrelation: 0.3 },
];

/// What came of many histories of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Found {
    /// How often the change that was put in was found where it is, and of its kind.
    pub found: Rate,
    /// How often something was found where nothing is.
    pub false_alarm: Rate,
    /// How often the history was said to depend on itself.
    pub dependent: Rate,
    /// How often the t-test found a change where it is.
    pub found_by_t_test: Rate,
    /// How often it found one where nothing is.
    pub false_alarm_by_t_test: Rate,
}

/// A history of one kind, in milliseconds.
pub fn history(kind: Kind, random: &mut Rng) -> Vec<f64> {
    let mut alike = normal(random);
    let fresh = (1.0 - kind.autocorrelation * kind.autocorrelation).sqrt();
    (0..RUNS)
        .map(|run| {
            alike = kind.autocorrelation * alike + fresh * normal(random);
            let spread = if run < RUNS / 2 { 0.01 + 0.01 * random.f64() } else { 0.01 + 0.02 * random.f64() };
            let outlier = if random.f64() < 0.05 { 1.2 + random.f64() } else { 1.0 };
            let level = match kind.course {
                Course::Flat => 1.0,
                Course::Step(by) => {
                    if run < 60 {
                        1.0
                    } else {
                        by
                    }
                }
                Course::Drift(by) => f64::powf(by, run.saturating_sub(40) as f64),
            };
            20.0 * level * outlier * (spread * alike).exp()
        })
        .collect()
}

/// Simulates `count` histories of one kind.
pub fn find(kind: Kind, count: usize, random: &mut Rng) -> Found {
    let mut all = Found::default();
    for _ in 0..count {
        let values = history(kind, random);
        let changes = change_points(&values);
        let by_t_test = by_t_test(&values);
        let (found, false_alarm) = judge(kind.course, &changes);
        let (found_by_t_test, false_alarm_by_t_test) = judge_places(kind.course, &by_t_test);
        all.found.count(found);
        all.false_alarm.count(false_alarm);
        all.dependent.count(changes.dependent);
        all.found_by_t_test.count(found_by_t_test);
        all.false_alarm_by_t_test.count(false_alarm_by_t_test);
    }
    all
}

fn judge(course: Course, history: &History) -> (bool, bool) {
    let places: Vec<usize> = history.points.iter().map(|point| point.at).collect();
    match course {
        Course::Flat => (false, history.drift.is_some() || !places.is_empty()),
        Course::Step(_) => {
            let (found, elsewhere) = judge_places(course, &places);
            (found, elsewhere || history.drift.is_some())
        }
        // A drift that is told as a step was found too, though not named.
        Course::Drift(_) => {
            let early =
                places.iter().any(|at| *at < 30) || history.drift.is_some_and(|drift| drift.from < 15);
            (history.drift.is_some() || places.iter().any(|at| *at >= 30), early)
        }
    }
}

/// Whether the places hold the change, and whether they hold others.
fn judge_places(course: Course, places: &[usize]) -> (bool, bool) {
    let holds = |at: &usize| match course {
        Course::Flat => false,
        Course::Step(_) => at.abs_diff(60) <= NEAR,
        Course::Drift(_) => *at >= 40 - NEAR,
    };
    (places.iter().any(holds), !places.iter().all(holds))
}

/// The usual check: Welch's t-test of the last ten runs against the ten before them, after each run, alarming at p < 0.001
/// and 3 %.
fn by_t_test(values: &[f64]) -> Vec<usize> {
    let variance = |values: &[f64]| squares(values) / (WINDOW as f64 - 1.0) / WINDOW as f64;
    (WINDOW..=values.len() - WINDOW)
        .filter(|at| {
            let (before, after) = (&values[at - WINDOW..*at], &values[*at..at + WINDOW]);
            let (one, other) = (variance(before), variance(after));
            let t = (mean(after) - mean(before)) / (one + other).sqrt();
            let freedom = (WINDOW as f64 - 1.0) * (one + other).powi(2) / (one * one + other * other);
            (mean(after) / mean(before)).ln().abs() >= 0.0296 && student_p_value(t, freedom) < 0.001
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_found_and_nothing_else_is() {
        for (kind, least_found, most_false, dependent) in [
            (KINDS[0], 0.0, 0.01, 0.0..=0.01),
            (KINDS[1], 0.8, 0.15, 0.0..=0.02),
            (KINDS[2], 0.95, 0.03, 0.0..=0.02),
            (KINDS[3], 0.99, 0.01, 0.0..=0.02),
            (KINDS[4], 0.95, 0.03, 0.0..=0.02),
            (KINDS[5], 0.99, 0.02, 0.0..=0.02),
            (KINDS[6], 0.0, 0.02, 0.1..=1.0),
            (KINDS[7], 0.0, 0.05, 0.85..=1.0),
            (KINDS[8], 0.0, 0.06, 0.9..=1.0),
            (KINDS[9], 0.8, 0.02, 0.0..=1.0),
        ] {
            let all = find(kind, 400, &mut Rng::with_seed(41));
            let name = kind.name;
            assert!(all.found.share() >= least_found, "{name}: {} found", all.found);
            assert!(all.false_alarm.share() <= most_false, "{name}: {} false", all.false_alarm);
            assert!(dependent.contains(&all.dependent.share()), "{name}: {} dependent", all.dependent);
            let better = all.found.share() >= all.found_by_t_test.share();
            assert!(better, "{name}: {} found by a t-test", all.found_by_t_test);
        }
    }
}
