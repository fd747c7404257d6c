//! How long the rest of a sweep may take: by what its cases took before, put right by how this run goes. Pure.

use std::collections::BTreeMap;

use crate::statistics::Summary;

/// What a turn is taken to take where nothing was ever run.
const UNKNOWN_S: f64 = 10.0;
/// How long a run has to go until half of what it shows of its own speed is believed.
const BELIEF_S: f64 = 10.0;

/// A case that is to come.
#[derive(Debug, Clone)]
pub struct Ahead {
    /// Its key.
    pub key: String,
    /// Its model's name.
    pub model: String,
    /// Its target, as asked.
    pub target: String,
    /// What a turn of it took before, in seconds.
    pub known_s: Option<f64>,
    /// Turns that are sure to come.
    pub turns: usize,
}

/// What is left of a run. Moments are seconds since it began.
#[derive(Debug, Clone)]
pub struct Estimate {
    cases: Vec<Case>,
    places: BTreeMap<String, usize>,
    jobs: usize,
    /// When the last turn ended.
    last_end_s: f64,
    /// What turns were expected to take, and what they did, with all that goes on between them.
    expected_s: f64,
    spent_s: f64,
}

#[derive(Debug, Clone)]
struct Case {
    ahead: Ahead,
    /// What its turns in this run took.
    taken_s: Vec<f64>,
    running_since_s: Option<f64>,
    /// What its next turn may take.
    turn_s: f64,
}

impl Estimate {
    /// An estimate of these cases, of which so many run at a time.
    pub fn of(cases: impl IntoIterator<Item = Ahead>, jobs: usize) -> Estimate {
        let case = |ahead| Case { ahead, taken_s: Vec::new(), running_since_s: None, turn_s: UNKNOWN_S };
        let cases: Vec<Case> = cases.into_iter().map(case).collect();
        let places = cases.iter().enumerate().map(|(at, case)| (case.ahead.key.clone(), at)).collect();
        let (last_end_s, expected_s, spent_s) = (0.0, 0.0, 0.0);
        let mut estimate = Estimate { cases, places, jobs: jobs.max(1), last_end_s, expected_s, spent_s };
        estimate.learn();
        estimate
    }

    /// A turn of a case begins.
    pub fn started(&mut self, key: &str, now_s: f64) {
        if let Some(case) = self.places.get(key).and_then(|place| self.cases.get_mut(*place)) {
            case.running_since_s = Some(now_s);
        }
    }

    /// A turn of a case ended; `goes_on` where others of it follow.
    pub fn ended(&mut self, key: &str, now_s: f64, goes_on: bool) {
        let Some(case) = self.places.get(key).and_then(|place| self.cases.get_mut(*place)) else { return };
        if let Some(known_s) = case.ahead.known_s {
            self.expected_s += known_s;
            self.spent_s += (now_s - self.last_end_s).max(0.0) * self.jobs as f64;
        }
        let since_s = case.running_since_s.take();
        case.taken_s.extend(since_s.map(|since_s| (now_s - since_s).max(0.0)));
        case.ahead.turns = if goes_on { case.ahead.turns.saturating_sub(1) } else { 0 };
        self.last_end_s = now_s;
        self.learn();
    }

    /// Turns that are sure to come, those that are running included.
    pub fn turns(&self) -> usize {
        self.cases.iter().map(|case| case.ahead.turns).sum()
    }

    /// The seconds until all of them are over.
    pub fn left_s(&self, now_s: f64) -> f64 {
        let left: Vec<(f64, f64)> = self.cases.iter().map(|case| (case.left_s(now_s), case.turn_s)).collect();
        let under_way = left.iter().filter(|(left_s, _)| *left_s > 0.0).count();
        let sum_s: f64 = left.iter().map(|(left_s, _)| left_s).sum();
        // However many run at a time, a turn takes as long as it does.
        let longest_s = left.iter().map(|(left_s, turn_s)| left_s.min(*turn_s)).fold(0.0, f64::max);
        (sum_s / self.jobs.min(under_way).max(1) as f64).max(longest_s)
    }

    /// Sets what turns may take: of a case that ran before, as long as then, at this run's speed; of one that has run by now, as
    /// long as it did; else what is usual of its model, of its target, or of all.
    fn learn(&mut self) {
        let speed = (self.spent_s + BELIEF_S) / (self.expected_s + BELIEF_S);
        let own = |case: &Case| case.ahead.known_s.map(|s| s * speed).or_else(|| median(&case.taken_s));
        let own_s: Vec<Option<f64>> = self.cases.iter().map(own).collect();
        let known = || self.cases.iter().zip(&own_s).filter_map(|(case, s)| Some((&case.ahead, (*s)?)));
        let by_model = medians(known().map(|(ahead, s)| (ahead.model.clone(), s)));
        let by_target = medians(known().map(|(ahead, s)| (ahead.target.clone(), s)));
        let of_all = median(&own_s.iter().flatten().copied().collect::<Vec<_>>());
        for (case, own_s) in self.cases.iter_mut().zip(own_s) {
            let Ahead { model, target, .. } = &case.ahead;
            let usual_s = || by_model.get(model).or_else(|| by_target.get(target)).copied().or(of_all);
            case.turn_s = own_s.or_else(usual_s).unwrap_or(UNKNOWN_S);
        }
    }
}

