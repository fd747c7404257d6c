//! The rows of a trial's tables through a plain appender into tables without keys: as fast as rows can go in, whoever asks.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use duckdb::types::{TimeUnit, Value};
use duckdb::{Appender, Connection, Result, params};
use protocol::Metric;

use crate::generated::Sweep;

/// The columns that the store's tables have, and nothing else of them.
const TABLES: &str = "
    create type verdicts as enum
        ('pass', 'mismatch', 'unsupported', 'unavailable', 'timeout', 'crash', 'device-lost', 'error');
    create type phases as enum ('warm-up', 'measured');
    create table trials (
        id uuid, run_id uuid, position integer, case_key varchar, actual_target varchar, engine varchar, device varchar,
        browser varchar, browser_version varchar, driver_version varchar, timer_resolution_ms double, tuning json,
        adapter_evidence varchar, adapter_id varchar, round integer, round_position integer, session integer,
        session_position integer, concurrency integer, verdict verdicts, message varchar, tolerance double,
        started_at timestamptz, finished_at timestamptz
    );
    create table series (trial_id uuid, metric varchar, phase phases, taken double[]);
    create table metrics (trial_id uuid, metric varchar, median double, low double, high double, n integer);
    create table checks (
        trial_id uuid, position integer, output varchar, elements bigint, max_abs_error double, max_abs_error_at json,
        mean_abs_error double, cosine_similarity double, scaled_error double, scaled_error_at json, fault varchar
    );
    create table features (trial_id uuid, name varchar, value varchar);
";

/// A database that is nothing but tables.
pub struct Plain {
    connection: Connection,
    trials: u128,
}

impl Plain {
    pub fn open(path: &Path) -> Result<Plain> {
        let connection = Connection::open(path)?;
        connection.execute_batch(TABLES)?;
        Ok(Plain { connection, trials: 0 })
    }

    /// Appends the trials of a sweep, in one transaction, and says how many rows that were.
    pub fn add(&mut self, sweep: &Sweep) -> Result<usize> {
        let first = self.trials;
        self.trials += sweep.trials.len() as u128;
        let transaction = self.connection.transaction()?;
        let names = ["trials", "series", "metrics", "checks", "features"];
        let [trials, series, metrics, checks, features] = names.map(|name| transaction.appender(name));
        let tables = [trials?, series?, metrics?, checks?, features?];
        let rows = append(tables, sweep, first)?;
        transaction.commit()?;
        Ok(rows)
    }
}

fn append(tables: [Appender<'_>; 5], sweep: &Sweep, first: u128) -> Result<usize> {
    let [mut trials, mut series, mut metrics, mut checks, mut features] = tables;
    let run = identifier(u128::MAX - first);
    let mut rows = 0;
    for (number, (trial, key)) in (first..).zip(sweep.trials.iter().zip(&sweep.keys)) {
        let id = identifier(number);
        let fact = |name: &str| trial.features.get(name);
        let target = &trial.case.target;
        trials.append_row(params![
            id,
            run,
            trial.position,
            key,
            trial.judgement.actual_target.as_ref().map(ToString::to_string),
            target.engine.name(),
            target.device.map(|device| device.name()),
            target.browser,
            fact("browser_version"),
            fact("driver_version"),
            0.1,
            None::<String>,
            fact("adapter_evidence"),
            trial.adapter.as_ref().map(|adapter| &adapter.device),
            trial.round.map(|place| place.round),
            trial.round.map(|place| place.position),
            trial.turn.map(|turn| turn.session),
            trial.turn.map(|turn| turn.position),
            trial.concurrency,
            trial.judgement.verdict.name(),
            trial.judgement.message,
            1e-4,
            timestamp(trial.started_at),
            timestamp(trial.finished_at),
        ])?;
        for samples in &trial.samples {
            let taken = format!("{:?}", samples.values);
            series.append_row(params![id, samples.metric.name(), samples.phase.name(), taken])?;
        }
        for (metric, summary) in trial.summaries.iter().filter(|(it, _)| *it != Metric::ThroughputPerS) {
            let (low, high) = summary.interval.map_or((None, None), |it| (Some(it.low), Some(it.high)));
            metrics.append_row(params![id, metric.name(), summary.median, low, high, summary.n])?;
        }
        for check in &trial.checks {
            let [at, scaled_at] =
                [&check.max_abs_error_at, &check.scaled_error_at].map(|at| format!("{at:?}"));
            checks.append_row(params![
                id,
                0,
                check.output,
                check.elements,
                check.max_abs_error,
                at,
                check.mean_abs_error,
                check.cosine_similarity,
                check.scaled_error,
                scaled_at,
                check.fault,
            ])?;
        }
        let others = ["flags", "kick", "reference"];
        for name in others {
            features.append_row(params![id, name, fact(name)])?;
        }
        rows += 1 + trial.samples.len() + trial.summaries.len() + trial.checks.len() + others.len();
    }
    for table in [&mut trials, &mut series, &mut metrics, &mut checks, &mut features] {
        table.flush()?;
    }
    Ok(rows)
}

fn identifier(number: u128) -> String {
    let hexadecimal = format!("{number:032x}");
    let [a, b, c, d, e] = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &hexadecimal[part]);
    [a, b, c, d, e].join("-")
}

fn timestamp(at: SystemTime) -> Value {
    let microseconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    Value::Timestamp(TimeUnit::Microsecond, microseconds as i64)
}
