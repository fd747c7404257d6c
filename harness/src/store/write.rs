//! Writes runs, trials and capabilities. One trial is one transaction: all of it is there, or none.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use duckdb::{Connection, Transaction, params};
use protocol::{Capability, Presence};

use super::{RunId, RunKind, RunState, Store, failed};
use crate::error::Error;
use crate::statistics::Interval;
use crate::trial::Trial;

impl Store {
    /// Begins a run and gives its number.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn begin_run(&mut self, kind: RunKind, at: SystemTime) -> Result<RunId, Error> {
        let sql = "insert into runs (kind, state, started_at, version, host_os, host_architecture, \
                   host_logical_cpus) values (?, ?, ?, ?, ?, ?, ?) returning id";
        let cpus = std::thread::available_parallelism().map_or(1, usize::from) as u32;
        let version = env!("CARGO_PKG_VERSION");
        let host = (std::env::consts::OS, std::env::consts::ARCH);
        let row =
            params![kind.name(), RunState::Running.name(), since_epoch(at), version, host.0, host.1, cpus];
        self.connection.query_row(sql, row, |row| row.get(0)).map_err(failed("beginning a run"))
    }

    /// Marks a run as over.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn finish_run(&mut self, run: RunId, state: RunState, at: SystemTime) -> Result<(), Error> {
        let sql = "update runs set state = ?, finished_at = ? where id = ?";
        let row = params![state.name(), since_epoch(at), run];
        self.connection.execute(sql, row).map(|_| ()).map_err(failed("finishing a run"))
    }

    /// Adds a trial with everything measured in it.
    ///
    /// # Errors
    /// When the database cannot take it; it then holds nothing of the trial.
    pub fn add_trial(&mut self, run: RunId, trial: &Trial) -> Result<(), Error> {
        let add = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            let id = insert_trial(&transaction, run, trial)?;
            insert_numbers(&transaction, id, trial)?;
            insert_circumstances(&transaction, id, trial)?;
            transaction.commit()
        };
        add(&mut self.connection).map_err(failed("adding a trial"))
    }

    /// Adds a whole detection, begun at `at`, and gives its run's number.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn add_detection(&mut self, capabilities: &[Capability], at: SystemTime) -> Result<RunId, Error> {
        let run = self.begin_run(RunKind::Detect, at)?;
        let add = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            for capability in capabilities {
                insert_capability(&transaction, run, capability)?;
            }
            transaction.commit()
        };
        add(&mut self.connection).map_err(failed("adding what was detected"))?;
        self.finish_run(run, RunState::Finished, SystemTime::now())?;
        Ok(run)
    }
}

fn insert_trial(transaction: &Transaction<'_>, run: RunId, trial: &Trial) -> duckdb::Result<i64> {
    let sql = "insert into trials (run_id, position, case_key, model, model_digest, target, actual_target, \
               precision, batch, verdict, message, max_abs_error, tolerance, concurrency, started_at, \
               finished_at, adapter_vendor, adapter_architecture, adapter_device, adapter_backend, \
               adapter_software, adapter) \
               values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id";
    let (case, judgement, adapter) = (&trial.case, &trial.judgement, trial.adapter.as_ref());
    let row = params![
        run,
        case.position,
        case.key(),
        case.model.manifest.name,
        case.model.digest,
        case.target.to_string(),
        judgement.actual_target.as_ref().map(ToString::to_string),
        case.model.manifest.precision.name(),
        case.model.batch,
        judgement.verdict.name(),
        judgement.message,
        trial.max_abs_error(),
        case.model.tolerance(),
        trial.concurrency,
        since_epoch(trial.started_at),
        since_epoch(trial.finished_at),
        adapter.map(|adapter| &adapter.vendor),
        adapter.map(|adapter| &adapter.architecture),
        adapter.map(|adapter| &adapter.device),
        adapter.map(|adapter| &adapter.backend),
        adapter.map(|adapter| adapter.software),
        adapter.map(json),
    ];
    transaction.query_row(sql, row, |row| row.get(0))
}

fn insert_numbers(transaction: &Transaction<'_>, trial_id: i64, trial: &Trial) -> duckdb::Result<()> {
    // The appender is the fast way in for thousands of samples, and takes part in the transaction.
    let mut samples = transaction.appender("samples")?;
    for series in &trial.samples {
        for (position, value) in (0i32..).zip(&series.values) {
            samples.append_row(params![trial_id, series.metric.name(), position, value])?;
        }
    }
    samples.flush()?;
    for (metric, summary) in &trial.summaries {
        let [low, high] =
            [|it: Interval| it.low, |it: Interval| it.high].map(|end| summary.interval.map(end));
        let row = params![trial_id, metric.name(), summary.median, low, high, summary.n];
        transaction.execute("insert into metrics values (?, ?, ?, ?, ?, ?)", row)?;
    }
    Ok(())
}

fn insert_circumstances(transaction: &Transaction<'_>, trial_id: i64, trial: &Trial) -> duckdb::Result<()> {
    for check in &trial.checks {
        let row = params![
            trial_id,
            check.output,
            check.elements,
            check.max_abs_error,
            check.mean_abs_error,
            check.cosine_similarity,
            check.fault,
            json(&check.max_abs_error_at),
            check.scaled_error,
            json(&check.scaled_error_at),
        ];
        transaction.execute("insert into checks values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)?;
    }
    for (name, value) in &trial.features {
        transaction.execute("insert into features values (?, ?, ?)", params![trial_id, name, value])?;
    }
    Ok(())
}

fn insert_capability(
    transaction: &Transaction<'_>,
    run: RunId,
    capability: &Capability,
) -> duckdb::Result<usize> {
    let (state, reason, remedy) = match &capability.presence {
        Presence::Present => ("present", None, None),
        Presence::Missing { reason, remedy } => ("missing", Some(reason), Some(remedy)),
    };
    let row = params![
        run,
        capability.subject,
        state,
        reason,
        remedy,
        capability.version,
        capability.adapter.as_ref().map(json),
        json(&capability.facts),
    ];
    transaction.execute("insert into capabilities values (?, ?, ?, ?, ?, ?, ?, ?)", row)
}

/// Text of a value whose types all have a JSON form.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// How DuckDB takes a timestamp: the time since 1970 in UTC.
pub(super) fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}
