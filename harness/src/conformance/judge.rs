//! Gives each test of an answered batch its verdict. Pure: the executor compares, this decides.

use protocol::{ConformanceReport, Failure, NodeTestEnd, NodeTestReport, Target, Verdict};

use crate::judge::{actual_target, fell_back};
use crate::rows::conformance::TestRow;

/// One row for each test asked for, whatever the executor answered.
pub fn batch(target: &Target, tests: &[String], report: &ConformanceReport) -> Vec<TestRow> {
    let actual = actual_target(target, report.engine, report.device);
    let fell_back = fell_back(target, &actual);
    let row = |test: &String| {
        let answered = report.tests.iter().find(|answer| answer.test == *test);
        let (verdict, message) = match (&fell_back, answered) {
            (Some((verdict, message)), _) => (*verdict, Some(message.clone())),
            (None, Some(answer)) => judge(answer),
            (None, None) => (Verdict::Error, Some("it was left out of the answer".to_owned())),
        };
        let operators = answered.map(|answer| answer.operators.clone()).unwrap_or_default();
        TestRow {
            test: test.clone(),
            operators,
            wall_ms: answered.map(|answer| answer.wall_ms),
            verdict,
            message,
        }
    };
    tests.iter().map(row).collect()
}

fn judge(answer: &NodeTestReport) -> (Verdict, Option<String>) {
    match &answer.ended {
        NodeTestEnd::Ran { faults } if faults.is_empty() => (Verdict::Pass, None),
        NodeTestEnd::Ran { faults } => (Verdict::Mismatch, Some(faults.join("; "))),
        NodeTestEnd::Failed(Failure { kind, message }) => ((*kind).into(), Some(message.clone())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::{Adapter, Engine, FailureKind};

    use super::*;

    fn report(engine: Engine) -> ConformanceReport {
        let test = |name: &str, ended| NodeTestReport {
            test: name.to_owned(),
            operators: vec!["Add".to_owned()],
            wall_ms: 1.5,
            ended,
        };
        let failed = |kind| NodeTestEnd::Failed(Failure { kind, message: "why".to_owned() });
        let wrong = vec!["output \"y\" is off".to_owned(), "output \"z\" too".to_owned()];
        ConformanceReport {
            engine,
            device: None,
            adapter: Adapter::default(),
            tests: vec![
                test("right", NodeTestEnd::Ran { faults: vec![] }),
                test("wrong", NodeTestEnd::Ran { faults: wrong }),
                test("foreign", failed(FailureKind::Unsupported)),
                test("broken", failed(FailureKind::Error)),
            ],
            refused: BTreeMap::new(),
            operators: vec![],
            phases_ms: BTreeMap::new(),
        }
    }

    #[test]
    fn each_test_asked_for_gets_its_verdict() {
        let target: Target = "webgpu@chrome".parse().unwrap();
        let names = ["right", "wrong", "foreign", "broken", "forgotten"].map(str::to_owned);
        let rows = batch(&target, &names, &report(Engine::Webgpu));
        let got: Vec<_> = rows.iter().map(|row| (row.verdict, row.message.as_deref())).collect();
        let expected = [
            (Verdict::Pass, None),
            (Verdict::Mismatch, Some("output \"y\" is off; output \"z\" too")),
            (Verdict::Unsupported, Some("why")),
            (Verdict::Error, Some("why")),
            (Verdict::Error, Some("it was left out of the answer")),
        ];
        assert_eq!(got, expected);
        assert_eq!((&rows[0].operators[..], rows[0].wall_ms), (&["Add".to_owned()][..], Some(1.5)));
    }

    #[test]
    fn an_answer_from_elsewhere_is_never_a_pass() {
        let target: Target = "webgpu@chrome".parse().unwrap();
        let rows = batch(&target, &["right".to_owned()], &report(Engine::Wasm));
        assert_eq!(rows[0].verdict, Verdict::Error);
        assert!(rows[0].message.as_deref().is_some_and(|message| message.contains("wasm@chrome")));
    }
}
