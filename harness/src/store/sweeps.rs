//! The runs that make up one sweep: a run that is whole, or one of each shard.

use duckdb::{Row, params};

use super::{RunId, Store};
use crate::error::Error;

const READING: &str = "looking for the shards of a sweep";

/// Every run of a sweep with what is the same in runs of one sweep: a run that is whole is a sweep of its own; of shards, those
/// of one plan and one name. A shard that was run again takes the place of what it was.
const SWEEPS: &str = "\
    select id, started_at, state, shard, shards, case when shards is null then id::varchar else concat_ws('/', plan_digest, \
        sweep, shards, row_number() over (partition by plan_digest, sweep, shards, shard order by started_at desc)) end as of \
    from runs where kind = 'sweep'";

/// The runs of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepRuns {
    /// Those that are here, in the order of their shards.
    pub runs: Vec<RunId>,
    /// The shards of which there is none.
    pub missing: Vec<i32>,
}

impl Store {
    /// The runs that make up the sweep which a run is part of.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sweep_runs(&self, run: &RunId) -> Result<SweepRuns, Error> {
        let sql = format!(
            "with sweeps as ({SWEEPS}) select id::varchar, shard, shards from sweeps \
             where of = (select of from sweeps where id = ?::uuid) order by shard"
        );
        let read = |row: &Row<'_>| Ok((RunId(row.get(0)?), row.get(1)?, row.get(2)?));
        let found: Vec<(RunId, Option<i32>, Option<i32>)> = self.query(READING, &sql, params![run], read)?;
        let of = found.iter().filter_map(|(_, _, of)| *of).max().unwrap_or(0);
        let is_missing = |number: &i32| found.iter().all(|(_, shard, _)| *shard != Some(*number));
        let missing = (1..=of).filter(is_missing).collect();
        Ok(SweepRuns { runs: found.into_iter().map(|(id, _, _)| id).collect(), missing })
    }

    /// The last sweep before another in which everything that ran passed, all shards of it: one of its runs.
    ///
    /// # Errors
    /// When there is none.
    pub fn last_passing_sweep(&self, before: &RunId) -> Result<RunId, Error> {
        let sql = format!(
            "with sweeps as ({SWEEPS}), ended as (
                 select run_id, bool_or(verdict = 'pass') as passed,
                     bool_or(verdict not in ('pass', 'unsupported', 'unavailable')) as failed
                 from trials group by run_id
             )
             select min(id)::varchar from sweeps left join ended on run_id = id
             where of <> (select of from sweeps where id = ?::uuid)
                 and started_at <= (select started_at from runs where id = ?::uuid)
             group by of
             having bool_and(state = 'finished') and count(*) = coalesce(any_value(shards), 1)
                 and coalesce(bool_or(passed), false) and not coalesce(bool_or(failed), false)
             order by max(started_at) desc limit 1"
        );
        let found = self.query(READING, &sql, params![before, before], |row| Ok(RunId(row.get(0)?)))?;
        let none = || Error::NoBaseline { known: self.last_sweeps().unwrap_or_default() };
        found.into_iter().next().ok_or_else(none)
    }
}
