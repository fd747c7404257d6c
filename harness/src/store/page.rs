//! Reads what the report page asks for besides reports and measurements, all of it of the runs shown alone.

use std::collections::BTreeMap;

use duckdb::{Row, params, params_from_iter};

use super::read::{ADAPTER_NAMES, iso, read_adapter};
use super::{RunId, Store};
use crate::adapter::adapter_name;
use crate::error::Error;
use crate::rows::page::{AskedOf, KernelTime};

const READING: &str = "reading a page";

/// One of the runs that make up a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepRun {
    /// The run.
    pub run: RunId,
    /// Which shard it is, from 1, where the sweep was sharded.
    pub shard: Option<u32>,
    /// Of how many.
    pub shards: Option<u32>,
}

impl Store {
    /// The time now, as reports have it.
    pub(crate) fn now(&self) -> Result<String, Error> {
        let sql = format!("select {}", iso("now()"));
        self.query(READING, &sql, [], |row| row.get(0)).map(|mut all| all.pop().unwrap_or_default())
    }

    /// The runs that make up a sweep: itself, or its shards.
    pub(crate) fn parts(&self, run: &RunId) -> Result<Vec<SweepRun>, Error> {
        let sql = "select id::varchar, shard, shards from same_sweep join runs on id = with_id where run_id = ? \
                   order by shard, started_at";
        let read =
            |row: &Row<'_>| Ok(SweepRun { run: RunId(row.get(0)?), shard: row.get(1)?, shards: row.get(2)? });
        self.query(READING, sql, params![run], read)
    }

    /// What was asked of each case of a run that its trials do not say, by key.
    pub(crate) fn asked(&self, run: &RunId) -> Result<BTreeMap<String, AskedOf>, Error> {
        let sql = "select key, family, modality, samples, coalesce(strict, false) from cases \
                   where key in (select case_key from trials where run_id = ?)";
        let read = |row: &Row<'_>| {
            let asked = AskedOf {
                family: row.get(1)?,
                modality: row.get(2)?,
                samples: row.get(3)?,
                strict: row.get(4)?,
            };
            Ok((row.get(0)?, asked))
        };
        Ok(self.query(READING, sql, params![run], read)?.into_iter().collect())
    }

    /// The kernels of the newest profile of each model on each target that these runs have, the slowest first.
    pub(crate) fn newest_kernels(&self, runs: &[RunId]) -> Result<Vec<KernelTime>, Error> {
        let sql = format!(
            "select profiles.run_id::varchar, model, target, {ADAPTER_NAMES} from profiles \
             join adapters on adapters.id = adapter_id \
             where (model, target) in (select model, target from cases where key in \
                 (select case_key from trials where run_id in ({}))) \
             qualify row_number() over (partition by model, target order by profiles.run_id desc) = 1 \
             order by model, target",
            vec!["?::uuid"; runs.len()].join(", ")
        );
        let read = |row: &Row<'_>| {
            let adapter = read_adapter(row, 3)?.unwrap_or_default();
            Ok((RunId(row.get(0)?), row.get(1)?, row.get(2)?, adapter_name(&adapter)))
        };
        let profiles: Vec<(RunId, String, String, String)> =
            self.query(READING, &sql, params_from_iter(runs), read)?;
        let mut kernels = Vec::new();
        for (run, model, target, adapter) in profiles {
            let sql = "select kernel, dispatches, gpu_ms from kernels where run_id = ? order by gpu_ms desc";
            kernels.extend(self.query(READING, sql, params![run], |row| {
                let (kernel, dispatches, gpu_ms) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let (model, target, adapter) = (model.clone(), target.clone(), adapter.clone());
                Ok(KernelTime { model, target, adapter, kernel, dispatches, gpu_ms })
            })?);
        }
        Ok(kernels)
    }
}
