//! Files in a store: once, whole, and as they were.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use protocol::Verdict;

use super::*;
use crate::origin::{Host, Origin};

fn count(store: &Store, from: &str) -> i64 {
    store.connection.query_row(&format!("select count(*) from {from}"), [], |row| row.get(0)).unwrap()
}

fn id(number: u32) -> String {
    format!("01900000-0000-7000-8000-{number:012}")
}

fn trial(number: u32, key: &str, model: &str) -> ArrivedTrial {
    let at = UNIX_EPOCH + Duration::from_secs(number.into());
    ArrivedTrial {
        at: format!("runs[0].trials[{number}]"),
        id: id(number),
        case: ArrivedCase {
            key: key.to_owned(),
            version: 0,
            model: model.to_owned(),
            family: Some("bert".to_owned()),
            modality: None,
            target: "webgpu@chrome".parse().unwrap(),
            precision: "fp32".to_owned(),
            batch: 2,
            adapter_choice: None,
            features_off: None,
            dimensions: None,
        },
        actual_target: Some("webgpu@chrome".parse().unwrap()),
        verdict: Verdict::Pass,
        message: Some("nul \0 and 'quote'".to_owned()),
        tolerance: 1e-3,
        concurrency: 1,
        round: None,
        started_at: at,
        finished_at: at,
        adapter: None,
        checks: Vec::new(),
        fallback_nodes: Vec::new(),
        samples: vec![Samples {
            metric: Metric::LatencyMs,
            phase: Phase::Measured,
            values: vec![1.0, 3.0, 2.0],
        }],
        features: BTreeMap::from([("browser_version".to_owned(), "156".to_owned())]),
    }
}

fn run(number: u32, trials: Vec<ArrivedTrial>) -> Arrival {
    let host =
        Host { name: None, os: "linux".to_owned(), architecture: "x86_64".to_owned(), logical_cpus: 2 };
    Arrival {
        id: id(number),
        state: "finished".to_owned(),
        message: None,
        started_at: UNIX_EPOCH,
        finished_at: None,
        origin: Origin { version: "lab".to_owned(), commit: None, command_line: vec![], host },
        trials,
    }
}

fn counts(loaded: &ImportedFile) -> (u64, u64, u64, usize) {
    (loaded.runs, loaded.trials, loaded.already, loaded.skipped.len())
}

#[test]
fn what_is_there_is_not_added_again_and_what_is_new_joins_its_run() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let two = vec![trial(1, "a", "m"), trial(2, "a", "m")];
    let three = [two.clone(), vec![trial(3, "b", "n")]].concat();
    for (runs, expected) in [
        (vec![run(9, two.clone())], (1, 2, 0, 0)),
        (vec![run(9, two.clone())], (0, 0, 2, 0)),
        (vec![run(9, three.clone())], (0, 1, 2, 0)),
        (vec![run(9, three), run(8, vec![])], (0, 0, 3, 0)),
    ] {
        assert_eq!(counts(&store.load("lab.json", &runs).unwrap()), expected);
    }
    assert_eq!(count(&store, "runs where imported_from = 'lab.json' and kind = 'sweep'"), 1);
    assert_eq!(
        count(&store, "results where latency_ms = 2 and throughput_per_s = 1000 and browser_version = '156'"),
        3
    );
    assert_eq!(
        count(&store, "trials where position = 2 and message = 'nul ' || chr(0) || ' and ''quote'''"),
        1
    );
    assert_eq!(count(&store, "web_platform_tests where model_type = 'bert' and latency_ms = 2"), 3);
}

#[test]
fn a_key_of_another_case_is_left_out_and_what_fails_leaves_nothing() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let loaded = store.load("x", &[run(9, vec![trial(1, "a", "m"), trial(2, "a", "another")])]).unwrap();
    assert_eq!(counts(&loaded), (1, 1, 0, 1));
    assert_eq!(loaded.skipped[0].at, "runs[0].trials[2]");
    // An identifier that a trial of another run has.
    let clash = [run(7, vec![trial(5, "c", "n"), trial(1, "a", "m")])];
    assert!(store.load("x", &clash).is_err());
    assert_eq!((count(&store, "runs"), count(&store, "trials"), count(&store, "cases")), (1, 1, 1));
}
