//! What is kept of a run besides its trials: the drift control, how sessions opened, what cases took.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use duckdb::params;

use super::write::epoch_s;
use super::{RunId, Store, failed};
use crate::error::Error;
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
        (times_ms, at, concurrency): (&[f64], SystemTime, u32),
    ) -> Result<(), Error> {
        self.in_transaction("adding the drift control", |transaction| {
            let sql = "insert into controls values (?, ?, ?, to_timestamp(?), ?, ?)";
            let mut insert = transaction.prepare(sql)?;
            (0i32..).zip(times_ms).try_for_each(|(repetition, time_ms)| {
                insert
                    .execute(params![run, position, repetition, epoch_s(at), concurrency, time_ms])
                    .map(|_| ())
            })
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
            transaction.execute("insert into sessions values (?, ?, ?, ?, ?, ?, ?)", row).map(|_| ())
        })
    }

    /// What each case took, by its key: the median over the runs before.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn durations(&self) -> Result<BTreeMap<String, Duration>, Error> {
        let sql = "select case_key, median(epoch(finished_at) - epoch(started_at)) from trials \
                   where actual_target is not null group by case_key";
        let durations = || {
            let mut statement = self.connection.prepare(sql)?;
            let rows = statement.query_map([], |row| {
                let seconds: f64 = row.get(1)?;
                Ok((row.get(0)?, Duration::try_from_secs_f64(seconds).unwrap_or_default()))
            })?;
            rows.collect::<Result<_, _>>()
        };
        durations().map_err(failed("reading what cases took"))
    }
}
