//! The results of the node tests, target by target: the table, the JSON document, and the list of operators.

mod operators;

use std::collections::BTreeMap;

use console::Style;
use protocol::{Tolerance, Verdict};
use serde_json::{Value, json};

use super::columns::{Align, lay_out};
use crate::adapter::adapter_name;
use crate::number;
use crate::rows::Run;
use crate::rows::conformance::{Conformance, REFUSES, Sort, TargetRow, TestRow, Unexpected};
use crate::screen::shown;

pub use operators::operators;

/// The run as one JSON document, indented: fields are added as needed and never renamed.
pub fn document(found: &Conformance) -> String {
    let targets: Vec<Value> = found.targets.iter().map(target_document).collect();
    format!("{:#}", json!({ "run": found.run, "targets": targets }))
}

fn target_document(target: &TargetRow) -> Value {
    let names: Vec<&str> = target.of(Sort::Fail).map(|test| test.test.as_str()).collect();
    json!({
        "target": target.target,
        "pass": target.count(Sort::Pass),
        "fail": target.count(Sort::Fail),
        "unsupported": target.count(Sort::Unsupported),
        "failing": names,
        "failures": target.of(Sort::Fail).collect::<Vec<_>>(),
        "unexpected": target.unexpected,
        "unsupported_tests": target.of(Sort::Unsupported).collect::<Vec<_>>(),
        "refused": refused(target).map(|(kind, words)| json!({ "call": kind, "words": words })).collect::<Vec<_>>(),
        "unavailable": target.unavailable,
        "suite": target.suite,
        "tolerance": target.tolerance,
        "slowest": slowest(target),
        "started_at": target.started_at,
        "finished_at": target.finished_at,
        "wall_s": target.wall_s,
        "phases_ms": target.phases_ms,
        "adapter": target.adapter,
        "facts": target.facts,
    })
}

/// Returns what the target claims and refuses to build, and its words.
fn refused(target: &TargetRow) -> impl Iterator<Item = (&str, &str)> {
    target.facts.iter().filter_map(|(name, words)| Some((name.strip_prefix(REFUSES)?.trim(), words.as_str())))
}

/// The tests that took longest, longest first.
fn slowest(target: &TargetRow) -> Vec<Value> {
    const SHOWN: usize = 5;
    let mut timed: Vec<(f64, &str)> =
        target.tests.iter().filter_map(|test| Some((test.wall_ms?, test.test.as_str()))).collect();
    timed.sort_by(|a, b| b.0.total_cmp(&a.0));
    timed.truncate(SHOWN);
    timed.into_iter().map(|(wall_ms, test)| json!({ "test": test, "wall_ms": wall_ms })).collect()
}

/// The table, the failing tests and what is not supported. Colours only when `colour`.
pub fn render(found: &Conformance, colour: bool) -> String {
    let heads = [
        ("target", Align::Left),
        ("pass", Align::Right),
        ("fail", Align::Right),
        ("unsupported", Align::Right),
        ("time", Align::Right),
        ("ran on", Align::Left),
    ];
    let rows: Vec<Vec<String>> = found.targets.iter().map(|target| row(target, colour)).collect();
    let mut lines = lay_out(&heads, &rows);
    type Say = fn(&TargetRow) -> Option<String>;
    let says: [Say; 5] = [failures, unexpected, |target| target.unavailable.clone(), unsupported, refusals];
    let said = says.into_iter().flat_map(|say| paragraphs(&found.targets, say));
    lines.extend(said.map(|paragraph| shown(&paragraph)));
    lines.push(String::new());
    lines.push(closing(found));
    lines.join("\n")
}

fn row(target: &TargetRow, colour: bool) -> Vec<String> {
    let count = |sort, style: Style| {
        let count = target.count(sort);
        style.force_styling(colour && count > 0).apply_to(count).to_string()
    };
    vec![
        shown(&target.target),
        count(Sort::Pass, Style::new().green()),
        count(Sort::Fail, Style::new().red().bold()),
        count(Sort::Unsupported, Style::new().yellow()),
        target.wall_s.map_or("–".to_owned(), |seconds| number::time(seconds * 1e3)),
        match (&target.unavailable, &target.adapter) {
            (Some(_), _) => "unavailable".to_owned(),
            (None, Some(adapter)) => shown(&adapter_name(adapter)),
            (None, None) => "–".to_owned(),
        },
    ]
}

