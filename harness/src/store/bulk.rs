//! Trials with everything measured in them, table by table through DuckDB's appender: one, or all of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use duckdb::types::{TimeUnit, Value};
use duckdb::{Appender, Connection, Transaction, params};
use protocol::{Adapter, FallbackNode, Metric, OutputCheck, Samples};

use super::surroundings::insert_control;
use super::write::{end_run, insert_adapter, insert_cases, insert_run, json};
use super::{RunId, RunKind, Store, failed};
use crate::error::Error;
use crate::event::RunEnd;
use crate::origin::Origin;
use crate::statistics::{Interval, Summary};
use crate::trial::Trial;

/// Features that have a column of their own in `trials`.
pub(super) const COLUMNS: [&str; 5] =
    ["browser_version", "driver_version", "timer_resolution_ms", "tuning", "adapter_evidence"];

/// The columns of `trials` in the order in which [`append_trial`] gives them.
const TRIAL: [&str; 24] = [
    "id",
    "run_id",
    "position",
    "case_key",
    "actual_target",
    "engine",
    "device",
    "browser",
    "browser_version",
    "driver_version",
    "timer_resolution_ms",
    "tuning",
    "adapter_evidence",
    "adapter_id",
    "round",
    "round_position",
    "session",
    "session_position",
    "concurrency",
    "verdict",
    "message",
    "tolerance",
    "started_at",
    "finished_at",
];

/// A run that is over, with all that it found.
#[derive(Debug)]
pub struct WholeRun<'a> {
    /// Its subject.
    pub kind: RunKind,
    /// Where it comes from.
    pub origin: &'a Origin,
    /// When it began.
    pub started_at: SystemTime,
    /// How it ended, and when.
    pub end: (&'a RunEnd, SystemTime),
    /// Its trials.
    pub trials: &'a [Trial],
    /// The drift control, each time it was taken: milliseconds of each repetition, when, and how many jobs ran at the same time.
    pub controls: &'a [(Vec<f64>, SystemTime, u32)],
}

impl Store {
    /// Adds a trial with everything measured in it.
    ///
    /// # Errors
    /// When the database cannot take it, or is no longer where it was; it then holds nothing of the trial.
    pub fn add_trial(&mut self, run: &RunId, trial: &Trial) -> Result<(), Error> {
        self.add_trials(run, std::slice::from_ref(trial))
    }

    /// Adds trials with everything measured in them, in one transaction.
    ///
    /// # Errors
    /// When the database cannot take one of them, or is no longer where it was; it then holds nothing of any.
    pub fn add_trials(&mut self, run: &RunId, trials: &[Trial]) -> Result<(), Error> {
        self.in_transaction("adding a trial", |transaction| insert_trials(transaction, run, trials))
    }

    /// Adds a run that is over, in one transaction, and gives its identifier.
    ///
    /// # Errors
    /// When the database cannot take any part of it; it then holds nothing of the run.
    pub fn add_run(&mut self, whole: &WholeRun<'_>) -> Result<RunId, Error> {
        self.in_transaction("adding a run", |transaction| {
            let run = insert_run(transaction, whole.kind, whole.origin, None, whole.started_at)?;
            insert_trials(transaction, &run, whole.trials)?;
            for (position, (times_ms, at, concurrency)) in (0..).zip(whole.controls) {
                insert_control(transaction, &run, position, (times_ms, *at, *concurrency))?;
            }
            end_run(transaction, &run, whole.end.0, whole.end.1)?;
            Ok(run)
        })
    }

    /// Checks that every row of a trial belongs to one and is there once, as keys would have it.
    ///
    /// # Errors
    /// When a row does not, by its table and its trial, or the database cannot be read.
    pub fn check_rows(&self) -> Result<(), Error> {
        check_rows(&self.connection, "main")
    }
}

/// Checks the rows of trials in a database by its schema's name: after rows came in by another way than trial by trial.
pub(super) fn check_rows(connection: &Connection, schema: &str) -> Result<(), Error> {
    let sql = format!("select table_name, trial_id::varchar, what from {schema}.amiss order by all limit 1");
    let first = || -> duckdb::Result<Option<String>> {
        let mut amiss = connection.prepare(&sql)?;
        let mut rows = amiss.query_map([], |row| {
            let (table, trial, what): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(format!("one in {table} of the trial {trial} {what}"))
        })?;
        rows.next().transpose()
    };
    let amiss = first().map_err(failed("looking for rows that belong to nothing"))?;
    amiss.map_or(Ok(()), |row| Err(Error::Row(row)))
}

