//! What `parallax sweep --json` printed, back as it was: the run and the cases keep their identifiers. Pure.

use std::collections::BTreeMap;

use protocol::{Adapter, FallbackNode, Metric, OutputCheck, Phase, Samples, Target, Verdict};
use serde::Deserialize;
use serde_json::Value;

use super::identity::{following, is_uuid};
use super::{Found, time, units};
use crate::case::KEY_VERSION;
use crate::origin::{Host, Origin};
use crate::rows::arrival::{Arrival, ArrivedCase, ArrivedTrial};
use crate::rows::imported::Skipped;
use crate::turn::Place;

/// What is needed of the document; fields that a later version adds are passed over.
#[derive(Debug, Deserialize)]
struct Document {
    run: RunRecord,
    cases: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct RunRecord {
    id: String,
    state: State,
    message: Option<String>,
    started_at: String,
    finished_at: Option<String>,
    version: String,
    commit: Option<String>,
    command_line: Vec<String>,
    host: HostRecord,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Finished,
    Interrupted,
    Failed,
    /// It was killed.
    Running,
}

#[derive(Debug, Deserialize)]
struct HostRecord {
    name: Option<String>,
    os: String,
    architecture: String,
    logical_cpus: i32,
}

#[derive(Debug, Deserialize)]
struct CaseRecord {
    model: String,
    target: Target,
    actual_target: Option<Target>,
    verdict: Verdict,
    message: Option<String>,
    tolerance: f64,
    adapter_choice: String,
    adapter: Option<Adapter>,
    metrics: BTreeMap<String, MetricRecord>,
    case_key: String,
    precision: String,
    batch: u32,
    dimensions: BTreeMap<String, usize>,
    features_off: String,
    concurrency: u32,
    round: Option<u32>,
    round_position: Option<u32>,
    started_at: String,
    finished_at: String,
    checks: Vec<OutputCheck>,
    #[serde(default)]
    fallback_nodes: Vec<FallbackNode>,
    features: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct MetricRecord {
    #[serde(default)]
    samples: Vec<f64>,
}

/// What a document holds.
pub fn found(document: Value) -> Result<Found, String> {
    let Document { run, cases } = serde_json::from_value(document)
        .map_err(|error| format!("it is no document of `parallax sweep --json`: {error}"))?;
    let mut arrival = arrival(run)?;
    let mut skipped = Vec::new();
    for (number, record) in cases.into_iter().enumerate() {
        let at = format!("cases[{number}]");
        match trial(record, &arrival.id, number, at.clone()) {
            Ok(trial) => arrival.trials.push(trial),
            Err(reason) => skipped.push(Skipped { at, reason }),
        }
    }
    Ok(Found { runs: vec![arrival], skipped })
}

fn arrival(run: RunRecord) -> Result<Arrival, String> {
    if !is_uuid(&run.id) {
        return Err(format!("its run's identifier is \"{}\", which is no UUID", run.id));
    }
    let state = match run.state {
        State::Finished => "finished",
        State::Failed => "failed",
        State::Interrupted | State::Running => "interrupted",
    };
    let HostRecord { name, os, architecture, logical_cpus } = run.host;
    Ok(Arrival {
        id: run.id.to_lowercase(),
        state: state.to_owned(),
        message: run.message,
        started_at: time("started_at", &run.started_at)?,
        finished_at: run.finished_at.map(|text| time("finished_at", &text)).transpose()?,
        origin: Origin {
            version: run.version,
            commit: run.commit,
            command_line: run.command_line,
            host: Host { name, os, architecture, logical_cpus },
        },
        trials: Vec::new(),
    })
}

fn trial(record: Value, run: &str, number: usize, at: String) -> Result<ArrivedTrial, String> {
    let text = record.to_string();
    let record: CaseRecord = serde_json::from_value(record).map_err(|error| error.to_string())?;
    let is_key = record.case_key.bytes().all(|byte| byte.is_ascii_hexdigit()) && record.case_key.len() == 32;
    if !is_key {
        return Err(format!("its key is \"{}\", which is none of Parallax", record.case_key));
    }
    if record.features.get("tuning").is_some_and(|text| serde_json::from_str::<Value>(text).is_err()) {
        return Err("its feature tuning is no JSON".to_owned());
    }
    let started_at = time("started_at", &record.started_at)?;
    let round = record.round.zip(record.round_position);
    Ok(ArrivedTrial {
        at,
        id: following(started_at, &format!("trial {run} {number} {text}")),
        samples: samples(record.metrics)?,
        case: ArrivedCase {
            key: record.case_key,
            version: KEY_VERSION,
            model: record.model,
            family: None,
            modality: None,
            target: record.target,
            precision: record.precision,
            batch: record.batch,
            adapter_choice: Some(record.adapter_choice),
            features_off: Some(record.features_off),
            dimensions: Some(record.dimensions),
        },
        actual_target: record.actual_target,
        verdict: record.verdict,
        message: record.message,
        tolerance: record.tolerance,
        concurrency: record.concurrency,
        round: round.map(|(round, position)| Place { round, position }),
        started_at,
        finished_at: time("finished_at", &record.finished_at)?,
        adapter: record.adapter,
        checks: record.checks,
        fallback_nodes: record.fallback_nodes,
        features: record.features,
    })
}

/// Every metric's values; what follows from others has none of its own.
fn samples(records: BTreeMap<String, MetricRecord>) -> Result<Vec<Samples>, String> {
    let kept = records.into_iter().filter(|(name, _)| name != Metric::ThroughputPerS.name());
    let all = kept.map(|(name, record)| {
        let metric = units::metric(&name)?;
        units::sound(metric, &record.samples)?;
        Ok(Samples { metric, phase: Phase::Measured, values: record.samples })
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;
    use crate::case::tests::case;
    use crate::event::RunEnd;
    use crate::judge;
    use crate::lane::Ended;
    use crate::report::document;
    use crate::session::Observed;
    use crate::store::{RunKind, Store};
    use crate::trial::Trial;

    /// A store with a sweep that ran and one case that crashed, and the document of it.
    fn swept() -> (Store, Value) {
        let mut store = Store::open(Path::new(":memory:")).unwrap();
        let run = store.begin_run(RunKind::Sweep, UNIX_EPOCH).unwrap();
        let ended = Ended {
            answer: Ok(judge::tests::report()),
            observed: Observed::default(),
            ..Ended::without_session(lost())
        };
        for (position, trial) in (0..).zip([
            Trial::of(case("m", "webgpu@chrome"), ended),
            Trial::lost(case("m", "webgpu@edge"), lost()),
        ]) {
            store.add_trial(&run, &Trial { position, ..trial }).unwrap();
        }
        store.finish_run(&run, &RunEnd::Finished, UNIX_EPOCH).unwrap();
        let text = document(&store.report(&run).unwrap());
        (store, serde_json::from_str(&text).unwrap())
    }

    fn lost() -> crate::lane::NoAnswer {
        crate::fault::Fault::Crash { message: "the tab died".to_owned() }.into()
    }

    #[test]
    fn a_sweep_that_is_imported_is_the_sweep_that_was_printed() {
        let (mut here, printed) = swept();
        let mut there = Store::open(Path::new(":memory:")).unwrap();
        let found = found(printed.clone()).unwrap();
        assert_eq!((found.runs.len(), &found.skipped[..]), (1, &[][..]));
        for (store, expected) in [(&mut there, (1, 2, 0)), (&mut here, (0, 0, 2))] {
            let loaded = store.load("sweep.json", &found.runs).unwrap();
            assert_eq!((loaded.runs, loaded.trials, loaded.already), expected);
        }
        let run = there.find_sweep(printed["run"]["id"].as_str().unwrap()).unwrap();
        let mut again: Value = serde_json::from_str(&document(&there.report(&run).unwrap())).unwrap();
        // Nobody printed the drift control and the sessions, of which the time spent is made.
        again["time_spent"] = printed["time_spent"].clone();
        assert_eq!(again, printed);
        assert_eq!(there.load("sweep.json", &found.runs).unwrap().already, 2);
    }

    #[test]
    fn what_was_changed_by_hand_is_left_out() {
        let (_, printed) = swept();
        for (place, value, part) in [
            ("/cases/0/case_key", json!("x"), "none of Parallax"),
            ("/cases/0/target", json!("webgup@chrome"), "did you mean"),
            ("/cases/0/metrics/latency_ms/samples", json!([-1]), "latency_ms holds -1"),
            ("/cases/0/metrics/latency_ms/samples", json!([]), "latency_ms has no values"),
            ("/cases/0/started_at", json!("now"), "which is no time"),
            ("/cases/0/features", json!({ "tuning": "{" }), "no JSON"),
            ("/cases/0", json!(1), "invalid type"),
        ] {
            let mut changed = printed.clone();
            *changed.pointer_mut(place).unwrap() = value;
            let found = found(changed).unwrap();
            let [Skipped { at, reason }] = &found.skipped[..] else { panic!("{place}: {found:?}") };
            assert!(at == "cases[0]" && reason.contains(part), "{place}: {reason}");
            assert_eq!(found.runs[0].trials.len(), 1, "{place}");
        }
        for (place, value, part) in [
            ("/run/id", json!("'; drop table runs"), "no UUID"),
            ("/run/state", json!("perhaps"), "unknown variant"),
            ("/run/started_at", json!(""), "which is no time"),
        ] {
            let mut changed = printed.clone();
            *changed.pointer_mut(place).unwrap() = value;
            assert!(found(changed).unwrap_err().contains(part), "{place}");
        }
    }
}
