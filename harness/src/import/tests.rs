//! What documents hold, record by record: what is right goes in, and each fault is named with its place.

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::cli::OutputArgs;

/// A trial that is right.
fn trial() -> Value {
    json!({
        "model": "bert-tiny", "family": "bert", "modality": "text", "target": "webgpu@chrome", "precision": "fp16",
        "batch": 2, "verdict": "pass", "started_at": "2026-01-02T03:04:06Z", "finished_at": "2026-01-02T03:04:07Z",
        "adapter": { "vendor": "nvidia", "device": "card", "backend": "webgpu", "limits": { "maxBufferSize": 5 } },
        "tolerance": 1e-3, "concurrency": 1, "browser_version": "156.0",
        "metrics": [
            { "metric": "latency", "unit": "s", "values": [0.010, 0.012, 0.011] },
            { "metric": "device_memory", "unit": "MiB", "values": [2] }
        ],
        "features": { "power": "plugged in" }
    })
}

/// A trial with one field changed, or taken away.
fn changed(field: &str, value: Value) -> Value {
    let mut trial = trial();
    match value {
        Value::Null => trial.as_object_mut().unwrap().remove(field),
        value => trial.as_object_mut().unwrap().insert(field.to_owned(), value),
    };
    trial
}

fn run(trials: Vec<Value>) -> Value {
    json!({ "started_at": "2026-01-02T03:04:05+00:00", "finished_at": "2026-01-02T03:05:05Z", "version": "lab 7",
        "host": { "name": "here", "os": "linux", "architecture": "x86_64", "logical_cpus": 8 }, "trials": trials })
}

fn document(runs: Vec<Value>) -> Value {
    json!({ "parallax_import": 1, "source": "lab", "runs": runs })
}

fn found(document: Value) -> Found {
    super::document::found(document).unwrap()
}

#[test]
fn a_record_that_is_right_says_what_it_knows() {
    let found = found(document(vec![run(vec![trial()])]));
    assert_eq!(found.skipped, []);
    let [run] = &found.runs[..] else { panic!("{found:?}") };
    assert_eq!((run.origin.version.as_str(), run.origin.host.logical_cpus), ("lab 7", 8));
    let [trial] = &run.trials[..] else { panic!("{run:?}") };
    let values: Vec<_> =
        trial.samples.iter().map(|series| (series.metric.name(), &series.values[..])).collect();
    assert_eq!(values, [("latency_ms", &[10.0, 12.0, 11.0][..]), ("device_memory_bytes", &[2_097_152.0])]);
    assert_eq!(
        (trial.case.precision.as_str(), trial.case.batch, trial.case.features_off.is_none()),
        ("fp16", 2, true)
    );
    assert_eq!(trial.adapter.as_ref().map(|adapter| adapter.device.as_str()), Some("card"));
    assert_eq!(
        (trial.features["browser_version"].as_str(), trial.features["power"].as_str()),
        ("156.0", "plugged in")
    );
    assert_eq!(trial.finished_at.duration_since(trial.started_at).unwrap().as_secs(), 1);
}

#[test]
fn little_is_needed_of_a_record() {
    let least = json!({ "model": "m", "target": "onnxruntime:cpu", "verdict": "crash" });
    let found = found(
        json!({ "parallax_import": 1, "runs": [{ "started_at": "2026-01-02T03:04:05Z", "trials": [least] }] }),
    );
    assert_eq!(found.skipped, []);
    let trial = &found.runs[0].trials[0];
    assert_eq!((trial.case.precision.as_str(), trial.case.batch, trial.concurrency), ("fp32", 1, 1));
    assert_eq!((trial.started_at, trial.finished_at), (found.runs[0].started_at, found.runs[0].started_at));
    assert_eq!((&trial.actual_target, trial.samples.len()), (&None, 0));
}

