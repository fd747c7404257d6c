//! Takes runs from files in: all of a file that can be had, in one transaction. It never changes what is there already.

use std::collections::BTreeSet;

use duckdb::{OptionalExt, Transaction, params};
use protocol::{Metric, Phase, Samples};

use super::Store;
use super::bulk::{COLUMNS, Found, insert_found};
use super::write::{epoch_s, insert_adapter, json};
use crate::error::Error;
use crate::rows::arrival::{Arrival, ArrivedCase, ArrivedTrial};
use crate::rows::imported::{ImportedFile, Skipped};
use crate::statistics::Summary;

impl Store {
    /// Adds the runs of a file and their trials but for those that are there; `from` is the file's name.
    ///
    /// # Errors
    /// When the database cannot take them; it then holds nothing of the file that it did not hold before.
    pub fn load(&mut self, from: &str, runs: &[Arrival]) -> Result<ImportedFile, Error> {
        self.in_transaction("importing a file", |transaction| {
            let mut loaded = ImportedFile::default();
            for run in runs {
                load_run(transaction, from, run, &mut loaded)?;
            }
            Ok(loaded)
        })
    }
}

fn load_run(
    transaction: &Transaction<'_>,
    from: &str,
    run: &Arrival,
    loaded: &mut ImportedFile,
) -> duckdb::Result<()> {
    let sql = "select imported_from from runs where id = ?";
    let there: Option<Option<String>> =
        transaction.query_row(sql, params![run.id], |row| row.get(0)).optional()?;
    // A run that was measured here has all of its trials, under identifiers of their own.
    if there == Some(None) {
        loaded.already += run.trials.len() as u64;
        return Ok(());
    }
    let known = trials_of(transaction, &run.id)?;
    let (old, new): (Vec<_>, Vec<_>) = run.trials.iter().partition(|trial| known.contains(&trial.id));
    loaded.already += old.len() as u64;
    let mut position = known.len();
    let mut is_there = there.is_some();
    for trial in new {
        if !insert_case(transaction, &trial.case)? {
            let reason = "its key is that of another case in the database".to_owned();
            loaded.skipped.push(Skipped { at: trial.at.clone(), reason });
            continue;
        }
        if !is_there {
            insert_run(transaction, from, run)?;
            loaded.runs += 1;
            is_there = true;
        }
        insert_trial(transaction, &run.id, position, trial)?;
        position += 1;
        loaded.trials += 1;
    }
    Ok(())
}

fn trials_of(transaction: &Transaction<'_>, run: &str) -> duckdb::Result<BTreeSet<String>> {
    let mut statement = transaction.prepare("select id::varchar from trials where run_id = ?")?;
    statement.query_map(params![run], |row| row.get(0))?.collect()
}

fn insert_run(transaction: &Transaction<'_>, from: &str, run: &Arrival) -> duckdb::Result<()> {
    let sql = "insert into runs (id, kind, state, message, started_at, finished_at, version, commit_hash, command_line, \
               host_name, host_os, host_architecture, host_logical_cpus, imported_from) \
               values (?, 'sweep', ?, ?, to_timestamp(?), to_timestamp(?), ?, ?, ?, ?, ?, ?, ?, ?)";
    let (origin, host) = (&run.origin, &run.origin.host);
    let row = params![
        run.id,
        run.state,
        run.message,
        epoch_s(run.started_at),
        run.finished_at.map(epoch_s),
        origin.version,
        origin.commit,
        json(&origin.command_line),
        host.name,
        host.os,
        host.architecture,
        host.logical_cpus,
        from,
    ];
    transaction.execute(sql, row).map(|_| ())
}

/// Adds a case, if it is not there, and returns whether it is the one that is there under its key.
fn insert_case(transaction: &Transaction<'_>, case: &ArrivedCase) -> duckdb::Result<bool> {
    let target = case.target.to_string();
    let row = params![
        case.key,
        case.version,
        case.model,
        target,
        case.precision,
        case.batch,
        case.adapter_choice,
        case.features_off,
        case.dimensions.as_ref().map(json),
        case.family,
        case.modality,
    ];
    let sql = "insert or ignore into cases (key, version, model, model_digest, target, precision, batch, adapter, features, \
               dimensions, family, modality) values (?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?)";
    transaction.execute(sql, row)?;
    let sql = "select model = ? and target = ? and precision = ? and batch = ? from cases where key = ?";
    let row = params![case.model, target, case.precision, case.batch, case.key];
    transaction.query_row(sql, row, |row| row.get(0))
}

fn insert_trial(
    transaction: &Transaction<'_>,
    run: &str,
    position: usize,
    trial: &ArrivedTrial,
) -> duckdb::Result<()> {
    let sql = "insert into trials (id, run_id, position, case_key, actual_target, engine, device, browser, browser_version, \
               driver_version, timer_resolution_ms, tuning, adapter_evidence, adapter_id, round, round_position, concurrency, verdict, message, \
               tolerance, started_at, finished_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, try_cast(? as double), ?, ?, ?, ?, ?, \
               ?, ?, ?, ?, to_timestamp(?), to_timestamp(?))";
    let adapter = trial.adapter.as_ref().map(|adapter| insert_adapter(transaction, adapter)).transpose()?;
    let place = trial.actual_target.as_ref().unwrap_or(&trial.case.target);
    let [browser_version, driver_version, timer_resolution_ms, tuning, adapter_evidence] =
        COLUMNS.map(|name| trial.features.get(name));
    let row = params![
        trial.id,
        run,
        position,
        trial.case.key,
        trial.actual_target.as_ref().map(ToString::to_string),
        place.engine.name(),
        place.device.map(|device| device.name()),
        place.browser,
        browser_version,
        driver_version,
        timer_resolution_ms,
        tuning,
        adapter_evidence,
        adapter,
        trial.round.map(|place| place.round),
        trial.round.map(|place| place.position),
        trial.concurrency,
        trial.verdict.name(),
        trial.message,
        trial.tolerance,
        epoch_s(trial.started_at),
        epoch_s(trial.finished_at),
    ];
    transaction.execute(sql, row)?;
    let ArrivedTrial { id, samples, checks, fallback_nodes, features, .. } = trial;
    let summaries = summaries(samples);
    insert_found(
        transaction,
        &[Found { id, samples, summaries: &summaries, checks, fallback_nodes, features }],
    )
}

fn summaries(series: &[Samples]) -> Vec<(Metric, Summary)> {
    let measured = series.iter().filter(|samples| samples.phase == Phase::Measured);
    measured.filter_map(|samples| Some((samples.metric, Summary::of(&samples.values)?))).collect()
}

#[cfg(test)]
mod tests;
