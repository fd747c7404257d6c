//! The table and the document of one fixed report, as somebody reviewed them.

use std::collections::BTreeMap;

use protocol::{Adapter, Verdict};

use super::*;
use crate::origin::{Host, Origin};
use crate::rows::shards::{ShardRun, Shards};
use crate::rows::time_spent::TimeSpent;
use crate::rows::{CaseRow, Measured, NOTES, REFERENCE, Report, Run};
use crate::statistics::{Interval, Summary};

fn measured(metric: &str, summary: (f64, f64, f64), samples: Vec<f64>) -> (String, Measured) {
    let (median, low, high) = summary;
    (
        metric.to_owned(),
        Measured::of(Summary { median, interval: Some(Interval { low, high }), n: 3 }, samples),
    )
}

/// A run that ended well.
pub(crate) fn run() -> Run {
    Run {
        id: "7".to_owned(),
        state: "finished".to_owned(),
        message: None,
        started_at: "2026-01-02T03:04:05.678Z".to_owned(),
        finished_at: None,
        origin: Origin {
            version: "0.1.0".to_owned(),
            commit: None,
            command_line: vec!["parallax".to_owned(), "sweep".to_owned()],
            host: Host {
                name: None,
                os: "linux".to_owned(),
                architecture: "x86_64".to_owned(),
                logical_cpus: 2,
            },
        },
    }
}

/// A case that went well.
pub(crate) fn passed() -> CaseRow {
    CaseRow {
        model: "bert-tiny".to_owned(),
        target: "webgpu@chrome".to_owned(),
        actual_target: Some("webgpu@chrome".to_owned()),
        verdict: Verdict::Pass,
        message: None,
        max_abs_error: Some(1.192_092_9e-7),
        tolerance: 1e-4,
        adapter_choice: "default".to_owned(),
        software_though_hardware: false,
        adapter: Some(Adapter {
            vendor: "google".to_owned(),
            architecture: "swiftshader".to_owned(),
            software: true,
            ..Adapter::default()
        }),
        metrics: BTreeMap::from([
            measured("load_ms", (12.345, 12.345, 12.345), vec![12.345]),
            measured("compile_ms", (1234.5, 1234.5, 1234.5), vec![1234.5]),
            measured("first_inference_ms", (0.4567, 0.4567, 0.4567), vec![0.4567]),
            measured("latency_ms", (9.996, 9.5, 11.0), vec![9.5, 9.996, 11.0]),
            measured("throughput_per_s", (100.04, 90.9, 105.3), vec![]),
        ]),
        case_key: "0123456789abcdef".to_owned(),
        precision: "fp32".to_owned(),
        batch: 1,
        dimensions: BTreeMap::new(),
        features_off: String::new(),
        concurrency: 1,
        round: None,
        round_position: None,
        started_at: "2026-01-02T03:04:05.678Z".to_owned(),
        finished_at: "2026-01-02T03:04:06.789Z".to_owned(),
        checks: vec![],
        fallback_nodes: vec![],
        features: BTreeMap::from([("kick".to_owned(), "on".to_owned())]),
    }
}

fn failed(target: &str, verdict: Verdict, message: &str) -> CaseRow {
    CaseRow {
        target: target.to_owned(),
        actual_target: None,
        verdict,
        message: Some(message.to_owned()),
        max_abs_error: None,
        adapter: None,
        metrics: BTreeMap::new(),
        features: BTreeMap::new(),
        ..passed()
    }
}

fn report() -> Report {
    let missing = "no Edge was found; install it";
    Report {
        run: run(),
        shards: None,
        cases: vec![
            passed(),
            failed("webgpu@edge", Verdict::Unavailable, missing),
            failed("wasm@edge", Verdict::Unavailable, missing),
            failed("webgpu@firefox", Verdict::Crash, "the tab died\nits last words: none"),
        ],
        time_spent: Some(TimeSpent {
            total_ms: 5000.0,
            parts_ms: vec![("driver", 120.0), ("compile", 3000.0), ("closing", 0.1), ("inferences", 1800.0)],
            harness_ms: 80.0,
            harness_ms_a_case: Some(20.0),
        }),
    }
}

