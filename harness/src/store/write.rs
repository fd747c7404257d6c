//! Writes runs, trials and capabilities. One trial is one transaction: all of it is there, or none.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use duckdb::{Connection, Transaction, params};
use protocol::{Adapter, Capability, FallbackNode, Metric, OutputCheck, Presence, Samples, Sampling};

use super::{RunId, RunKind, Store, failed};
use crate::case::{Case, KEY_VERSION, TEMPERATURE};
use crate::digest::digest;
use crate::error::Error;
use crate::event::RunEnd;
use crate::origin::{Host, Origin};
use crate::part::Part;
use crate::statistics::{Interval, Summary};
use crate::trial::Trial;

/// Features that have a column of their own in `trials`.
pub(super) const COLUMNS: [&str; 4] = ["browser_version", "driver_version", "timer_resolution_ms", "tuning"];

impl Store {
    /// Begins a run and gives its identifier.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn begin_run(&mut self, kind: RunKind, at: SystemTime) -> Result<RunId, Error> {
        self.insert_run(kind, None, at)
    }

    /// Begins the run of a part of a plan and gives its identifier.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn begin_sweep(&mut self, part: &Part, at: SystemTime) -> Result<RunId, Error> {
        self.insert_run(RunKind::Sweep, Some(part), at)
    }

    fn insert_run(&mut self, kind: RunKind, part: Option<&Part>, at: SystemTime) -> Result<RunId, Error> {
        let sql = "insert into runs (kind, state, started_at, version, commit_hash, command_line, host_name, host_os, \
                   host_architecture, host_logical_cpus, plan_digest, shard, shards, sweep) \
                   values (?, 'running', to_timestamp(?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id::varchar";
        let Origin { version, commit, command_line, host } = Origin::here();
        let Host { name, os, architecture, logical_cpus } = host;
        let line = json(&command_line);
        let shard = part.and_then(|part| part.shard);
        let row = params![
            kind.name(),
            epoch_s(at),
            version,
            commit,
            line,
            name,
            os,
            architecture,
            logical_cpus,
            part.map(|part| &part.plan_digest),
            shard.map(|shard| shard.number()),
            shard.map(|shard| shard.of()),
            part.and_then(|part| part.sweep.as_ref()),
        ];
        let id = self.connection.query_row(sql, row, |row| row.get(0));
        id.map(RunId).map_err(failed("beginning a run"))
    }

    /// Marks a run as over.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn finish_run(&mut self, run: &RunId, end: &RunEnd, at: SystemTime) -> Result<(), Error> {
        let sql = "update runs set state = ?, message = ?, finished_at = to_timestamp(?) where id = ?";
        let row = params![end.state(), end.message(), epoch_s(at), run];
        self.connection.execute(sql, row).map(|_| ()).map_err(failed("finishing a run"))
    }

    /// Adds a trial with everything measured in it.
    ///
    /// # Errors
    /// When the database cannot take it, or is no longer where it was; it then holds nothing of the trial.
    pub fn add_trial(&mut self, run: &RunId, trial: &Trial) -> Result<(), Error> {
        self.in_transaction("adding a trial", |transaction| insert_trial(transaction, run, trial).map(|_| ()))
    }

    /// Adds a whole detection to its run.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn add_detection(&mut self, run: &RunId, capabilities: &[Capability]) -> Result<(), Error> {
        self.in_transaction("adding what was detected", |transaction| {
            let mut rows = (0..).zip(capabilities);
            rows.try_for_each(|(position, capability)| {
                insert_capability(transaction, run, position, capability)
            })
        })
    }

    /// Writes all that `write` does, or nothing.
    pub(super) fn in_transaction<T>(
        &mut self,
        doing: &'static str,
        write: impl FnOnce(&Transaction<'_>) -> duckdb::Result<T>,
    ) -> Result<T, Error> {
        self.check_file()?;
        let all = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            let written = write(&transaction)?;
            transaction.commit().map(|()| written)
        };
        all(&mut self.connection).map_err(failed(doing))
    }
}

/// Adds a trial with everything measured in it, and gives its identifier.
pub(super) fn insert_trial(
    transaction: &Transaction<'_>,
    run: &RunId,
    trial: &Trial,
) -> duckdb::Result<String> {
    let id = insert_row(transaction, run, trial)?;
    insert_numbers(transaction, &id, &trial.samples, &trial.summaries)?;
    insert_circumstances(transaction, &id, &trial.checks, &trial.fallback_nodes, &trial.features)?;
    Ok(id)
}

fn insert_row(transaction: &Transaction<'_>, run: &RunId, trial: &Trial) -> duckdb::Result<String> {
    let (case, judgement) = (&trial.case, &trial.judgement);
    let key = insert_case(transaction, case)?;
    let adapter = trial.adapter.as_ref().map(|adapter| insert_adapter(transaction, adapter)).transpose()?;
    let sql = "insert into trials (run_id, position, case_key, actual_target, engine, device, browser, browser_version, \
               driver_version, timer_resolution_ms, tuning, adapter_id, round, round_position, session, session_position, \
               concurrency, verdict, message, tolerance, started_at, finished_at) \
               values (?, ?, ?, ?, ?, ?, ?, ?, ?, try_cast(? as double), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, to_timestamp(?), \
               to_timestamp(?)) returning id::varchar";
    let place = judgement.actual_target.as_ref().unwrap_or(&case.target);
    let [browser_version, driver_version, timer_resolution_ms, tuning] =
        COLUMNS.map(|name| trial.features.get(name));
    let row = params![
        run,
        trial.position,
        key,
        judgement.actual_target.as_ref().map(ToString::to_string),
        place.engine.name(),
        place.device.map(|device| device.name()),
        place.browser,
        browser_version,
        driver_version,
        timer_resolution_ms,
        tuning,
        adapter,
        trial.round.map(|place| place.round),
        trial.round.map(|place| place.position),
        trial.turn.map(|turn| turn.session),
        trial.turn.map(|turn| turn.position),
        trial.concurrency,
        judgement.verdict.name(),
        judgement.message,
        case.model.tolerance(),
        epoch_s(trial.started_at),
        epoch_s(trial.finished_at),
    ];
    transaction.query_row(sql, row, |row| row.get(0))
}