/// What a trial found, by the identifier that the trial has.
pub(super) struct Found<'a> {
    pub id: &'a str,
    pub samples: &'a [Samples],
    pub summaries: &'a [(Metric, Summary)],
    pub checks: &'a [OutputCheck],
    pub fallback_nodes: &'a [FallbackNode],
    pub features: &'a BTreeMap<String, String>,
}

/// A trial's row in other tables: its identifier, its case's key, its adapter's identifier.
struct Identified<'a> {
    trial: &'a Trial,
    id: String,
    key: String,
    adapter: Option<String>,
}

impl Identified<'_> {
    fn found(&self) -> Found<'_> {
        let Trial { samples, summaries, checks, fallback_nodes, features, .. } = self.trial;
        Found { id: &self.id, samples, summaries, checks, fallback_nodes, features }
    }
}

fn insert_trials(transaction: &Transaction<'_>, run: &RunId, trials: &[Trial]) -> duckdb::Result<()> {
    let trials = identified(transaction, trials)?;
    let mut rows = transaction.appender_with_columns("trials", &TRIAL)?;
    trials.iter().try_for_each(|one| append_trial(&mut rows, run, one))?;
    rows.flush()?;
    let found: Vec<Found<'_>> = trials.iter().map(Identified::found).collect();
    insert_found(transaction, &found)
}

/// Adds everything that trials found.
pub(super) fn insert_found(transaction: &Transaction<'_>, trials: &[Found<'_>]) -> duckdb::Result<()> {
    type Append = fn(&mut Appender<'_>, &Found<'_>) -> duckdb::Result<()>;
    let tables: [(&str, Append); 5] = [
        ("series", append_series),
        ("metrics", append_metrics),
        ("checks", append_checks),
        ("placements", append_placements),
        ("features", append_features),
    ];
    for (table, append) in tables {
        let mut rows = transaction.appender(table)?;
        trials.iter().try_for_each(|trial| append(&mut rows, trial))?;
        rows.flush()?;
    }
    Ok(())
}

/// Trials with their identifiers, once the cases and the adapters that they name are there.
fn identified<'a>(transaction: &Transaction<'_>, trials: &'a [Trial]) -> duckdb::Result<Vec<Identified<'a>>> {
    let keys: Vec<String> = trials.iter().map(|trial| trial.case.key()).collect();
    insert_missing(transaction, trials, &keys)?;
    let adapters = insert_adapters(transaction, trials)?;
    let ids = identifiers(transaction, trials.len())?;
    let rows = trials.iter().zip(ids).zip(keys).zip(adapters);
    Ok(rows.map(|(((trial, id), key), adapter)| Identified { trial, id, key, adapter }).collect())
}

/// New identifiers, which the rows of a trial's other tables need before it has one itself.
fn identifiers(transaction: &Transaction<'_>, count: usize) -> duckdb::Result<Vec<String>> {
    let mut new = transaction.prepare("select uuidv7()::varchar from range(?::bigint)")?;
    new.query_map(params![count as i64], |row| row.get(0))?.collect()
}

/// Adds the cases that are not there.
fn insert_missing(transaction: &Transaction<'_>, trials: &[Trial], keys: &[String]) -> duckdb::Result<()> {
    let sql =
        "select key from (select distinct unnest(string_split(?, ' ')) as key) anti join cases using (key)";
    let mut missing = transaction.prepare(sql)?;
    let missing = missing.query_map(params![keys.join(" ")], |row| row.get(0))?;
    let missing = missing.collect::<duckdb::Result<BTreeSet<String>>>()?;
    let by_key: BTreeMap<&str, &Trial> = keys.iter().map(String::as_str).zip(trials).collect();
    let missing = by_key.into_iter().filter(|(key, _)| missing.contains(*key));
    insert_cases(transaction, &missing.map(|(key, trial)| (key, &trial.case)).collect::<Vec<_>>())
}