const TABLE: &str = "\
model      target          verdict      max error     load  compile   first        latency [95 %]  throughput  ran on
───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
bert-tiny  webgpu@chrome   pass           1.19e-7  12.3 ms   1.23 s  457 µs  10.0 ms [9.50, 11.0]      100 /s  google swiftshader, software
bert-tiny  webgpu@edge     unavailable          –        –        –       –                     –           –  –
bert-tiny  wasm@edge       unavailable          –        –        –       –                     –           –  –
bert-tiny  webgpu@firefox  crash                –        –        –       –                     –           –  –

bert-tiny on webgpu@edge (unavailable), bert-tiny on wasm@edge (unavailable):
  no Edge was found; install it

bert-tiny on webgpu@firefox (crash):
  the tab died
  its last words: none

5.00 s: compile 3.00 s, inferences 1.80 s, driver 120 ms, harness 80.0 ms, 20.0 ms a case
run 7 finished: 1 pass, 2 unavailable, 1 crash";

#[test]
fn the_table_reads_like_this() {
    let table = render(&report(), false);
    assert_eq!(table, TABLE, "\n{table}");
}

#[test]
fn a_success_that_left_something_out_says_so() {
    let closing = |cases: Vec<CaseRow>| {
        let table = render(&Report { cases, ..report() }, false);
        table.lines().last().unwrap_or_default().to_owned()
    };
    let lacks = || failed("wasm@edge", Verdict::Unsupported, "it has no sorting");
    for (name, cases, expected) in [
        ("all ran", vec![passed()], "run 7 finished: 1 pass"),
        (
            "one did not",
            vec![passed(), lacks()],
            "run 7 finished: 1 pass, 1 unsupported; nothing failed, but 1 of 2 cases did not run as asked",
        ),
        ("none ran, and the exit code says so", vec![lacks()], "run 7 finished: 1 unsupported"),
    ] {
        assert_eq!(closing(cases), expected, "{name}");
    }
}

#[test]
fn control_characters_are_shown_in_the_table_and_colours_stay() {
    let mut case = failed("webgpu@chrome", Verdict::Error, "node \u{1b}[2J\u{9b}1m\r: wrong\nsecond line");
    case.model = "a\u{1b}]0;b\u{7}".to_owned();
    case.adapter = Some(Adapter { vendor: "v\u{8}".to_owned(), ..Adapter::default() });
    let report = Report { cases: vec![case], ..report() };
    let plain = render(&report, false);
    assert!(!plain.chars().any(|c| c.is_control() && c != '\n'), "{plain:?}");
    for part in ["a\\u001b]0;b\\u0007", "node \\u001b[2J\\u009b1m\\u000d: wrong\n  second line", "v\\u0008"] {
        assert!(plain.contains(part), "no {part} in {plain}");
    }
    assert_eq!(console::strip_ansi_codes(&render(&report, true)), plain);
}

#[test]
fn colour_marks_the_verdicts_alone() {
    let plain = render(&report(), false);
    let coloured = render(&report(), true);
    assert!(!plain.contains('\u{1b}') && coloured.contains("\u{1b}[32mpass"), "{coloured}");
    assert_eq!(console::strip_ansi_codes(&coloured), plain);
}

#[test]
fn what_generates_brings_two_columns_of_its_own() {
    let heads = |report: &Report| table::render(report, false).lines().next().unwrap_or_default().to_owned();
    let mut report = report();
    assert!(!heads(&report).contains("first token"));
    let first_token = measured("time_to_first_token_ms", (4.2, 4.0, 4.4), vec![]);
    let tokens = measured("tokens_per_s", (312.0, 300.0, 320.0), vec![]);
    report.cases[0].metrics.extend([first_token, tokens]);
    assert!(heads(&report).contains("throughput  first token  tokens  ran on"), "{}", heads(&report));
    let table = table::render(&report, false);
    let row = table.lines().nth(2).unwrap();
    assert!(row.contains("4.20 ms  312 /s"), "{row}");
}

