//! A case's attempts: all trials of one sweep that have its key, and what they come to together. Pure.

use std::collections::HashMap;

use protocol::{Metric, Verdict};

use super::CaseRow;
use crate::statistics::Summary;

/// The trials of one case in one sweep, in the order in which they were begun; there is always one.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempts<'a> {
    first: &'a CaseRow,
    more: Vec<&'a CaseRow>,
}

/// How the attempts at a case came out together.
#[derive(Debug, Clone, PartialEq)]
pub enum Together<'a> {
    /// No attempt went wrong, and one passed at least.
    Passed,
    /// Some passed and some went wrong.
    Flaky {
        /// Those that went wrong.
        wrong: Vec<&'a CaseRow>,
        /// True if the last one to be run passed.
        ended_well: bool,
    },
    /// All that ran went wrong.
    Failed {
        /// All that went wrong after the first that did.
        again: Vec<&'a CaseRow>,
    },
    /// This place cannot run it.
    NotRun,
}

impl<'a> Attempts<'a> {
    /// The attempts at each case, in the order in which cases first occur.
    pub fn of(cases: &'a [CaseRow]) -> Vec<Attempts<'a>> {
        let mut found: Vec<Attempts<'a>> = Vec::new();
        let mut places: HashMap<(&str, &str), usize> = HashMap::new();
        for case in cases {
            let key = (case.case_key.as_str(), case.model.as_str());
            match places.get(&key).and_then(|place| found.get_mut(*place)) {
                Some(attempts) => attempts.more.push(case),
                None => {
                    places.insert(key, found.len());
                    found.push(Attempts { first: case, more: Vec::new() });
                }
            }
        }
        found.into_iter().map(Attempts::in_order).collect()
    }

    /// The matrix has its own order, which is not always the one in which things were run.
    fn in_order(self) -> Attempts<'a> {
        let mut all: Vec<&CaseRow> = self.all().collect();
        all.sort_by(|one, other| one.started_at.cmp(&other.started_at));
        let mut all = all.into_iter();
        match all.next() {
            Some(first) => Attempts { first, more: all.collect() },
            None => self,
        }
    }

    /// All of them, the earliest first.
    pub fn all(&self) -> impl Iterator<Item = &'a CaseRow> {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }

    /// How they came out together.
    pub fn together(&self) -> Together<'a> {
        let wrong: Vec<&CaseRow> = self.all().filter(|case| case.verdict.is_failure()).collect();
        let last_run = self.all().filter(|case| ran(case)).last();
        let passed = self.all().any(|case| case.verdict == Verdict::Pass);
        match (wrong.is_empty(), passed) {
            (true, true) => Together::Passed,
            (true, false) => Together::NotRun,
            (false, false) => Together::Failed { again: wrong.into_iter().skip(1).collect() },
            (false, true) => {
                let ended_well = last_run.is_some_and(|case| case.verdict == Verdict::Pass);
                Together::Flaky { wrong, ended_well }
            }
        }
    }

    /// The attempt that stands for all: the last that passed where it ended well, the last that went wrong where it is flaky
    /// and did not, the first that went wrong where none passed.
    pub fn shown(&self) -> &'a CaseRow {
        let passed = || self.all().filter(|case| case.verdict == Verdict::Pass).last();
        let shown = match self.together() {
            Together::Passed | Together::Flaky { ended_well: true, .. } => passed(),
            Together::Flaky { wrong, ended_well: false } => wrong.last().copied(),
            Together::Failed { .. } => self.all().find(|case| case.verdict.is_failure()),
            Together::NotRun => None,
        };
        shown.unwrap_or(self.first)
    }

    /// A metric of the attempts that passed: of one what it measured, of several the median of their medians.
    pub fn summary(&self, metric: Metric) -> Option<Summary> {
        let of_passed = self.all().filter(|case| case.verdict == Verdict::Pass);
        let found: Vec<Summary> =
            of_passed.filter_map(|case| Some(case.metrics.get(metric.name())?.summary)).collect();
        match &found[..] {
            [one] => Some(*one),
            several => Summary::of(&several.iter().map(|one| one.median).collect::<Vec<_>>()),
        }
    }

    /// Returns whether its verdict fails a sweep.
    pub fn fail(&self) -> bool {
        self.shown().verdict.is_failure()
    }
}

/// Returns whether a case was run, right or wrong.
fn ran(case: &CaseRow) -> bool {
    case.verdict == Verdict::Pass || case.verdict.is_failure()
}

