//! The results of the node tests, target by target.

use std::collections::BTreeMap;

use protocol::{Adapter, Tolerance, Verdict};
use serde::Serialize;

use super::Run;
use crate::exit::Exit;

/// One run of node tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Conformance {
    /// The run.
    pub run: Run,
    /// Its targets, in the order asked for.
    pub targets: Vec<TargetRow>,
}

/// One target and what it made of the tests.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetRow {
    /// The target.
    pub target: String,
    /// Which tests: a version, or the folder that the user named.
    pub suite: String,
    /// How far a float may be off.
    pub tolerance: Tolerance,
    /// Why nothing was run, and what to do.
    pub unavailable: Option<String>,
    /// ISO 8601, UTC.
    pub started_at: String,
    /// ISO 8601, UTC; none when the user stopped it.
    pub finished_at: Option<String>,
    /// Seconds between the two.
    pub wall_s: Option<f64>,
    /// The adapter that computed.
    pub adapter: Option<Adapter>,
    /// The session's versions, flags and preferences.
    pub facts: BTreeMap<String, String>,
    /// The operators that the target reads at all; empty when it does not say.
    pub operators: Vec<String>,
    /// Where the time went.
    pub phases_ms: BTreeMap<String, f64>,
    /// Every test, by name.
    pub tests: Vec<TestRow>,
    /// The tests that are not as the list has them that the run was held to.
    pub unexpected: Vec<Unexpected>,
}

/// A test that a target supports though it is not known to, or no longer supports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unexpected {
    /// The test's name.
    pub test: String,
    /// The list's verdict.
    pub expected: Verdict,
    /// The verdict it came to.
    pub found: Verdict,
    /// Why, unless it passed.
    pub message: Option<String>,
}

/// One test on one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestRow {
    /// The test's name.
    pub test: String,
    /// The operators of its nodes; not known of a test that its session died of.
    pub operators: Vec<String>,
    /// Milliseconds from reading it to having its outputs; none where nothing came back.
    pub wall_ms: Option<f64>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, unless it passed.
    pub message: Option<String>,
}

/// Begins the facts about what a target claims and refuses; what it is follows.
pub const REFUSES: &str = "claims but refuses";

/// The three things that a test can come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// It is right.
    Pass,
    /// It is wrong, or there is no answer.
    Fail,
    /// The target lacks something and says what.
    Unsupported,
}

impl TestRow {
    /// The operator it is about: its only one.
    pub fn subject(&self) -> Option<&str> {
        let [operator] = self.operators.as_slice() else { return None };
        Some(operator)
    }

    /// Returns which of the three it came to.
    pub fn sort(&self) -> Sort {
        match self.verdict {
            Verdict::Pass => Sort::Pass,
            Verdict::Unsupported => Sort::Unsupported,
            Verdict::Mismatch
            | Verdict::Unavailable
            | Verdict::Timeout
            | Verdict::Crash
            | Verdict::DeviceLost
            | Verdict::Error => Sort::Fail,
        }
    }
}

impl TargetRow {
    /// The tests that came to this.
    pub fn of(&self, sort: Sort) -> impl Iterator<Item = &TestRow> {
        self.tests.iter().filter(move |test| test.sort() == sort)
    }

    /// How many did.
    pub fn count(&self, sort: Sort) -> usize {
        self.of(sort).count()
    }
}

impl Conformance {
    /// The exit code that goes with it.
    pub fn exit(&self) -> Exit {
        if self.targets.iter().any(|target| !target.unexpected.is_empty()) {
            return Exit::GateFailed;
        }
        let tests = self.targets.iter().flat_map(|target| &target.tests);
        // A test has no place to be unavailable: that its target went away in the middle is a failure.
        Exit::of(tests.map(|test| match test.sort() {
            Sort::Pass => Verdict::Pass,
            Sort::Unsupported => Verdict::Unsupported,
            Sort::Fail => Verdict::Error,
        }))
    }
}