#[test]
fn what_was_not_checked_against_pytorch_says_against_what() {
    let mut report = report();
    report.cases[0].features.insert(REFERENCE.to_owned(), "onnxruntime:cpu 1.31.1".to_owned());
    let table = table::render(&report, false);
    let mut lines = table.lines();
    assert!(lines.next().unwrap().contains("verdict      against                 max error"), "{table}");
    assert!(lines.nth(1).unwrap().contains("pass         onnxruntime:cpu 1.31.1    1.19e-7"), "{table}");
}

#[test]
fn an_answer_from_elsewhere_shows_where_it_came_from() {
    let case = CaseRow { actual_target: Some("wasm@chrome".to_owned()), ..passed() };
    let table = render(&Report { cases: vec![case], ..report() }, false);
    assert!(table.contains("wasm@chrome: google swiftshader, software"), "{table}");
}

#[test]
fn the_document_has_the_fields_it_promises() {
    let document: serde_json::Value = serde_json::from_str(&document(&report())).unwrap();
    let case = &document["cases"][0];
    let expected = serde_json::json!({
        "model": "bert-tiny", "target": "webgpu@chrome", "actual_target": "webgpu@chrome", "verdict": "pass",
        "adapter_choice": "default", "software_though_hardware": false,
        "message": null, "max_abs_error": 1.192_092_9e-7, "tolerance": 1e-4,
        "adapter": {"vendor": "google", "architecture": "swiftshader", "device": "", "description": "",
                    "backend": "", "software": true, "features": [], "limits": {}},
        "metrics": {
            "load_ms": {"median": 12.345, "low": 12.345, "high": 12.345, "n": 3, "samples": [12.345]},
            "compile_ms": {"median": 1234.5, "low": 1234.5, "high": 1234.5, "n": 3, "samples": [1234.5]},
            "first_inference_ms": {"median": 0.4567, "low": 0.4567, "high": 0.4567, "n": 3, "samples": [0.4567]},
            "latency_ms": {"median": 9.996, "low": 9.5, "high": 11.0, "n": 3, "samples": [9.5, 9.996, 11.0]},
            "throughput_per_s": {"median": 100.04, "low": 90.9, "high": 105.3, "n": 3},
        },
        "case_key": "0123456789abcdef", "precision": "fp32", "batch": 1, "dimensions": {}, "features_off": "", "concurrency": 1,
        "started_at": "2026-01-02T03:04:05.678Z", "finished_at": "2026-01-02T03:04:06.789Z",
        "checks": [], "features": {"kick": "on"},
    });
    assert_eq!(case, &expected);
    assert_eq!(document["run"]["host"]["logical_cpus"], 2);
    let crash = &document["cases"][3];
    assert_eq!((&crash["verdict"], &crash["adapter"]), (&"crash".into(), &serde_json::Value::Null));
}

#[test]
fn what_is_varied_has_a_column_and_a_name_in_messages() {
    let dimensions = BTreeMap::from([("batch".to_owned(), 4), ("sequence".to_owned(), 128)]);
    let varied = CaseRow { dimensions, features_off: "-tuned".to_owned(), ..passed() };
    let failed = CaseRow { verdict: Verdict::Crash, message: Some("it died".to_owned()), ..varied.clone() };
    let table = render(&Report { cases: vec![varied, passed(), failed], ..report() }, false);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("model      variant                      target"), "{table}");
    assert!(lines[2].starts_with("bert-tiny  batch=4 sequence=128 -tuned  webgpu@chrome  pass"), "{table}");
    assert!(lines[3].starts_with("bert-tiny  –                            webgpu@chrome  pass"), "{table}");
    assert!(table.contains("bert-tiny batch=4 sequence=128 -tuned on webgpu@chrome (crash):"), "{table}");
}

