//! Reads a run back as a report. Reports see the store and nothing else.

use std::collections::BTreeMap;

use duckdb::{Row, params};
use protocol::{Adapter, OutputCheck, Verdict};

use super::{RunId, Store, failed};
use crate::error::Error;
use crate::rows::{CaseRow, Host, Measured, Report, Run};
use crate::statistics::{Interval, Summary};

const READING: &str = "reading a run";
/// How timestamps are written in reports: ISO 8601, UTC.
pub(super) const ISO: &str = "'%Y-%m-%dT%H:%M:%S.%gZ'";

impl Store {
    /// Everything stored of a sweep, its cases in the order of the matrix.
    ///
    /// # Errors
    /// When there is no such run or the database cannot be read.
    pub fn report(&self, run: RunId) -> Result<Report, Error> {
        Ok(Report { run: self.run(run)?, cases: self.cases(run)? })
    }

    pub(super) fn run(&self, run: RunId) -> Result<Run, Error> {
        let sql = format!(
            "select id, state, strftime(started_at, {ISO}), strftime(finished_at, {ISO}), version, host_os, \
             host_architecture, host_logical_cpus from runs where id = ?"
        );
        let read = |row: &Row<'_>| {
            let host =
                Host { os: row.get(5)?, architecture: row.get(6)?, logical_cpus: row.get::<_, i32>(7)? };
            Ok(Run {
                id: row.get(0)?,
                state: row.get(1)?,
                started_at: row.get(2)?,
                finished_at: row.get(3)?,
                version: row.get(4)?,
                host,
            })
        };
        self.connection.query_row(&sql, params![run], read).map_err(failed(READING))
    }

    fn cases(&self, run: RunId) -> Result<Vec<CaseRow>, Error> {
        let sql = format!(
            "select id, model, target, actual_target, verdict, message, max_abs_error, tolerance, adapter, \
             case_key, precision, batch, concurrency, strftime(started_at, {ISO}), \
             strftime(finished_at, {ISO}) from trials where run_id = ? order by position"
        );
        let trials: Vec<(i64, String, CaseRow)> = self.rows(&sql, run, read_case)?;
        trials.into_iter().map(|(id, verdict, row)| self.complete(id, &verdict, row)).collect()
    }

    fn complete(&self, trial: i64, verdict: &str, row: CaseRow) -> Result<CaseRow, Error> {
        Ok(CaseRow {
            verdict: verdict_named(verdict)?,
            metrics: self.metrics(trial)?,
            checks: self.checks(trial)?,
            features: self.features(trial)?,
            ..row
        })
    }

    fn metrics(&self, trial: i64) -> Result<BTreeMap<String, Measured>, Error> {
        let sql = "select metric, median, low, high, n from metrics where trial_id = ?";
        let summaries: Vec<(String, Summary)> = self.rows(sql, trial, |row| {
            let n: i32 = row.get(4)?;
            let ends: (Option<f64>, Option<f64>) = (row.get(2)?, row.get(3)?);
            let interval = ends.0.zip(ends.1).map(|(low, high)| Interval { low, high });
            Ok((row.get(0)?, Summary { median: row.get(1)?, interval, n: n.max(0) as usize }))
        })?;
        let sql = "select metric, value from samples where trial_id = ? order by metric, position";
        let mut samples: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (metric, value) in self.rows(sql, trial, |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))? {
            samples.entry(metric).or_default().push(value);
        }
        let measured = |(metric, summary): (String, Summary)| {
            let samples = samples.remove(&metric).unwrap_or_default();
            (metric, Measured { summary, samples })
        };
        Ok(summaries.into_iter().map(measured).collect())
    }

    fn checks(&self, trial: i64) -> Result<Vec<OutputCheck>, Error> {
        let sql = "select output, elements, max_abs_error, mean_abs_error, cosine_similarity, fault, \
                   max_abs_error_at, scaled_error, scaled_error_at from checks where trial_id = ? order by rowid";
        self.rows(sql, trial, |row| {
            Ok(OutputCheck {
                output: row.get(0)?,
                elements: row.get(1)?,
                max_abs_error: row.get(2)?,
                mean_abs_error: row.get(3)?,
                cosine_similarity: row.get(4)?,
                fault: row.get(5)?,
                max_abs_error_at: place(row.get(6)?),
                scaled_error: row.get::<_, Option<f64>>(7)?.unwrap_or(f64::INFINITY),
                scaled_error_at: place(row.get(8)?),
            })
        })
    }

    fn features(&self, trial: i64) -> Result<BTreeMap<String, String>, Error> {
        let sql = "select name, value from features where trial_id = ?";
        Ok(self.rows(sql, trial, |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
    }

    pub(super) fn rows<T>(
        &self,
        sql: &str,
        id: i64,
        read: fn(&Row<'_>) -> duckdb::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let rows = || self.connection.prepare(sql)?.query_map(params![id], read)?.collect::<Result<_, _>>();
        rows().map_err(failed(READING))
    }
}

/// The place of an element; nothing where none was stored.
fn place(text: Option<String>) -> Vec<usize> {
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// The verdict that was stored under this name.
pub(super) fn verdict_named(name: &str) -> Result<Verdict, Error> {
    let known = Verdict::ALL.into_iter().find(|known| known.name() == name);
    known.ok_or_else(|| Error::Row(format!("its verdict is \"{name}\"")))
}

fn read_case(row: &Row<'_>) -> duckdb::Result<(i64, String, CaseRow)> {
    let adapter: Option<String> = row.get(8)?;
    let case = CaseRow {
        model: row.get(1)?,
        target: row.get(2)?,
        actual_target: row.get(3)?,
        verdict: Verdict::Error,
        message: row.get(5)?,
        max_abs_error: row.get(6)?,
        tolerance: row.get(7)?,
        adapter: adapter.and_then(|text| serde_json::from_str::<Adapter>(&text).ok()),
        metrics: BTreeMap::new(),
        case_key: row.get(9)?,
        precision: row.get(10)?,
        batch: row.get(11)?,
        concurrency: row.get(12)?,
        started_at: row.get(13)?,
        finished_at: row.get(14)?,
        checks: Vec::new(),
        features: BTreeMap::new(),
    };
    Ok((row.get(0)?, row.get(4)?, case))
}
