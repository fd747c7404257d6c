//! Finds runs by what people call them.

use std::collections::BTreeMap;

use duckdb::{Row, params};

use super::read::iso;
use super::{RunId, Store};
use crate::error::Error;
use crate::rows::collection::Kind;

const READING: &str = "looking for a run";
/// Runs that a message about a run that is not there names.
const NAMED: usize = 3;

impl Store {
    /// The sweep that a text names: `last`, an identifier, or the beginning of one.
    ///
    /// # Errors
    /// When there is none, or several begin so.
    pub fn find_sweep(&self, name: &str) -> Result<RunId, Error> {
        self.find("kind = 'sweep'", name)
    }

    /// The run of any command that a text names: `last`, an identifier, or the beginning of one.
    ///
    /// # Errors
    /// When there is none, or several begin so.
    pub fn find_run(&self, name: &str) -> Result<RunId, Error> {
        self.find("true", name)
    }

    fn find(&self, condition: &str, name: &str) -> Result<RunId, Error> {
        let sql = format!(
            "select id::varchar, {} from runs where {condition} and (? = 'last' or starts_with(id::varchar, lower(?))) \
             order by started_at desc",
            iso("started_at")
        );
        let found = self.named(&sql, params![name, name])?;
        match &found[..] {
            [(id, _)] => Ok(RunId(id.clone())),
            [(id, _), ..] if name == "last" => Ok(RunId(id.clone())),
            [] if name == "last" => Err(Error::NoSweep),
            [] => Err(Error::NoRun { name: name.to_owned(), known: self.last_sweeps()? }),
            several => Err(Error::SeveralRuns { name: name.to_owned(), known: listed(several) }),
        }
    }

    /// The last sweep before another, of one run or in all its shards, in which everything that ran passed and that took one of
    /// the other's models on the same target: what else the database holds is nothing to hold it against.
    ///
    /// # Errors
    /// When there is none.
    pub fn last_passing_sweep(&self, before: &RunId) -> Result<RunId, Error> {
        let sql = format!(
            "with swept as materialized ( \
                 select run_id, first_id, state, shards, started_at from same_sweep join runs on id = with_id \
                 where run_id = with_id and kind = 'sweep' \
             ), \
             judged as materialized (select with_id as run_id, first_id from same_sweep where run_id = ?::uuid), \
             alike as materialized ( \
                 select key from cases where (model, target) in (select model, target from cases where key in \
                     (select case_key from trials where run_id in (select run_id from judged))) \
             ), \
             verdicts as ( \
                 select run_id, bool_or(verdict = 'pass') as passes, bool_or(case_key in (from alike)) as is_alike, \
                     bool_and(verdict in ('pass', 'unsupported', 'unavailable')) as fails_not from trials group by run_id \
             ) \
             select first_id::varchar, {} from swept left join verdicts using (run_id) \
             where first_id not in (select first_id from judged) group by first_id \
             having bool_and(state = 'finished') and count(*) = any_value(coalesce(shards, 1)) \
                 and bool_or(passes) and bool_or(is_alike) and bool_and(coalesce(fails_not, true)) \
                 and min(started_at) <= (select started_at from runs where id = ?::uuid) \
             order by min(started_at) desc limit 1",
            iso("min(started_at)")
        );
        let found = self.named(&sql, params![before, before])?;
        let none = || Error::NoBaseline { known: self.last_sweeps().unwrap_or_default() };
        found.into_iter().next().map(|(id, _)| RunId(id)).ok_or_else(none)
    }

    /// The models that any sweep had, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn models(&self) -> Result<Vec<String>, Error> {
        self.query(READING, "select distinct model from cases order by model", [], |row| row.get(0))
    }

    /// The family and the modality of each model, where a sweep knew them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn model_kinds(&self) -> Result<BTreeMap<String, Kind>, Error> {
        let sql = "select model, max(family), max(modality) from cases group by model";
        let read = |row: &Row<'_>| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)));
        Ok(self.query(READING, sql, [], read)?.into_iter().collect())
    }

    /// The largest absolute error of each case of a model in each sweep, which is called after the first of its runs.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn largest_errors(&self, model: &str) -> Result<BTreeMap<(String, String), f64>, Error> {
        let sql = "with swept as materialized (from same_sweep where run_id = with_id), \
                   chosen as materialized ( \
                       select id, run_id, case_key from trials where case_key in (select key from cases where model = ?) \
                   ) \
                   select first_id::varchar, case_key, max(max_abs_error) from chosen \
                   join checks on trial_id = chosen.id join swept using (run_id) group by first_id, case_key";
        let read = |row: &Row<'_>| Ok(((row.get(0)?, row.get(1)?), row.get(2)?));
        Ok(self.query(READING, sql, [model], read)?.into_iter().collect())
    }

    /// What one inference of each profiled model has to compute and to move, in operations and bytes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn model_work(&self) -> Result<BTreeMap<String, Vec<f64>>, Error> {
        let sql = "select model, sum(flops), sum(bytes), count(*)::double from profiles join dispatches using (run_id) \
                   group by model, run_id having sum(flops) > 0 and sum(bytes) > 0";
        let read = |row: &Row<'_>| Ok((row.get(0)?, vec![row.get::<_, f64>(1)?, row.get(2)?, row.get(3)?]));
        Ok(self.query(READING, sql, [], read)?.into_iter().collect())
    }

    fn last_sweeps(&self) -> Result<String, Error> {
        let sql = format!(
            "select id::varchar, {} from runs where kind = 'sweep' order by started_at desc",
            iso("started_at")
        );
        let sweeps = self.named(&sql, params![])?;
        Ok(if sweeps.is_empty() { "the database holds no sweep".to_owned() } else { listed(&sweeps) })
    }

    fn named(&self, sql: &str, values: &[&dyn duckdb::ToSql]) -> Result<Vec<(String, String)>, Error> {
        self.query(READING, sql, values, |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

/// Runs in words, the first few.
fn listed(runs: &[(String, String)]) -> String {
    let words: Vec<String> = runs.iter().take(NAMED).map(|(id, at)| format!("{id} of {at}")).collect();
    let more = runs.len().saturating_sub(NAMED);
    words.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}
