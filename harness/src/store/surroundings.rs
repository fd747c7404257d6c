//! What is kept of a run besides its trials: the drift control, how sessions opened, what cases took.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use duckdb::{Params, Row, Transaction, params};

use super::bulk::timestamp;
use super::{RunId, Store, failed};
use crate::error::Error;
use crate::rows::time_spent::TimeSpent;
use crate::session::{Opening, SessionKind};

impl Store {
    /// Adds one timing of the drift control, in milliseconds for each repetition.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn add_control(
        &mut self,
        run: &RunId,
        position: u32,
        taken: (&[f64], SystemTime, u32),
    ) -> Result<(), Error> {
        self.in_transaction("adding the drift control", |transaction| {
            insert_control(transaction, run, position, taken)
        })
    }

    /// Adds how a session was opened.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn add_session(
        &mut self,
        run: &RunId,
        number: u32,
        kind: &SessionKind,
        opening: Opening,
    ) -> Result<(), Error> {
        self.in_transaction("adding a session", |transaction| {
            let Opening { driver_ms, browser_ms, navigation_ms, module_ms } = opening;
            let row = params![run, number, kind.to_string(), driver_ms, browser_ms, navigation_ms, module_ms];
            transaction.execute("insert into sessions values (?, ?, ?, ?, ?, ?, ?, null)", row).map(|_| ())
        })
    }

    /// Notes how long a session took to end.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn close_session(&mut self, run: &RunId, number: u32, took_ms: f64) -> Result<(), Error> {
        let sql = "update sessions set closing_ms = ? where run_id = ? and number = ?";
        let updated = self.connection.execute(sql, params![took_ms, run, number]);
        updated.map(|_| ()).map_err(failed("noting the end of a session"))
    }

    /// Where the time of a run went; nothing where jobs ran at the same time, or it is not over.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn time_spent(&self, run: &RunId) -> Result<Option<TimeSpent>, Error> {
        let all = self.rows(
            "select epoch(finished_at) - epoch(started_at), \
             (select max(concurrency) from trials where run_id = runs.id), \
             (select count(*) from trials where run_id = runs.id and session is not null), \
             (select sum(time_ms) from controls where run_id = runs.id), \
             (select coalesce(sum(epoch(finished_at) - epoch(started_at)), 0) from trials where run_id = runs.id \
                 and not exists (select 1 from metrics where trial_id = trials.id and metric = 'wall_ms')) \
             from runs where id = ?",
            run,
            |row| {
                let (total_s, concurrency): (Option<f64>, Option<u32>) = (row.get(0)?, row.get(1)?);
                let (cases, control_ms): (usize, Option<f64>) = (row.get(2)?, row.get(3)?);
                Ok((total_s, concurrency, cases, control_ms.unwrap_or_default(), row.get::<_, f64>(4)? * 1e3))
            },
        )?;
        let Some(&(Some(total_s), Some(1), cases, control_ms, failed_ms)) = all.first() else {
            return Ok(None);
        };
        let opening = "select sum(driver_ms), sum(browser_ms), sum(navigation_ms), sum(module_ms), sum(closing_ms) \
                       from sessions where run_id = ?";
        let sessions = self.rows(opening, run, |row| {
            (0..5)
                .map(|at| Ok(row.get::<_, Option<f64>>(at)?.unwrap_or_default()))
                .collect::<duckdb::Result<Vec<_>>>()
        })?;
        let metrics = self.sums(run)?;
        Ok(Some(TimeSpent::of(
            total_s * 1e3,
            cases,
            control_ms,
            failed_ms,
            &sessions.concat(),
            &metrics.into_iter().collect(),
        )))
    }

    /// The sums of each metric over all cases of a run.
    fn sums(&self, run: &RunId) -> Result<Vec<(String, f64)>, Error> {
        let ends = "select min(id)::varchar, max(id)::varchar from trials where run_id = ?";
        let ends: Vec<(Option<String>, Option<String>)> =
            self.rows(ends, run, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (first, last) = ends.into_iter().next().unwrap_or_default();
        // Identifiers rise with time: where both ends are values, no more is read than this run has.
        let sql = "select metric, sum(list_sum(taken)) from series join trials on trials.id = trial_id \
                   where run_id = ? and trial_id between ?::uuid and ?::uuid and phase = 'measured' group by metric";
        self.query("reading what a run took", sql, params![run, first, last], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    /// What each case took, by its key: the median over the runs before.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn durations(&self) -> Result<BTreeMap<String, Duration>, Error> {
        self.durations_of("true", [])
    }

    /// What each case took before a sweep in so many shards, of this name: what its own shards took would have each of them deal
    /// otherwise than the one before. Without a name, its shards are those of the last day.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn durations_before(
        &self,
        shards: u32,
        sweep: Option<&str>,
    ) -> Result<BTreeMap<String, Duration>, Error> {
        let is_earlier = "run_id not in (select id from runs where shards = ? and sweep is not distinct from ? \
                          and (sweep is not null or started_at > now() - interval 24 hours))";
        self.durations_of(is_earlier, params![shards, sweep])
    }

    /// What each case took in trials that are so.
    fn durations_of(
        &self,
        condition: &str,
        values: impl Params,
    ) -> Result<BTreeMap<String, Duration>, Error> {
        let sql = format!(
            "select case_key, median(epoch(finished_at) - epoch(started_at)) from trials \
             where actual_target is not null and {condition} group by case_key"
        );
        let read = |row: &Row<'_>| {
            let seconds: f64 = row.get(1)?;
            Ok((row.get(0)?, Duration::try_from_secs_f64(seconds).unwrap_or_default()))
        };
        Ok(self.query("reading what cases took", &sql, values, read)?.into_iter().collect())
    }
}

/// Adds one timing of the drift control: milliseconds of each repetition, when, and how many jobs ran at the same time.
pub(super) fn insert_control(
    transaction: &Transaction<'_>,
    run: &RunId,
    position: u32,
    (times_ms, at, concurrency): (&[f64], SystemTime, u32),
) -> duckdb::Result<()> {
    let mut rows = transaction.appender("controls")?;
    for (repetition, time_ms) in (0i32..).zip(times_ms) {
        rows.append_row(params![run, position, repetition, timestamp(at), concurrency, time_ms])?;
    }
    rows.flush()
}
