//! Writes runs, cases, adapters and capabilities.

use std::time::{SystemTime, UNIX_EPOCH};

use duckdb::{Connection, Transaction, params};
use protocol::{Adapter, Capability, Presence, Sampling};

use super::{RunId, RunKind, Store, failed};
use crate::case::{Case, KEY_VERSION, TEMPERATURE};
use crate::digest::digest;
use crate::error::Error;
use crate::event::RunEnd;
use crate::origin::{Host, Origin};
use crate::part::Part;

impl Store {
    /// Begins a run and gives its identifier.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn begin_run(&mut self, kind: RunKind, at: SystemTime) -> Result<RunId, Error> {
        self.begin(kind, None, at)
    }

    /// Begins the run of a part of a plan and gives its identifier.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn begin_sweep(&mut self, part: &Part, at: SystemTime) -> Result<RunId, Error> {
        self.begin(RunKind::Sweep, Some(part), at)
    }

    fn begin(&mut self, kind: RunKind, part: Option<&Part>, at: SystemTime) -> Result<RunId, Error> {
        let begun = insert_run(&self.connection, kind, &Origin::here(), part, at);
        begun.map_err(failed("beginning a run"))
    }

    /// Marks a run as over.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn finish_run(&mut self, run: &RunId, end: &RunEnd, at: SystemTime) -> Result<(), Error> {
        end_run(&self.connection, run, end, at).map_err(failed("finishing a run"))
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

/// Adds a run that has begun.
pub(super) fn insert_run(
    connection: &Connection,
    kind: RunKind,
    origin: &Origin,
    part: Option<&Part>,
    at: SystemTime,
) -> duckdb::Result<RunId> {
    let sql = "insert into runs (kind, state, started_at, version, commit_hash, command_line, host_name, host_os, \
               host_architecture, host_logical_cpus, plan_digest, shard, shards, sweep) \
               values (?, 'running', to_timestamp(?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id::varchar";
    let Origin { version, commit, command_line, host } = origin;
    let Host { name, os, architecture, logical_cpus } = host;
    let line = json(command_line);
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
    connection.query_row(sql, row, |row| row.get(0)).map(RunId)
}

/// Marks a run as over.
pub(super) fn end_run(
    connection: &Connection,
    run: &RunId,
    end: &RunEnd,
    at: SystemTime,
) -> duckdb::Result<()> {
    let sql = "update runs set state = ?, message = ?, finished_at = to_timestamp(?) where id = ?";
    connection.execute(sql, params![end.state(), end.message(), epoch_s(at), run]).map(|_| ())
}

/// Adds what the keys of cases hash, which are not there yet.
pub(super) fn insert_cases(transaction: &Transaction<'_>, cases: &[(&str, &Case)]) -> duckdb::Result<()> {
    let columns = [
        "key",
        "version",
        "model",
        "model_digest",
        "target",
        "precision",
        "batch",
        "samples",
        "warmup_limit",
        "strict",
        "browser_settings",
        "browser_settings_digest",
        "tuning",
        "temperature",
        "adapter",
        "features",
        "dimensions",
        "least_ms",
        "family",
        "modality",
    ];
    let mut rows = transaction.appender_with_columns("cases", &columns)?;
    for (key, case) in cases {
        let Sampling { samples, least_ms, warmup_limit } = case.sampling;
        rows.append_row(params![
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
            case.table(),
            TEMPERATURE,
            case.adapter.to_string(),
            case.features.to_string(),
            json(&case.model.dimensions),
            least_ms,
            case.model.manifest.family,
            case.model.manifest.modality,
        ])?;
    }
    rows.flush()
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

/// Text of a value whose types all have a JSON form.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Seconds since 1970 in UTC.
pub(super) fn epoch_s(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