/// Adds what a case's key hashes, if it is not there, and gives the key.
fn insert_case(transaction: &Transaction<'_>, case: &Case) -> duckdb::Result<String> {
    let key = case.key();
    let Sampling { samples, least_ms, warmup_limit } = case.sampling;
    let row = params![
        key,
        KEY_VERSION,
        case.model.manifest.name,
        case.model.digest,
        case.target.to_string(),
        case.model.manifest.precision.name(),
        case.model.batch,
        samples,
        warmup_limit,
        case.strict,
        case.browser_settings,
        case.browser_settings.as_deref().map(digest),
        case.tuning(),
        TEMPERATURE,
        case.adapter.to_string(),
        case.features.to_string(),
        json(&case.model.dimensions),
        least_ms,
        case.model.manifest.family,
        case.model.manifest.modality,
    ];
    let sql = "insert or ignore into cases (key, version, model, model_digest, target, precision, batch, samples, \
               warmup_limit, strict, browser_settings, browser_settings_digest, tuning, temperature, adapter, features, \
               dimensions, least_ms, family, modality) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    transaction.execute(sql, row)?;
    Ok(key)
}

/// An adapter's identifier: what is described alike is the same.
pub(super) fn adapter_id(adapter: &Adapter) -> String {
    digest(&json(adapter))
}

/// Adds an adapter, if it is not there, and gives its identifier.
pub(super) fn insert_adapter(transaction: &Transaction<'_>, adapter: &Adapter) -> duckdb::Result<String> {
    let id = adapter_id(adapter);
    let Adapter { vendor, architecture, device, description, backend, software, features, limits } = adapter;
    let (features, limits) = (json(features), json(limits));
    let row = params![id, vendor, architecture, device, description, backend, software, features, limits];
    transaction.execute("insert or ignore into adapters values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)?;
    Ok(id)
}

/// Adds what was measured in a trial, value by value, and the summaries of it.
pub(super) fn insert_numbers(
    transaction: &Transaction<'_>,
    trial_id: &str,
    samples: &[Samples],
    summaries: &[(Metric, Summary)],
) -> duckdb::Result<()> {
    // The appender is the fast way in, a millisecond a statement faster, and takes part in the transaction.
    let mut series = transaction.appender("series")?;
    for Samples { metric, phase, values } in samples {
        series.append_row(params![trial_id, metric.name(), phase.name(), list(values)])?;
    }
    series.flush()?;
    let mut metrics = transaction.appender("metrics")?;
    for (metric, summary) in summaries.iter().filter(|(metric, _)| *metric != Metric::ThroughputPerS) {
        let [low, high] =
            [|it: Interval| it.low, |it: Interval| it.high].map(|end| summary.interval.map(end));
        let row = params![trial_id, metric.name(), summary.median, low, high, summary.n];
        metrics.append_row(row)?;
    }
    metrics.flush()
}

/// Adds what else is known of a trial.
pub(super) fn insert_circumstances(
    transaction: &Transaction<'_>,
    trial_id: &str,
    checks: &[OutputCheck],
    fallback_nodes: &[FallbackNode],
    told: &BTreeMap<String, String>,
) -> duckdb::Result<()> {
    for (position, check) in (0..).zip(checks) {
        let row = params![
            trial_id,
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
        ];
        transaction.execute("insert into checks values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)?;
    }
    for (position, node) in (0..).zip(fallback_nodes) {
        let row = params![trial_id, position, node.node, node.operator, node.engine.name(), node.reason];
        transaction.execute("insert into placements values (?, ?, ?, ?, ?, ?)", row)?;
    }
    let mut features = transaction.appender("features")?;
    for (name, value) in told.iter().filter(|(name, _)| !COLUMNS.contains(&name.as_str())) {
        features.append_row(params![trial_id, name, value])?;
    }
    features.flush()
}

fn insert_capability(
    transaction: &Transaction<'_>,
    run: &RunId,
    position: u32,
    capability: &Capability,
) -> duckdb::Result<()> {
    let (state, reason, remedy) = match &capability.presence {
        Presence::Present => ("present", None, None),
        Presence::Missing { reason, remedy } => ("missing", Some(reason), Some(remedy)),
    };
    let row = params![
        run,
        position,
        capability.subject,
        state,
        reason,
        remedy,
        capability.version,
        capability.adapter.as_ref().map(json),
        json(&capability.facts),
    ];
    transaction.execute("insert into capabilities values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row).map(|_| ())
}

/// A list of numbers as DuckDB reads it, infinities and NaN too: the appender takes text for a list, and no list.
fn list(values: &[f64]) -> String {
    format!("{values:?}")
}

/// Text of a value whose types all have a JSON form.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Seconds since 1970 in UTC.
pub(super) fn epoch_s(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
