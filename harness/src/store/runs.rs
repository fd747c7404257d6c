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
            "with sweeps as ( \
                 select first_id, min(started_at) as began_at, \
                     bool_and(state = 'finished') and count(*) = any_value(coalesce(shards, 1)) as is_whole \
                 from same_sweep join runs on id = with_id where run_id = with_id and kind = 'sweep' group by first_id \
             ), \
             taken as ( \
                 select first_id, verdict, model, target from same_sweep join trials using (run_id) \
                 join cases on key = case_key where run_id = with_id \
             ), \
             judged as (select any_value(first_id) as first_id from same_sweep where run_id = ?::uuid) \
             select first_id::varchar, {} from sweeps \
             where is_whole and first_id <> (select first_id from judged) \
                 and began_at <= (select started_at from runs where id = ?::uuid) \
                 and exists (from taken where taken.first_id = sweeps.first_id and verdict = 'pass') \
                 and not exists (from taken where taken.first_id = sweeps.first_id \
                     and verdict not in ('pass', 'unsupported', 'unavailable')) \
                 and exists (from taken where taken.first_id = sweeps.first_id and (model, target) in \
                     (select model, target from taken join judged using (first_id))) \
             order by began_at desc limit 1",
            iso("began_at")
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

    /// The largest absolute error of each case in each sweep, which is called after the first of its runs.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn largest_errors(&self) -> Result<BTreeMap<(String, String), f64>, Error> {
        let sql = "select first_id::varchar, case_key, max(max_abs_error) from trials \
                   join checks on trial_id = trials.id join same_sweep using (run_id) where run_id = with_id \
                   group by first_id, case_key";
        let read = |row: &Row<'_>| Ok(((row.get(0)?, row.get(1)?), row.get(2)?));
        Ok(self.query(READING, sql, [], read)?.into_iter().collect())
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
