//! Finds the runs that are one sweep, and puts what they hold in the order of the matrix.

use std::collections::BTreeMap;

use duckdb::{Row, params_from_iter};

use super::{RunId, Store};
use crate::error::Error;
use crate::rows::CaseRow;
use crate::rows::shards::{ShardRun, Shards};

const READING: &str = "looking for the shards of a sweep";

impl Store {
    /// The runs that are one sweep with this one, by shard: itself alone where it is whole.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn shards(&self, run: &RunId) -> Result<Vec<RunId>, Error> {
        let sql = "select with_id::varchar from same_sweep join runs on id = with_id where run_id = ? order by shard";
        self.query(READING, sql, [run], |row| row.get(0).map(RunId))
    }

    /// The run that stands for a whole sweep: the first of its shards, or itself.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn first_shard(&self, run: &RunId) -> Result<RunId, Error> {
        let sql = "select first_id::varchar from same_sweep where run_id = ?";
        let first = self.query(READING, sql, [run], |row| row.get(0).map(RunId))?;
        Ok(first.into_iter().next().unwrap_or_else(|| run.clone()))
    }

    /// What is known of these runs as shards; nothing of one that is whole.
    pub(super) fn shard_rows(&self, runs: &[RunId]) -> Result<Option<Shards>, Error> {
        let columns = "runs.shards, runs.shard, runs.id::varchar, runs.state::varchar, runs.host_name";
        let read = |row: &Row<'_>| {
            let (of, number): (u32, u32) = (row.get(0)?, row.get(1)?);
            Ok((of, ShardRun { number, id: row.get(2)?, state: row.get(3)?, host: row.get(4)? }))
        };
        let of_sweep = format!(
            "select {columns} from runs where shards is not null and id in ({}) order by shard",
            places(runs)
        );
        let here = self.query(READING, &of_sweep, params_from_iter(runs), read)?;
        let (Some(of), Some(one)) = (here.first().map(|(of, _)| *of), runs.first()) else { return Ok(None) };
        let of_name = format!(
            "select {columns} from runs join runs as one on one.id = ? and one.sweep = runs.sweep and one.shards = runs.shards \
             where one.plan_digest <> runs.plan_digest order by runs.shard, runs.started_at"
        );
        let others = self.query(READING, &of_name, [one], read)?;
        let shards = |rows: Vec<(u32, ShardRun)>| rows.into_iter().map(|(_, run)| run).collect();
        Ok(Some(Shards::of(of, shards(here), shards(others))))
    }

    /// Cases of these runs, by their trials, in the order of the matrix: by place in it, but turns shard by shard.
    pub(super) fn in_order(
        &self,
        runs: &[RunId],
        cases: Vec<(String, CaseRow)>,
    ) -> Result<Vec<CaseRow>, Error> {
        let sql = format!(
            "select trials.id::varchar from trials join runs on runs.id = run_id where run_id in ({}) \
             order by if(round is null, 0, shard), position",
            places(runs)
        );
        let order: Vec<String> = self.query(READING, &sql, params_from_iter(runs), |row| row.get(0))?;
        let mut cases: BTreeMap<String, CaseRow> = cases.into_iter().collect();
        Ok(order.iter().filter_map(|trial| cases.remove(trial)).collect())
    }
}

/// A place for each of some values in a statement.
fn places(values: &[RunId]) -> String {
    vec!["?::uuid"; values.len()].join(", ")
}