#[cfg(test)]
mod tests {
    use protocol::Verdict::{Crash, Mismatch, Pass, Timeout, Unavailable, Unsupported};

    use super::*;
    use crate::report::tests::passed;

    /// Attempts at one case, a second apart.
    fn attempts(verdicts: &[Verdict]) -> Vec<CaseRow> {
        let case = |(second, verdict): (usize, &Verdict)| CaseRow {
            verdict: *verdict,
            started_at: format!("2026-01-02T03:04:{second:02}.000Z"),
            ..passed()
        };
        verdicts.iter().enumerate().map(case).collect()
    }

    #[test]
    fn flaky_cases_and_reruns_are_told_apart() {
        let told = |together: &Together<'_>| match together {
            Together::Passed => "passed".to_owned(),
            Together::Flaky { wrong, ended_well } => format!("flaky {} {ended_well}", wrong.len()),
            Together::Failed { again } => format!("failed, {} again", again.len()),
            Together::NotRun => "not run".to_owned(),
        };
        for (verdicts, expected, shown, fails) in [
            (&[Pass][..], "passed", Pass, false),
            (&[Pass, Pass, Pass], "passed", Pass, false),
            (&[Pass, Unavailable], "passed", Pass, false),
            (&[Mismatch], "failed, 0 again", Mismatch, true),
            (&[Crash, Mismatch, Timeout], "failed, 2 again", Crash, true),
            (&[Crash, Unavailable], "failed, 0 again", Crash, true),
            (&[Crash, Pass], "flaky 1 true", Pass, false),
            (&[Crash, Timeout, Pass], "flaky 2 true", Pass, false),
            (&[Crash, Pass, Unavailable], "flaky 1 true", Pass, false),
            (&[Pass, Timeout], "flaky 1 false", Timeout, true),
            (&[Mismatch, Pass, Crash], "flaky 2 false", Crash, true),
            (&[Unsupported], "not run", Unsupported, false),
            (&[Unavailable, Unsupported], "not run", Unavailable, false),
        ] {
            let cases = attempts(verdicts);
            let found = Attempts::of(&cases);
            let [one] = &found[..] else { panic!("{verdicts:?}: {found:?}") };
            assert_eq!(told(&one.together()), expected, "{verdicts:?}");
            assert_eq!((one.shown().verdict, one.fail()), (shown, fails), "{verdicts:?}");
        }
    }

    #[test]
    fn attempts_are_taken_in_the_order_in_which_they_were_begun() {
        let mut cases = attempts(&[Crash, Pass]);
        cases.reverse();
        let found = Attempts::of(&cases);
        assert_eq!(found[0].together(), Together::Flaky { wrong: vec![&cases[1]], ended_well: true });
        assert_eq!(found[0].all().map(|case| case.verdict).collect::<Vec<_>>(), [Crash, Pass]);
    }

    #[test]
    fn a_metric_is_that_of_what_passed() {
        let taking = |second: usize, verdict: Verdict, median: f64| {
            let mut case =
                CaseRow { verdict, started_at: format!("2026-01-02T03:04:0{second}.000Z"), ..passed() };
            case.metrics.values_mut().for_each(|measured| measured.summary.median = median);
            case
        };
        for (cases, expected) in [
            (vec![taking(0, Pass, 2.0)], Some((2.0, 3))),
            (vec![taking(0, Crash, 9.0), taking(1, Pass, 2.0)], Some((2.0, 3))),
            (vec![taking(0, Pass, 1.0), taking(1, Pass, 5.0), taking(2, Pass, 3.0)], Some((3.0, 3))),
            (vec![taking(0, Crash, 9.0)], None),
        ] {
            let found = Attempts::of(&cases)[0].summary(Metric::LatencyMs);
            assert_eq!(found.map(|summary| (summary.median, summary.n)), expected);
        }
    }

    #[test]
    fn only_what_has_one_key_and_one_model_is_one_case() {
        let other = |key: &str, model: &str| CaseRow {
            case_key: key.to_owned(),
            model: model.to_owned(),
            verdict: Crash,
            ..passed()
        };
        let cases = [passed(), other("f", "bert-tiny"), other(&passed().case_key, "m"), passed()];
        let found = Attempts::of(&cases);
        let sizes: Vec<usize> = found.iter().map(|attempts| attempts.all().count()).collect();
        assert_eq!(sizes, [2, 1, 1]);
        assert_eq!(Attempts::of(&[]), []);
    }
}
