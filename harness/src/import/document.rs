//! The document of results from elsewhere (docs/schemas/import.schema.json), record by record. Pure.

use std::collections::BTreeMap;

use protocol::{Adapter, Metric, Phase, Precision, Samples, Target, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};

use super::identity::following;
use super::{Found, time, units};
use crate::digest::digest;
use crate::origin::{Host, Origin};
use crate::rows::arrival::{Arrival, ArrivedCase, ArrivedTrial};
use crate::rows::imported::Skipped;

/// The version of the document that this reads.
const VERSION: u64 = 1;
/// What is said of what a document does not say.
const UNKNOWN: &str = "unknown";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    parallax_import: u64,
    source: Option<String>,
    runs: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunRecord {
    started_at: String,
    finished_at: Option<String>,
    version: Option<String>,
    host: Option<HostRecord>,
    commit: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HostRecord {
    name: Option<String>,
    os: Option<String>,
    architecture: Option<String>,
    logical_cpus: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrialRecord {
    model: String,
    family: Option<String>,
    modality: Option<String>,
    target: Target,
    precision: Option<Precision>,
    batch: Option<u32>,
    verdict: Verdict,
    message: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    adapter: Option<AdapterRecord>,
    tolerance: Option<f64>,
    concurrency: Option<u32>,
    browser_version: Option<String>,
    #[serde(default)]
    metrics: Vec<MetricRecord>,
    #[serde(default)]
    features: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AdapterRecord {
    vendor: String,
    architecture: String,
    device: String,
    description: String,
    backend: String,
    software: bool,
    features: Vec<String>,
    limits: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricRecord {
    metric: String,
    unit: String,
    values: Vec<f64>,
}

/// What a document holds.
pub fn found(document: Value) -> Result<Found, String> {
    let document: Document =
        serde_json::from_value(document).map_err(|error| format!("it is not as its schema says: {error}"))?;
    if document.parallax_import != VERSION {
        let version = document.parallax_import;
        return Err(format!(
            "it is of version {version}, and this Parallax reads {VERSION}: update Parallax"
        ));
    }
    let source = document.source.unwrap_or_default();
    let (mut found, mut seen) = (Found::default(), Occurrences::default());
    for (number, run) in document.runs.into_iter().enumerate() {
        let at = format!("runs[{number}]");
        match arrival(run, &source, &mut seen, &at) {
            Ok((run, skipped)) => {
                found.runs.push(run);
                found.skipped.extend(skipped);
            }
            Err(reason) => found.skipped.push(Skipped { at, reason }),
        }
    }
    Ok(found)
}

/// How often something was seen before: things that are alike to the letter are several all the same.
#[derive(Default)]
struct Occurrences(BTreeMap<String, u32>);

impl Occurrences {
    fn before(&mut self, text: &str) -> u32 {
        let count = self.0.entry(text.to_owned()).or_default();
        *count += 1;
        *count - 1
    }
}

/// A run with those of its trials that are right, and what is wrong with the others.
fn arrival(
    mut run: Value,
    source: &str,
    seen: &mut Occurrences,
    at: &str,
) -> Result<(Arrival, Vec<Skipped>), String> {
    let trials = run.as_object_mut().and_then(|run| run.remove("trials"));
    let Some(Value::Array(trials)) = trials else {
        return Err("it has no list of trials".to_owned());
    };
    let head = json!([source, run]).to_string();
    let RunRecord { started_at, finished_at, version, host, commit } = parsed(run)?;
    let started_at = time("started_at", &started_at)?;
    let finished_at = finished_at.map(|text| time("finished_at", &text)).transpose()?;
    if finished_at.is_some_and(|finished_at| finished_at < started_at) {
        return Err("it was finished before it was started".to_owned());
    }
    // What trials it has is no part of what it is: one that was put right later joins the others.
    let id = following(started_at, &format!("run {} {head}", seen.before(&head)));
    let version = version.unwrap_or_else(|| UNKNOWN.to_owned());
    let origin = Origin { version, commit, command_line: Vec::new(), host: machine(host) };
    let state = "finished".to_owned();
    let mut arrival =
        Arrival { id, state, message: None, started_at, finished_at, origin, trials: Vec::new() };
    let (mut skipped, mut seen) = (Vec::new(), Occurrences::default());
    for (number, record) in trials.into_iter().enumerate() {
        let at = format!("{at}.trials[{number}]");
        match trial(record, source, &arrival, &mut seen, at.clone()) {
            Ok(trial) => arrival.trials.push(trial),
            Err(reason) => skipped.push(Skipped { at, reason }),
        }
    }
    Ok((arrival, skipped))
}

fn machine(host: Option<HostRecord>) -> Host {
    let host = host.unwrap_or(HostRecord { name: None, os: None, architecture: None, logical_cpus: None });
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| UNKNOWN.to_owned());
    Host {
        name: host.name,
        os: or_unknown(host.os),
        architecture: or_unknown(host.architecture),
        logical_cpus: host.logical_cpus.unwrap_or_default().into(),
    }
}

fn trial(
    record: Value,
    source: &str,
    run: &Arrival,
    seen: &mut Occurrences,
    at: String,
) -> Result<ArrivedTrial, String> {
    let text = record.to_string();
    let record: TrialRecord = parsed(record)?;
    let at_or = |name, text: &Option<String>, other| text.as_ref().map_or(Ok(other), |text| time(name, text));
    let started_at = at_or("started_at", &record.started_at, run.started_at)?;
    let finished_at =
        at_or("finished_at", &record.finished_at, run.finished_at.unwrap_or(started_at).max(started_at))?;
    check(&record, started_at <= finished_at)?;
    let samples = samples(&record.metrics)?;
    let case = case(&record, source);
    let mut features = record.features;
    features.extend(record.browser_version.map(|version| ("browser_version".to_owned(), version)));
    Ok(ArrivedTrial {
        at,
        id: following(started_at, &format!("trial {} {} {text}", run.id, seen.before(&text))),
        actual_target: ran(record.verdict).then(|| record.target.clone()),
        case,
        verdict: record.verdict,
        message: record.message,
        tolerance: record.tolerance.unwrap_or_default(),
        concurrency: record.concurrency.unwrap_or(1),
        round: None,
        started_at,
        finished_at,
        adapter: record.adapter.map(adapter),
        checks: Vec::new(),
        fallback_nodes: Vec::new(),
        samples,
        features,
    })
}

fn check(record: &TrialRecord, is_in_order: bool) -> Result<(), String> {
    let tolerance = record.tolerance.unwrap_or_default();
    let tuning = record.features.get("tuning").map(|text| serde_json::from_str::<Value>(text).is_ok());
    match record {
        TrialRecord { model, .. } if model.trim().is_empty() => Err("its model has no name".to_owned()),
        TrialRecord { batch: Some(0), .. } => Err("its batch is 0".to_owned()),
        TrialRecord { concurrency: Some(0), .. } => {
            Err("its concurrency is 0, and it is one of the jobs itself".to_owned())
        }
        _ if !(tolerance.is_finite() && tolerance >= 0.0) => Err(format!("its tolerance is {tolerance}")),
        _ if tuning == Some(false) => Err("its feature tuning is no JSON".to_owned()),
        _ if !is_in_order => Err("it was finished before it was started".to_owned()),
        _ => Ok(()),
    }
}

/// Returns whether a case that ended so ran.
fn ran(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Pass | Verdict::Mismatch => true,
        Verdict::Unsupported
        | Verdict::Unavailable
        | Verdict::Timeout
        | Verdict::Crash
        | Verdict::DeviceLost
        | Verdict::Error => false,
    }
}

fn samples(records: &[MetricRecord]) -> Result<Vec<Samples>, String> {
    let mut all: Vec<Samples> = Vec::new();
    for MetricRecord { metric, unit, values } in records {
        let metric: Metric = units::metric(metric)?;
        if all.iter().any(|samples| samples.metric == metric) {
            return Err(format!("{} is there twice", metric.name()));
        }
        let values = units::converted(metric, unit, values)?;
        all.push(Samples { metric, phase: Phase::Measured, values });
    }
    Ok(all)
}

/// What was measured. Its key hashes everything that is known of it, and begins with what no key of a measured case begins with.
fn case(record: &TrialRecord, source: &str) -> ArrivedCase {
    let TrialRecord { model, family, modality, target, .. } = record;
    let precision = record.precision.unwrap_or_default().name().to_owned();
    let batch = record.batch.unwrap_or(1);
    let known = json!([source, model, family, modality, target, precision, batch]);
    ArrivedCase {
        key: digest(&format!("parallax-imported-{VERSION}\n{known}")),
        version: 0,
        model: model.clone(),
        family: family.clone(),
        modality: modality.clone(),
        target: target.clone(),
        precision,
        batch,
        adapter_choice: None,
        features_off: None,
        dimensions: None,
    }
}

fn adapter(record: AdapterRecord) -> Adapter {
    let AdapterRecord { vendor, architecture, device, description, backend, software, features, limits } =
        record;
    Adapter { vendor, architecture, device, description, backend, software, features, limits }
}

fn parsed<T: for<'de> Deserialize<'de>>(record: Value) -> Result<T, String> {
    serde_json::from_value(record).map_err(|error| error.to_string())
}
