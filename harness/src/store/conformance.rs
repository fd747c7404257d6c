//! Node tests in the store: a target begins, its tests come in batch by batch, it ends; and the way back.

use std::collections::BTreeMap;
use std::time::SystemTime;

use duckdb::{Row, params};
use protocol::{Adapter, Target, Tolerance, Verdict};

use super::read::{iso, parsed, verdict_named};
use super::write::{epoch_s, json};
use super::{RunId, Store, failed};
use crate::error::Error;
use crate::rows::conformance::{Conformance, TargetRow, TestRow};

/// A target's row, as far as it is known before its first test.
#[derive(Debug)]
pub struct TargetBegun<'a> {
    /// Its place in the order asked for, from 0.
    pub position: u32,
    /// The target.
    pub target: &'a Target,
    /// Which tests.
    pub suite: &'a str,
    /// How far a float may be off.
    pub tolerance: Tolerance,
}

/// The rest of a target's row, known after its last test.
#[derive(Debug, Default)]
pub struct TargetEnded {
    /// Why nothing was run, and what to do.
    pub unavailable: Option<String>,
    /// The adapter that computed.
    pub adapter: Option<Adapter>,
    /// The session's versions, flags and preferences.
    pub facts: BTreeMap<String, String>,
    /// The operators that the target reads at all.
    pub operators: Vec<String>,
    /// Where the time went.
    pub phases_ms: BTreeMap<String, f64>,
}

impl Store {
    /// Adds a target to a run.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn begin_target(
        &mut self,
        run: &RunId,
        begun: &TargetBegun<'_>,
        at: SystemTime,
    ) -> Result<(), Error> {
        self.check_file()?;
        let sql = "insert into conformance_targets (run_id, position, target, suite, relative_tolerance, \
                   absolute_tolerance, started_at) values (?, ?, ?, ?, ?, ?, to_timestamp(?))";
        let TargetBegun { position, target, suite, tolerance } = begun;
        let Tolerance { relative, absolute } = tolerance;
        let row = params![run, position, target.to_string(), suite, relative, absolute, epoch_s(at)];
        self.connection.execute(sql, row).map(|_| ()).map_err(failed("adding a target"))
    }

    /// Adds the tests of one batch: all of them, or none.
    ///
    /// # Errors
    /// When the database cannot take them.
    pub fn add_tests(&mut self, run: &RunId, target: &Target, tests: &[TestRow]) -> Result<(), Error> {
        let target = target.to_string();
        self.in_transaction("adding node tests", |transaction| {
            let mut rows = transaction.appender("conformance_tests")?;
            for TestRow { test, operators, wall_ms, verdict, message } in tests {
                let verdict = verdict.name();
                rows.append_row(params![run, target, test, json(operators), wall_ms, verdict, message])?;
            }
            rows.flush()
        })
    }

    /// Adds what is known of a target once its last test is in.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn end_target(
        &mut self,
        run: &RunId,
        target: &Target,
        ended: &TargetEnded,
        at: SystemTime,
    ) -> Result<(), Error> {
        let sql = "update conformance_targets set unavailable = ?, finished_at = to_timestamp(?), adapter = ?, facts = ?, \
                   operators = ?, phases_ms = ? where run_id = ? and target = ?";
        let row = params![
            ended.unavailable,
            epoch_s(at),
            ended.adapter.as_ref().map(json),
            json(&ended.facts),
            json(&ended.operators),
            json(&ended.phases_ms),
            run,
            target.to_string(),
        ];
        self.connection.execute(sql, row).map(|_| ()).map_err(failed("finishing a target"))
    }

    /// Everything stored of a run of node tests, its targets in the order asked for.
    ///
    /// # Errors
    /// When there is no such run or the database cannot be read.
    pub fn conformance(&self, run: &RunId) -> Result<Conformance, Error> {
        let sql = format!(
            "select target, suite, relative_tolerance, absolute_tolerance, unavailable, \
             {}, {}, (epoch_us(finished_at) - epoch_us(started_at)) / 1e6, adapter, facts, operators, phases_ms \
             from conformance_targets where run_id = ? order by position",
            iso("started_at"),
            iso("finished_at")
        );
        let mut targets: Vec<TargetRow> = self.rows(&sql, run, read_target)?;
        let sql = "select target, test, operators, wall_ms, verdict, message from conformance_tests where run_id = ? \
                   order by test";
        for (target, verdict, test) in self.rows(sql, run, read_test)? {
            let row = TestRow { verdict: verdict_named(&verdict)?, ..test };
            targets.iter_mut().filter(|known| known.target == target).for_each(|t| t.tests.push(row.clone()));
        }
        Ok(Conformance { run: self.run(run)?, targets })
    }
}

fn read_target(row: &Row<'_>) -> duckdb::Result<TargetRow> {
    Ok(TargetRow {
        target: row.get(0)?,
        suite: row.get(1)?,
        tolerance: Tolerance { relative: row.get(2)?, absolute: row.get(3)? },
        unavailable: row.get(4)?,
        started_at: row.get(5)?,
        finished_at: row.get(6)?,
        wall_s: row.get(7)?,
        adapter: parsed(row.get(8)?),
        facts: parsed(row.get(9)?).unwrap_or_default(),
        operators: parsed(row.get(10)?).unwrap_or_default(),
        phases_ms: parsed(row.get(11)?).unwrap_or_default(),
        tests: Vec::new(),
        unexpected: Vec::new(),
    })
}

fn read_test(row: &Row<'_>) -> duckdb::Result<(String, String, TestRow)> {
    let operators = parsed(row.get(2)?).unwrap_or_default();
    let (wall_ms, message) = (row.get(3)?, row.get(5)?);
    let test = TestRow { test: row.get(1)?, operators, wall_ms, verdict: Verdict::Error, message };
    Ok((row.get(0)?, row.get(4)?, test))
}
