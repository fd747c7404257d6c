//! A sweep as JUnit XML: a suite for each target, a case for each model on it, its attempts told apart.

use std::io;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use protocol::{Metric, Verdict};
use quick_junit::{
    FlakyOrRerun, NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite,
};

use super::{asked_adapter, elsewhere, message, name};
use crate::adapter::adapter_name;
use crate::error::Error;
use crate::rows::CaseRow;
use crate::rows::attempts::{Attempts, Together};
use crate::rows::published::Published;
use crate::screen::shown;

/// The document.
///
/// # Errors
/// When it cannot be put together.
pub fn render(published: &Published) -> Result<String, Error> {
    let mut report = Report::new("parallax");
    let attempts = published.attempts();
    let mut targets: Vec<&str> = Vec::new();
    for attempts in &attempts {
        let target = attempts.shown().target.as_str();
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    for target in targets {
        report.add_test_suite(suite(target, attempts.iter().filter(|one| one.shown().target == target)));
    }
    report.time = Some(report.test_suites.iter().filter_map(|suite| suite.time).sum());
    report.timestamp = published.runs.iter().filter_map(|run| moment(&run.started_at)).min();
    report.to_string().map_err(|error| Error::Output(io::Error::other(error)))
}

fn suite<'a>(target: &str, cases: impl Iterator<Item = &'a Attempts<'a>>) -> TestSuite {
    let mut suite = TestSuite::new(xml(target));
    for attempts in cases {
        suite.add_test_case(test_case(attempts));
        let began = attempts.all().filter_map(|case| moment(&case.started_at)).min();
        suite.timestamp = [suite.timestamp, began].into_iter().flatten().min();
    }
    suite.time = Some(suite.test_cases.iter().filter_map(|case| case.time).sum());
    suite
}

fn test_case(attempts: &Attempts<'_>) -> TestCase {
    let case = attempts.shown();
    let named = match asked_adapter(case) {
        Some(adapter) => format!("{} ({adapter})", name(case)),
        None => name(case),
    };
    let mut test = TestCase::new(xml(&named), status(attempts));
    test.set_classname(xml(&case.target)).set_time(took(case));
    test.timestamp = moment(&case.started_at);
    test.add_properties(properties(attempts));
    test
}

fn status(attempts: &Attempts<'_>) -> TestCaseStatus {
    let case = attempts.shown();
    let mut status = match attempts.together() {
        Together::Passed => TestCaseStatus::success(),
        Together::NotRun => TestCaseStatus::skipped(),
        Together::Failed { again } => {
            let mut status = TestCaseStatus::non_success(kind(case.verdict));
            status.add_reruns(again.into_iter().map(rerun));
            status
        }
        Together::Flaky { wrong, ended_well: true } => {
            let mut status = TestCaseStatus::success();
            status.add_reruns(wrong.into_iter().map(rerun));
            status
        }
        Together::Flaky { wrong, ended_well: false } => {
            let mut status = TestCaseStatus::non_success(kind(case.verdict));
            let earlier = wrong.len().saturating_sub(1);
            status.set_rerun_kind(FlakyOrRerun::Flaky).add_reruns(wrong.into_iter().take(earlier).map(rerun));
            status
        }
    };
    status
        .set_message(xml(first_line(case)))
        .set_type(case.verdict.name())
        .set_description(xml(message(case)));
    status
}

fn rerun(case: &CaseRow) -> TestRerun {
    let mut rerun = TestRerun::new(kind(case.verdict));
    rerun
        .set_message(xml(first_line(case)))
        .set_type(case.verdict.name())
        .set_description(xml(message(case)));
    rerun.set_time(took(case));
    rerun.timestamp = moment(&case.started_at);
    rerun
}

/// A wrong answer is a failure; whatever kept a case from answering is an error.
fn kind(verdict: Verdict) -> NonSuccessKind {
    match verdict {
        Verdict::Mismatch => NonSuccessKind::Failure,
        Verdict::Timeout | Verdict::Crash | Verdict::DeviceLost | Verdict::Error => NonSuccessKind::Error,
        // They went not wrong, and are never told of as what did.
        Verdict::Pass | Verdict::Unsupported | Verdict::Unavailable => NonSuccessKind::Error,
    }
}

fn first_line(case: &CaseRow) -> &str {
    message(case).lines().next().unwrap_or_default()
}

fn properties(attempts: &Attempts<'_>) -> Vec<Property> {
    let case = attempts.shown();
    let latency = attempts.summary(Metric::LatencyMs);
    let interval = latency.and_then(|latency| latency.interval);
    let feature = |name: &str| case.features.get(name).cloned();
    let found = [
        ("adapter", case.adapter.as_ref().map(adapter_name)),
        ("software", case.adapter.as_ref().map(|adapter| adapter.software.to_string())),
        ("browser_version", feature("browser_version")),
        ("precision", Some(case.precision.clone())),
        ("max_error", case.max_abs_error.map(|error| error.to_string())),
        ("tolerance", Some(case.tolerance.to_string())),
        ("latency_ms", latency.map(|latency| latency.median.to_string())),
        ("latency_low_ms", interval.map(|interval| interval.low.to_string())),
        ("latency_high_ms", interval.map(|interval| interval.high.to_string())),
        ("ran_on", elsewhere(case).map(str::to_owned)),
        (
            "nodes_elsewhere",
            Some(case.fallback_nodes.len()).filter(|nodes| *nodes > 0).map(|it| it.to_string()),
        ),
        ("attempts", Some(attempts.all().count()).filter(|count| *count > 1).map(|it| it.to_string())),
    ];
    let told = |(name, value): (&str, Option<String>)| Some(Property::new(name, xml(&value?)));
    found.into_iter().filter_map(told).collect()
}

/// How long a case took, all of it.
fn took(case: &CaseRow) -> Duration {
    let ends = moment(&case.started_at).zip(moment(&case.finished_at));
    ends.and_then(|(began, ended)| (ended - began).to_std().ok()).unwrap_or_default()
}

fn moment(at: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(at).ok()
}

/// A text that XML 1.0 can hold (section 2.2): what it cannot is shown as elsewhere. The crate would drop it.
fn xml(text: &str) -> String {
    let [fffe, ffff] = ['\u{fffe}', '\u{ffff}'];
    shown(text).replace(fffe, "\\ufffe").replace(ffff, "\\uffff")
}