/// Returns what there is to say of each target; targets of which the same is to be said share a paragraph.
fn paragraphs(targets: &[TargetRow], say: impl Fn(&TargetRow) -> Option<String>) -> Vec<String> {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for target in targets {
        let Some(text) = say(target) else { continue };
        match said.iter_mut().find(|(known, _)| *known == text) {
            Some((_, names)) => names.push(&target.target),
            None => said.push((text, vec![&target.target])),
        }
    }
    let paragraph = |(text, names): (String, Vec<&str>)| {
        format!("\n{}:\n  {}", names.join(", "), text.replace('\n', "\n  "))
    };
    said.into_iter().map(paragraph).collect()
}

fn failures(target: &TargetRow) -> Option<String> {
    let line = |test: &TestRow| {
        let message = test.message.as_deref().unwrap_or_default();
        format!("{} {}: {message}", test.verdict.name(), test.test)
    };
    let lines: Vec<String> = target.of(Sort::Fail).map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn unexpected(target: &TargetRow) -> Option<String> {
    let line = |Unexpected { test, expected, found, message }: &Unexpected| {
        let reason = message.as_ref().map_or(String::new(), |message| format!(": {message}"));
        format!(
            "{test} is {} on the list of what is expected, and now {}{reason}",
            expected.name(),
            found.name()
        )
    };
    let mut lines: Vec<String> = target.unexpected.iter().map(line).collect();
    if target.unexpected.iter().any(|unexpected| unexpected.found == Verdict::Pass) {
        lines.push("what passes now goes on the list with --update".to_owned());
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// How many tests of which operators are not supported.
fn unsupported(target: &TargetRow) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for test in target.of(Sort::Unsupported) {
        *counts.entry(test.subject().unwrap_or("(several operators)")).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(operator, count)| format!("{operator} {count}")).collect();
    (!counts.is_empty()).then(|| format!("not supported: {}", counts.join(", ")))
}

fn refusals(target: &TargetRow) -> Option<String> {
    let lines: Vec<String> =
        refused(target).map(|(kind, words)| format!("claims but refuses to build {kind}: {words}")).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn closing(found: &Conformance) -> String {
    let Run { id, state, .. } = &found.run;
    let Some(target) = found.targets.first() else { return format!("run {id} {state}: no target") };
    let Tolerance { relative, absolute } = target.tolerance;
    let suite = if target.suite.is_empty() { "no tests" } else { &target.suite };
    format!(
        "run {id} {state}: {suite}; floats within {absolute:e} * scale + {relative:e} * |expected|, all else exactly"
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use protocol::Adapter;

    use crate::exit::Exit;
    use crate::report::tests::run;

    fn test(name: &str, operators: &[&str], verdict: Verdict) -> TestRow {
        let message = (verdict != Verdict::Pass).then(|| format!("why {name}"));
        let operators = operators.iter().map(|operator| (*operator).to_owned()).collect();
        TestRow { test: name.to_owned(), operators, wall_ms: Some(2.5), verdict, message }
    }

    fn target(name: &str, tests: Vec<TestRow>) -> TargetRow {
        TargetRow {
            target: name.to_owned(),
            suite: "ONNX 1.22.0".to_owned(),
            tolerance: Tolerance { relative: 1e-3, absolute: 1e-6 },
            unavailable: None,
            started_at: "2026-11-21T00:00:00.000Z".to_owned(),
            finished_at: Some("2026-11-21T00:01:15.000Z".to_owned()),
            wall_s: Some(75.0),
            adapter: Some(Adapter { vendor: "google".to_owned(), software: true, ..Adapter::default() }),
            facts: BTreeMap::new(),
            operators: vec!["Add".to_owned(), "com.microsoft.Gelu".to_owned()],
            phases_ms: BTreeMap::new(),
            tests,
            unexpected: vec![],
        }
    }

    /// Two targets that ran and one that could not.
    pub(crate) fn found() -> Conformance {
        let run = run();
        let tests = |wrong| {
            vec![
                test("test_add", &["Add"], Verdict::Pass),
                test("test_add_bcast", &["Add"], wrong),
                test("test_adam", &["Adam"], Verdict::Unsupported),
                test("test_gelu_expanded", &["Erf", "Mul"], Verdict::Unsupported),
            ]
        };
        let absent = TargetRow {
            unavailable: Some("no Edge; install it".to_owned()),
            adapter: None,
            wall_s: Some(0.5),
            operators: vec![],
            ..target("webgpu@edge", vec![])
        };
        let targets = vec![
            target("webgpu@chrome", tests(Verdict::Mismatch)),
            target("wgpu:vulkan", tests(Verdict::Pass)),
            absent,
        ];
        Conformance { run, targets }
    }

    #[test]
    fn the_table_counts_and_names_what_fails() {
        let expected = "\
target         pass  fail  unsupported    time  ran on
────────────────────────────────────────────────────────────────
webgpu@chrome     1     1            2  75.0 s  google, software
wgpu:vulkan       2     0            2  75.0 s  google, software
webgpu@edge       0     0            0  500 ms  unavailable

webgpu@chrome:
  mismatch test_add_bcast: why test_add_bcast

webgpu@edge:
  no Edge; install it

webgpu@chrome, wgpu:vulkan:
  not supported: (several operators) 1, Adam 1

run 7 finished: ONNX 1.22.0; floats within 1e-6 * scale + 1e-3 * |expected|, all else exactly";
        assert_eq!(render(&found(), false), expected);
    }

    #[test]
    fn the_document_has_counts_names_and_reasons() {
        let document: Value = serde_json::from_str(&document(&found())).unwrap();
        let [chrome, vulkan, edge] = [0, 1, 2].map(|index| document["targets"][index].clone());
        let counts =
            |target: &Value| ["pass", "fail", "unsupported"].map(|key| target[key].as_u64().unwrap());
        assert_eq!([&chrome, &vulkan, &edge].map(counts), [[1, 1, 2], [2, 0, 2], [0, 0, 0]]);
        assert_eq!(chrome["failing"], json!(["test_add_bcast"]));
        assert_eq!(chrome["failures"][0]["message"], "why test_add_bcast");
        assert_eq!(chrome["unsupported_tests"][0]["operators"], json!(["Adam"]));
        assert_eq!(chrome["tolerance"], json!({ "relative": 1e-3, "absolute": 1e-6 }));
        assert_eq!(edge["unavailable"], "no Edge; install it");
    }

    #[test]
    fn the_exit_code_follows_the_worst_test() {
        let found = found();
        let exit = |indices: &[usize]| {
            let targets = indices.iter().map(|&index| found.targets[index].clone()).collect();
            Conformance { run: found.run.clone(), targets }.exit()
        };
        assert_eq!(exit(&[0, 1, 2]), Exit::GateFailed);
        assert_eq!(exit(&[1, 2]), Exit::Success);
        assert_eq!(exit(&[2]), Exit::NothingRan);
    }

    #[test]
    fn what_is_not_as_expected_is_told_and_fails() {
        let mut found = found();
        let pass = |test: &str| Unexpected {
            test: test.to_owned(),
            expected: Verdict::Unsupported,
            found: Verdict::Pass,
            message: None,
        };
        let lost = Unexpected { message: Some("no sorting".to_owned()), ..pass("test_adam") };
        let lost = Unexpected { expected: Verdict::Pass, found: Verdict::Unsupported, ..lost };
        found.targets.remove(0);
        found.targets[0].unexpected = vec![pass("test_add"), lost];
        assert_eq!(found.exit(), Exit::GateFailed);
        let text = render(&found, false);
        let expected = "\
wgpu:vulkan:
  test_add is unsupported on the list of what is expected, and now pass
  test_adam is pass on the list of what is expected, and now unsupported: no sorting
  what passes now goes on the list with --update
";
        assert!(text.contains(expected), "{text}");
        let document: Value = serde_json::from_str(&document(&found)).unwrap();
        assert_eq!(document["targets"][0]["unexpected"][0]["expected"], "unsupported");
    }
}