#[test]
fn each_fault_of_a_record_is_named() {
    let latency =
        |unit: &str, values: Value| json!([{ "metric": "latency", "unit": unit, "values": values }]);
    let twice = json!([latency("ms", json!([1]))[0], latency("s", json!([1]))[0]]);
    for (field, value, part) in [
        ("model", Value::Null, "missing field `model`"),
        ("model", json!(" "), "its model has no name"),
        ("model", json!(7), "expected a string"),
        ("target", json!("webgpu"), "write webgpu@chrome"),
        ("target", json!("webgup@chrome"), "did you mean \"webgpu\""),
        ("verdict", json!("passed"), "unknown variant `passed`"),
        ("precision", json!("fp64"), "unknown variant `fp64`"),
        ("batch", json!(0), "its batch is 0"),
        ("batch", json!(-1), "invalid value"),
        ("concurrency", json!(0), "its concurrency is 0"),
        ("tolerance", json!(-1), "its tolerance is -1"),
        ("started_at", json!("yesterday"), "started_at is \"yesterday\", which is no time"),
        ("started_at", json!("1969-12-31T23:59:59Z"), "before 1970"),
        ("finished_at", json!("2026-01-02T03:04:05Z"), "finished before it was started"),
        ("adapter", json!({ "vendor": 1 }), "expected a string"),
        ("adapter", json!({ "name": "x" }), "unknown field `name`"),
        ("features", json!({ "power": 1 }), "expected a string"),
        ("features", json!({ "tuning": "no JSON" }), "its feature tuning is no JSON"),
        ("latency", json!(1), "unknown field `latency`"),
        ("metrics", latency("MB", json!([1])), "latency is not measured in \"MB\""),
        ("metrics", latency("fortnights", json!([1])), "not measured in \"fortnights\""),
        ("metrics", latency("ms", json!([1, -2])), "latency_ms holds -2"),
        ("metrics", latency("ms", json!(["NaN"])), "expected f64"),
        ("metrics", latency("ms", json!([null])), "expected f64"),
        ("metrics", latency("s", json!([1.7e308])), "latency_ms holds inf"),
        ("metrics", latency("ms", json!([])), "latency_ms has no values"),
        (
            "metrics",
            json!([{ "metric": "speed", "unit": "ms", "values": [1] }]),
            "there is no metric \"speed\"",
        ),
        ("metrics", json!([{ "metric": "latency", "values": [1] }]), "missing field `unit`"),
        ("metrics", twice, "latency_ms is there twice"),
    ] {
        let found = found(document(vec![run(vec![trial(), changed(field, value.clone())])]));
        let [Skipped { at, reason }] = &found.skipped[..] else { panic!("{field} {value}: {found:?}") };
        assert!(at == "runs[0].trials[1]" && reason.contains(part), "{field} {value}: {at}: {reason}");
        assert_eq!(found.runs[0].trials.len(), 1, "{field} {value}: the other one stays");
    }
    for (wrong, part) in [
        (json!({ "trials": [] }), "missing field `started_at`"),
        (json!({ "started_at": "2026-01-02T03:04:05Z" }), "no list of trials"),
        (json!({ "started_at": "2026-01-02", "trials": [] }), "which is no time"),
        (
            json!({ "started_at": "2026-01-02T03:04:05Z", "finished_at": "2026-01-02T03:04:04Z", "trials": [] }),
            "before it was started",
        ),
        (json!({ "started_at": "2026-01-02T03:04:05Z", "os": "linux", "trials": [] }), "unknown field `os`"),
        (json!([]), "no list of trials"),
    ] {
        let found = found(document(vec![wrong.clone(), run(vec![trial()])]));
        let [Skipped { at, reason }] = &found.skipped[..] else { panic!("{wrong}: {found:?}") };
        assert!(at == "runs[0]" && reason.contains(part) && found.runs.len() == 1, "{wrong}: {at}: {reason}");
    }
}

#[test]
fn identifiers_and_keys_follow_from_what_a_record_says() {
    let ids = |document: Value| {
        let found = found(document);
        let of = |run: &Arrival| run.trials.iter().map(|trial| trial.id.clone()).collect::<Vec<_>>();
        (
            found.runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>(),
            found.runs.iter().map(of).collect::<Vec<_>>(),
        )
    };
    let one = ids(document(vec![run(vec![trial()])]));
    assert_eq!(one, ids(document(vec![run(vec![trial()])])), "the same file twice");
    let (runs, trials) = ids(document(vec![run(vec![trial(), changed("message", json!("x"))])]));
    assert_eq!((&runs, &trials[0][..1]), (&one.0, &one.1[0][..]), "a trial more is a trial of the same run");
    let (runs, trials) = ids(document(vec![run(vec![trial(), trial()]), run(vec![trial()])]));
    assert!(runs[0] != runs[1] && trials[0][0] != trials[0][1], "what is alike to the letter is there twice");
    let mut other = document(vec![run(vec![trial()])]);
    other["source"] = json!("another lab");
    assert_ne!(ids(other).0, one.0);

    let key = |field: &str, value: Value| {
        found(document(vec![run(vec![changed(field, value)])])).runs[0].trials[0].case.key.clone()
    };
    let original = key("message", json!("x"));
    for (field, value, expected) in [
        ("started_at", json!("2026-01-02T03:04:05.5Z"), true),
        ("browser_version", json!("157"), true),
        ("model", json!("bert"), false),
        ("target", json!("webgpu@firefox"), false),
        ("precision", json!("fp32"), false),
        ("batch", json!(1), false),
        ("family", Value::Null, false),
    ] {
        assert_eq!(key(field, value) == original, expected, "{field}");
    }
}

#[test]
fn a_file_that_is_no_document_is_told_from_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.json");
    for (text, part) in [
        ("", "it is no JSON"),
        ("{\"parallax_import\": 1", "it is no JSON"),
        ("[1]", "it is neither"),
        ("{}", "it is neither"),
        ("{\"parallax_import\": 1}", "missing field `runs`"),
        ("{\"parallax_import\": 2, \"runs\": []}", "it is of version 2, and this Parallax reads 1"),
        ("{\"parallax_import\": 1, \"runs\": [], \"run\": 1}", "unknown field `run`"),
        ("{\"run\": {}, \"cases\": []}", "no document of `parallax sweep --json`"),
        ("{\"parallax_import\": 1, \"runs\": [{\"x\": 1e999}]}", "it is no JSON"),
    ] {
        fs::write(&path, text).unwrap();
        let reason = read(&path).unwrap_err();
        assert!(reason.contains(part), "{text}: {reason}");
    }
    assert!(read(folder.path()).unwrap_err().contains("it cannot be read"));
}

#[test]
fn the_exit_code_says_whether_all_of_it_is_in() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: String| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let right = file("right.json", document(vec![run(vec![trial()])]).to_string());
    let partly = file("partly.json", document(vec![run(vec![trial(), json!({})])]).to_string());
    let wrong = file("wrong.json", "no JSON".to_owned());
    let db = folder.path().join("x.duckdb");
    for (files, expected) in [
        (vec![&right], Exit::Success),
        (vec![&right, &right], Exit::Success),
        (vec![&partly], Exit::GateFailed),
        (vec![&right, &wrong], Exit::GateFailed),
        (vec![&wrong], Exit::BadRequest),
    ] {
        let output = OutputArgs { db: db.clone(), json: true };
        let args = ImportArgs { files: files.iter().map(|path| (*path).clone()).collect(), output };
        assert_eq!(super::run(&args).unwrap(), expected, "{files:?}");
    }
}
