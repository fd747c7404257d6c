//! What is kept of a run besides its trials: the drift control, how sessions opened, what cases took.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use duckdb::{Params, Row, Transaction, params};

use super::bulk::timestamp;
use super::{RunId, Store, failed};
use crate::error::Error;
use crate::rows::time_spent::TimeSpent;
use crate::session::{Opening, SessionKind};

const READING: &str = "reading what a run took";

/// The first and the last of a run's trials, where it has any.
type Ends = (Option<String>, Option<String>);

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
        let ends = self.ends(run)?;
        let of_run = "select epoch(finished_at) - epoch(started_at), coalesce(sum(time_ms), 0) \
                      from runs left join controls on run_id = id where id = ? group by id, started_at, finished_at";
        let all = self.rows(of_run, run, |row| Ok((row.get::<_, Option<f64>>(0)?, row.get::<_, f64>(1)?)))?;
        let of_trials = "select max(concurrency), count(session), \
                             coalesce(sum(epoch(finished_at) - epoch(started_at)) filter (where wall.trial_id is null), 0) \
                         from trials left join ( \
                             select trial_id from metrics where metric = 'wall_ms' and trial_id between ?::uuid and ?::uuid \
                         ) as wall on wall.trial_id = id where run_id = ?";
        let of_trials = self.query(READING, of_trials, params![ends.0, ends.1, run], |row| {
            Ok((row.get::<_, Option<u32>>(0)?, row.get::<_, usize>(1)?, row.get::<_, f64>(2)? * 1e3))
        })?;
        let (Some(&(Some(total_s), control_ms)), Some(&(Some(1), cases, failed_ms))) =
            (all.first(), of_trials.first())
        else {
            return Ok(None);
        };
        let opening = "select sum(driver_ms), sum(browser_ms), sum(navigation_ms), sum(module_ms), sum(closing_ms) \
                       from sessions where run_id = ?";
        let sessions = self.rows(opening, run, |row| {
            (0..5)
                .map(|at| Ok(row.get::<_, Option<f64>>(at)?.unwrap_or_default()))
                .collect::<duckdb::Result<Vec<_>>>()
        })?;
        let metrics = self.sums(run, &ends)?;
        Ok(Some(TimeSpent::of(
            total_s * 1e3,
            cases,
            control_ms,
            failed_ms,
            &sessions.concat(),
            &metrics.into_iter().collect(),
        )))
    }

    /// The first and the last of a run's trials. Identifiers rise with time: where both ends are values, no more is read of what
    /// belongs to trials than this run has.
    fn ends(&self, run: &RunId) -> Result<Ends, Error> {
        let sql = "select min(id)::varchar, max(id)::varchar from trials where run_id = ?";
        let ends = self.rows(sql, run, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(ends.into_iter().next().unwrap_or_default())
    }

    /// The sums of each metric over all cases of a run.
    fn sums(&self, run: &RunId, (first, last): &Ends) -> Result<Vec<(String, f64)>, Error> {
        let sql = "select metric, sum(list_sum(taken)) from series join trials on trials.id = trial_id \
                   where run_id = ? and trial_id between ?::uuid and ?::uuid and phase = 'measured' group by metric";
        self.query(READING, sql, params![run, first, last], |row| Ok((row.get(0)?, row.get(1)?)))
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
