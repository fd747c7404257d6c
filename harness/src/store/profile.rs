//! Profiled runs in the store, and the way back.

use std::collections::BTreeMap;

use duckdb::{Row, Transaction, params};
use protocol::{DispatchName, DispatchTimes, ProfileReport, Target, Work};

use super::read::{ADAPTER, parsed, read_adapter};
use super::write::{insert_adapter, json};
use super::{RunId, Store};
use crate::error::Error;
use crate::model::Model;
use crate::rows::probe::Peaks;
use crate::rows::profile::Profile;

impl Store {
    /// Adds what profiling showed to its run: all of it, or nothing.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn add_profile(
        &mut self,
        run: &RunId,
        model: &Model,
        target: &Target,
        report: &ProfileReport,
        facts: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        self.in_transaction("adding a profile", |transaction| {
            let adapter = insert_adapter(transaction, &report.adapter)?;
            let (name, digest, target) = (&model.manifest.name, &model.digest, target.to_string());
            let row = params![run, name, digest, target, adapter, report.inferences, json(facts)];
            transaction.execute("insert into profiles values (?, ?, ?, ?, ?, ?, ?)", row)?;
            insert_dispatches(transaction, run, &report.dispatches)
        })
    }

    /// Everything stored of a profiled run.
    ///
    /// # Errors
    /// When there is no such run or the database cannot be read.
    pub fn profile(&self, run: &RunId) -> Result<Profile, Error> {
        let sql = "select position, gpu_ms from dispatch_times where run_id = ? order by turn";
        let mut times: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for (position, gpu_ms) in self.rows(sql, run, |row| Ok((row.get(0)?, row.get(1)?)))? {
            times.entry(position).or_default().push(gpu_ms);
        }
        let sql = "select position, program, node, kernel, workgroups, flops, bytes from dispatches where run_id = ? order by position";
        let dispatches = self.rows(sql, run, |row| {
            let name = DispatchName {
                program: row.get(1)?,
                node: row.get(2)?,
                kernel: row.get(3)?,
                workgroups: parsed(row.get(4)?).unwrap_or_default(),
                work: Work { flops: row.get(5)?, bytes: row.get(6)? },
            };
            Ok(DispatchTimes { name, gpu_ms: times.get(&row.get(0)?).cloned().unwrap_or_default() })
        })?;
        let sql = format!(
            "select model, model_digest, target, inferences, facts, {ADAPTER} from profiles \
             join adapters on adapters.id = adapter_id where run_id = ?"
        );
        let of_run = self.run(run)?;
        let read = |row: &Row<'_>| {
            Ok(Profile {
                run: of_run.clone(),
                model: row.get(0)?,
                model_digest: row.get(1)?,
                target: row.get(2)?,
                adapter: read_adapter(row, 5)?.unwrap_or_default(),
                inferences: row.get(3)?,
                facts: parsed(row.get(4)?).unwrap_or_default(),
                dispatches: dispatches.clone(),
                peaks: Peaks::default(),
            })
        };
        let profile = self.rows(&sql, run, read)?.pop();
        let profile = profile.ok_or_else(|| Error::Row(format!("run {run} has no profile")))?;
        let browser = profile.target.split_once('@').map(|(_, browser)| browser);
        Ok(Profile { peaks: self.peaks(&profile.adapter, browser)?, ..profile })
    }
}

fn insert_dispatches(
    transaction: &Transaction<'_>,
    run: &RunId,
    dispatches: &[DispatchTimes],
) -> duckdb::Result<()> {
    let mut rows = transaction.appender("dispatches")?;
    for (position, DispatchTimes { name, .. }) in (0u32..).zip(dispatches) {
        let workgroups = json(&name.workgroups);
        let Work { flops, bytes } = name.work;
        rows.append_row(params![
            run,
            position,
            name.program,
            name.node,
            name.kernel,
            workgroups,
            flops,
            bytes
        ])?;
    }
    rows.flush()?;
    let mut times = transaction.appender("dispatch_times")?;
    for (position, DispatchTimes { gpu_ms, .. }) in (0u32..).zip(dispatches) {
        for (turn, gpu_ms) in (0u32..).zip(gpu_ms) {
            times.append_row(params![run, position, turn, gpu_ms])?;
        }
    }
    times.flush()
}