impl Case {
    fn left_s(&self, now_s: f64) -> f64 {
        // A turn that takes longer than expected is about to end.
        let gone_s = self.running_since_s.map_or(0.0, |since_s| (now_s - since_s).clamp(0.0, self.turn_s));
        (self.turn_s * self.ahead.turns as f64 - gone_s).max(0.0)
    }
}

fn median(seconds: &[f64]) -> Option<f64> {
    Summary::of(seconds).map(|summary| summary.median)
}

fn medians(seconds: impl Iterator<Item = (String, f64)>) -> BTreeMap<String, f64> {
    let mut groups: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, s) in seconds {
        groups.entry(name).or_default().push(s);
    }
    groups.into_iter().filter_map(|(name, seconds)| Some((name, median(&seconds)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases as `model on target`, each with what is known of it and its turns.
    fn estimate(cases: &[(&str, Option<f64>, usize)], jobs: usize) -> Estimate {
        let ahead = |(name, known_s, turns): &(&str, Option<f64>, usize)| {
            let (model, target) = name.split_once(" on ").unwrap();
            Ahead {
                key: (*name).to_owned(),
                model: model.to_owned(),
                target: target.to_owned(),
                known_s: *known_s,
                turns: *turns,
            }
        };
        Estimate::of(cases.iter().map(ahead), jobs)
    }

    #[test]
    fn before_anything_ran_earlier_runs_say_how_long_it_takes() {
        for (name, cases, jobs, expected_s) in [
            ("nothing to do", &[][..], 1, 0.0),
            ("all known", &[("a on x", Some(3.0), 1), ("b on x", Some(4.0), 1)], 1, 7.0),
            ("nothing known", &[("a on x", None, 1), ("b on x", None, 1)], 1, 20.0),
            ("turns", &[("a on x", Some(3.0), 10), ("a on y", Some(1.0), 10)], 1, 40.0),
            (
                "as its model, not its target",
                &[("a on x", Some(2.0), 0), ("b on y", Some(50.0), 0), ("a on y", None, 1)],
                1,
                2.0,
            ),
            (
                "as its target, where its model never ran",
                &[("a on x", Some(2.0), 0), ("b on y", Some(50.0), 0), ("c on y", None, 1)],
                1,
                50.0,
            ),
            (
                "as is usual, where neither did",
                &[
                    ("a on x", Some(2.0), 0),
                    ("b on x", Some(4.0), 0),
                    ("b on y", Some(9.0), 0),
                    ("c on z", None, 1),
                ],
                1,
                4.0,
            ),
            (
                "two at a time",
                &[("a on x", Some(3.0), 1), ("b on x", Some(4.0), 1), ("c on x", Some(5.0), 1)],
                2,
                6.0,
            ),
            ("no faster than the longest", &[("a on x", Some(1.0), 1), ("b on x", Some(40.0), 1)], 2, 40.0),
            ("one alone", &[("a on x", Some(8.0), 1)], 4, 8.0),
        ] {
            let found = estimate(cases, jobs);
            assert_eq!(found.left_s(0.0), expected_s, "{name}");
            assert_eq!(found.turns(), cases.iter().map(|case| case.2).sum::<usize>(), "{name}");
        }
    }

    #[test]
    fn what_runs_is_taken_off_as_far_as_it_is_gone() {
        let mut found = estimate(&[("a on x", Some(10.0), 1), ("b on x", Some(5.0), 1)], 1);
        found.started("a on x", 1.0);
        for (now_s, expected_s) in [(1.0, 15.0), (5.0, 11.0), (11.0, 5.0), (99.0, 5.0)] {
            assert_eq!(found.left_s(now_s), expected_s, "{now_s}");
        }
        found.ended("a on x", 11.0, false);
        assert_eq!(found.turns(), 1);
    }

    #[test]
    fn a_run_that_goes_slower_than_those_before_is_believed_by_and_by() {
        let mut found = estimate(&[("a on x", Some(10.0), 10)], 1);
        let mut speeds = Vec::new();
        for turn in 0..9 {
            let began_s = f64::from(turn) * 20.0;
            found.started("a on x", began_s);
            found.ended("a on x", began_s + 20.0, true);
            speeds.push(found.left_s(began_s + 20.0) / (10.0 * found.turns() as f64));
        }
        assert_eq!((speeds[0], speeds[8]), (1.5, 1.9), "after one of ten seconds, half of twice");
        assert!(speeds.is_sorted(), "{speeds:?}");
    }

    #[test]
    fn what_never_ran_is_learnt_from_this_run() {
        let mut found = estimate(&[("a on x", None, 1), ("a on y", None, 1), ("b on x", None, 1)], 1);
        assert_eq!(found.left_s(0.0), 30.0);
        found.started("a on x", 0.0);
        found.ended("a on x", 2.0, false);
        assert_eq!(found.left_s(2.0), 4.0, "one like its model, one like its target");
    }

    #[test]
    fn a_case_that_failed_takes_no_further_turns_and_strangers_change_nothing() {
        let mut found = estimate(&[("a on x", Some(1.0), 6), ("a on y", Some(1.0), 6)], 1);
        found.started("a on x", 0.0);
        found.ended("a on x", 1.0, false);
        assert_eq!((found.turns(), found.left_s(1.0)), (6, 6.0));
        found.started("c on x", 1.0);
        found.ended("c on x", 9.0, true);
        assert_eq!((found.turns(), found.left_s(9.0)), (6, 6.0));
    }
}