/// Adds the adapters that are not there, and gives each trial's. A run meets few, so that each is looked at once.
fn insert_adapters(transaction: &Transaction<'_>, trials: &[Trial]) -> duckdb::Result<Vec<Option<String>>> {
    let mut met: Vec<(&Adapter, String)> = Vec::new();
    let mut ids = Vec::new();
    for trial in trials {
        let known = |adapter| met.iter().find(|(met, _)| *met == adapter).map(|(_, id)| id.clone());
        ids.push(match &trial.adapter {
            Some(adapter) => match known(adapter) {
                Some(id) => Some(id),
                None => {
                    let id = insert_adapter(transaction, adapter)?;
                    met.push((adapter, id.clone()));
                    Some(id)
                }
            },
            None => None,
        });
    }
    Ok(ids)
}

fn append_trial(rows: &mut Appender<'_>, run: &RunId, one: &Identified<'_>) -> duckdb::Result<()> {
    let Identified { trial, id, key, adapter } = one;
    let (case, judgement) = (&trial.case, &trial.judgement);
    let place = judgement.actual_target.as_ref().unwrap_or(&case.target);
    let [browser_version, driver_version, timer_resolution_ms, tuning, adapter_evidence] =
        COLUMNS.map(|name| trial.features.get(name));
    rows.append_row(params![
        id,
        run,
        trial.position,
        key,
        judgement.actual_target.as_ref().map(ToString::to_string),
        place.engine.name(),
        place.device.map(|device| device.name()),
        place.browser,
        browser_version,
        driver_version,
        timer_resolution_ms.and_then(|text| text.parse::<f64>().ok()),
        tuning,
        adapter_evidence,
        adapter,
        trial.round.map(|place| place.round),
        trial.round.map(|place| place.position),
        trial.turn.map(|turn| turn.session),
        trial.turn.map(|turn| turn.position),
        trial.concurrency,
        judgement.verdict.name(),
        judgement.message,
        case.model.tolerance(),
        timestamp(trial.started_at),
        timestamp(trial.finished_at),
    ])
}

fn append_series(rows: &mut Appender<'_>, one: &Found<'_>) -> duckdb::Result<()> {
    for Samples { metric, phase, values } in one.samples {
        rows.append_row(params![one.id, metric.name(), phase.name(), list(values)])?;
    }
    Ok(())
}

fn append_metrics(rows: &mut Appender<'_>, one: &Found<'_>) -> duckdb::Result<()> {
    let kept = one.summaries.iter().filter(|(metric, _)| *metric != Metric::ThroughputPerS);
    for (metric, summary) in kept {
        let [low, high] =
            [|it: Interval| it.low, |it: Interval| it.high].map(|end| summary.interval.map(end));
        rows.append_row(params![one.id, metric.name(), summary.median, low, high, summary.n])?;
    }
    Ok(())
}

fn append_checks(rows: &mut Appender<'_>, one: &Found<'_>) -> duckdb::Result<()> {
    for (position, check) in (0..).zip(one.checks) {
        rows.append_row(params![
            one.id,
            position,
            check.output,
            check.elements,
            check.max_abs_error,
            json(&check.max_abs_error_at),
            check.mean_abs_error,
            check.cosine_similarity,
            check.scaled_error,
            json(&check.scaled_error_at),
            check.fault,
        ])?;
    }
    Ok(())
}

fn append_placements(rows: &mut Appender<'_>, one: &Found<'_>) -> duckdb::Result<()> {
    for (position, node) in (0..).zip(one.fallback_nodes) {
        rows.append_row(params![
            one.id,
            position,
            node.node,
            node.operator,
            node.engine.name(),
            node.reason
        ])?;
    }
    Ok(())
}

fn append_features(rows: &mut Appender<'_>, one: &Found<'_>) -> duckdb::Result<()> {
    let elsewhere = |name: &str| COLUMNS.contains(&name);
    for (name, value) in one.features.iter().filter(|(name, _)| !elsewhere(name)) {
        rows.append_row(params![one.id, name, value])?;
    }
    Ok(())
}

/// A list of numbers as DuckDB reads it, infinities and NaN too: the appender takes text for a list, and no list.
fn list(values: &[f64]) -> String {
    format!("{values:?}")
}

/// A moment as an appender takes it.
pub(super) fn timestamp(at: SystemTime) -> Value {
    let microseconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    Value::Timestamp(TimeUnit::Microsecond, i64::try_from(microseconds).unwrap_or(i64::MAX))
}