#[test]
fn an_error_that_is_not_finite_is_null_in_the_document() {
    let case = CaseRow { max_abs_error: Some(f64::INFINITY), ..passed() };
    let document: serde_json::Value =
        serde_json::from_str(&document(&Report { cases: vec![case], ..report() })).unwrap();
    assert_eq!(document["cases"][0]["max_abs_error"], serde_json::Value::Null);
}

#[test]
fn what_has_to_be_known_of_a_row_stands_below_the_table() {
    let mut report = report();
    let check = protocol::OutputCheck::compare(
        "boxes",
        protocol::Scale::One,
        (&[1, 2], &[1.0, 2.5]),
        (&[1, 2], &[1.0, 2.0]),
    );
    report.cases[0].checks = vec![check];
    report.cases[0].features.insert(NOTES.to_owned(), "one thing\nanother".to_owned());
    report.cases[1].features.insert(NOTES.to_owned(), "another".to_owned());
    let table = render(&report, false);
    assert!(table.contains("max error  at "), "{table}");
    assert!(table.contains("1.19e-7  boxes[0, 1]"), "{table}");
    let notes = "\nbert-tiny on webgpu@chrome (pass):\n  one thing\n\n\
                 bert-tiny on webgpu@chrome (pass), bert-tiny on webgpu@edge (unavailable):\n  another\n";
    assert!(table.contains(notes), "{table}");
}

#[test]
fn an_adapter_that_was_asked_for_has_a_column_and_a_cpu_in_place_of_a_gpu_is_loud() {
    let mut report = report();
    let heads = |report: &Report| render(report, false).lines().next().unwrap_or_default().to_owned();
    assert!(!heads(&report).contains("adapter"), "{}", heads(&report));
    report.cases[0].adapter_choice = "swiftshader".to_owned();
    report.cases[1].adapter_choice = "hardware".to_owned();
    report.cases[0].software_though_hardware = true;
    let table = render(&report, false);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].contains("target          adapter      verdict"), "{table}");
    assert!(lines[2].contains("webgpu@chrome   swiftshader  pass"), "{table}");
    assert!(lines[2].ends_with("google swiftshader, software THOUGH THERE IS A GPU"), "{table}");
    assert!(lines[5].contains("webgpu@firefox  –            crash"), "{table}");
    assert!(table.contains("bert-tiny on webgpu@edge (hardware, unavailable)"), "{table}");
}

#[test]
fn the_closing_line_says_which_shards_of_a_sweep_are_here() {
    let shard =
        |number, state: &str| ShardRun { number, id: String::new(), state: state.to_owned(), host: None };
    for (runs, expected) in [
        (vec![shard(1, "finished"), shard(2, "finished"), shard(3, "finished")], "; 3 shards"),
        (vec![shard(2, "finished")], "; shard 2 of 3"),
        (vec![shard(1, "finished"), shard(3, "finished")], "; shards 1, 3 of 3"),
        (vec![shard(1, "interrupted"), shard(2, "finished")], "; shards 1, 2 of 3, shard 1 interrupted"),
    ] {
        let shards = Some(Shards::of(3, runs, vec![]));
        let table = render(&Report { shards, cases: vec![passed()], ..report() }, false);
        let last = table.lines().last().unwrap();
        assert_eq!(last, format!("run 7 finished: 1 pass{expected}"));
    }
    let others = vec![shard(1, "finished"), shard(2, "finished")];
    let shards = Some(Shards::of(3, vec![shard(1, "finished")], others));
    let table = render(&Report { shards, cases: vec![passed()], ..report() }, false);
    assert!(table.contains("\nshard 2 (run ): of this sweep by name, but not in it"), "{table}");
}
