//! Reads a run back as a report, each table in one query. Reports see the store and nothing else.

use std::collections::BTreeMap;

use duckdb::types::Value;
use duckdb::{Params, Row, params};
use protocol::{Adapter, Engine, FallbackNode, Metric, OutputCheck, Verdict};
use serde::de::DeserializeOwned;

use super::{RunId, Store, failed};
use crate::adapter::SOFTWARE_THOUGH_HARDWARE;
use crate::error::Error;
use crate::origin::{Host, Origin};
use crate::rows::{CaseRow, Measured, Report, Run};
use crate::statistics::{Interval, Summary};

const READING: &str = "reading a run";

/// An adapter's columns, in the order in which [`read_adapter`] takes them.
pub(super) const ADAPTER: &str = "adapters.vendor, adapters.architecture, adapters.device, adapters.description, \
                                  adapters.backend, adapters.software, adapters.features, adapters.limits";
/// The same without what a name does not need: features and limits are many.
pub(super) const ADAPTER_NAMES: &str = "adapters.vendor, adapters.architecture, adapters.device, adapters.description, \
                                        adapters.backend, adapters.software, null, null";

/// The expression that gives a timestamp as reports have it: ISO 8601, UTC.
pub(super) fn iso(column: &str) -> String {
    format!("strftime(make_timestamp(epoch_us({column})), '%Y-%m-%dT%H:%M:%S.%gZ')")
}

impl Store {
    /// Everything stored of a sweep, of all its shards, its cases in the order of the matrix.
    ///
    /// # Errors
    /// When there is no such run or the database cannot be read.
    pub fn report(&self, run: &RunId) -> Result<Report, Error> {
        self.report_of(run, &self.shards(run)?)
    }

    /// Everything stored of one run, its cases in the order of the matrix.
    ///
    /// # Errors
    /// When there is no such run or the database cannot be read.
    pub fn report_of_run(&self, run: &RunId) -> Result<Report, Error> {
        self.report_of(run, std::slice::from_ref(run))
    }

    fn report_of(&self, run: &RunId, shards: &[RunId]) -> Result<Report, Error> {
        let cases = shards.iter().map(|shard| self.cases(shard, None)).collect::<Result<Vec<_>, _>>()?;
        let time_spent = if let [one] = shards { self.time_spent(one)? } else { None };
        Ok(Report {
            run: self.run(run)?,
            shards: self.shard_rows(shards)?,
            cases: self.in_order(shards, cases.into_iter().flatten().collect())?,
            time_spent,
        })
    }

    /// Returns what is known of a run as a whole.
    pub(crate) fn run(&self, run: &RunId) -> Result<Run, Error> {
        let sql = format!(
            "select id::varchar, state, message, {}, {}, version, commit_hash, command_line, host_name, host_os, \
             host_architecture, host_logical_cpus from runs where id = ?",
            iso("started_at"),
            iso("finished_at")
        );
        let read = |row: &Row<'_>| {
            let host = Host {
                name: row.get(8)?,
                os: row.get(9)?,
                architecture: row.get(10)?,
                logical_cpus: row.get(11)?,
            };
            let origin = Origin {
                version: row.get(5)?,
                commit: row.get(6)?,
                command_line: parsed(row.get(7)?).unwrap_or_default(),
                host,
            };
            Ok(Run {
                id: row.get(0)?,
                state: row.get(1)?,
                message: row.get(2)?,
                started_at: row.get(3)?,
                finished_at: row.get(4)?,
                origin,
            })
        };
        self.connection.query_row(&sql, params![run], read).map_err(failed(READING))
    }

    /// The cases of a run by their trials' identifiers, in the order of the matrix; of one key, where one is named.
    pub(crate) fn cases(&self, run: &RunId, key: Option<&str>) -> Result<Vec<(String, CaseRow)>, Error> {
        let sql = format!(
            "select trials.id::varchar, model, target, actual_target, verdict, message, tolerance, case_key, precision, \
             batch, concurrency, {}, {}, browser_version, driver_version, timer_resolution_ms::varchar, trials.tuning, \
             adapter_evidence, {ADAPTER}, coalesce(cases.adapter, 'default'), round, round_position, cases.dimensions::varchar, cases.features \
             from trials join cases on cases.key = case_key left join adapters on adapters.id = adapter_id \
             where run_id = ? and coalesce(case_key = ?, true) order by position",
            iso("started_at"),
            iso("finished_at")
        );
        let trials = self.query(READING, &sql, params![run, key], read_case)?;
        let of = OfTrials::of(run, trials.iter().map(|(id, ..)| id));
        let (mut metrics, mut checks) = (self.metrics(&of)?, self.checks(&of)?);
        let (mut features, mut fallback_nodes) = (self.features(&of)?, self.placements(&of)?);
        let complete = |(id, verdict, row): (String, String, CaseRow)| {
            let checks = checks.remove(&id).unwrap_or_default();
            let mut metrics: BTreeMap<String, Measured> =
                metrics.remove(&id).unwrap_or_default().into_iter().collect();
            metrics.extend(throughput(&metrics, row.batch));
            let row = CaseRow {
                verdict: verdict_named(&verdict)?,
                max_abs_error: checks.iter().map(|check: &OutputCheck| check.max_abs_error).reduce(f64::max),
                metrics,
                checks,
                software_though_hardware: features
                    .get(&id)
                    .is_some_and(|all| all.iter().any(|(name, _)| name == SOFTWARE_THOUGH_HARDWARE)),
                features: row.features.into_iter().chain(features.remove(&id).unwrap_or_default()).collect(),
                fallback_nodes: fallback_nodes.remove(&id).unwrap_or_default(),
                ..row
            };
            Ok((id, row))
        };
        trials.into_iter().map(complete).collect()
    }

    /// The values of every metric that was taken more than once while warming up, by trial.
    pub(crate) fn warm_ups(
        &self,
        run: &RunId,
        cases: &[(String, CaseRow)],
    ) -> Result<ByTrial<(String, Vec<f64>)>, Error> {
        let sql = "select trial_id::varchar, metric, taken from series where trial_id between ?::uuid and ?::uuid \
                   and phase = 'warm-up' and len(taken) > 1 and trial_id in (select id from trials where run_id = ?)";
        let OfTrials { first, last, .. } = OfTrials::of(run, cases.iter().map(|(id, _)| id));
        let read = |row: &Row<'_>| Ok((row.get(0)?, (row.get(1)?, numbers(row.get(2)?))));
        Ok(by_trial(self.query(READING, sql, params![first, last, run], read)?))
    }

    fn metrics(&self, of: &OfTrials<'_>) -> Result<ByTrial<(String, Measured)>, Error> {
        let sql = "select trial_id::varchar, metric, taken from series join trials on trials.id = trial_id \
                   where run_id = ? and trial_id between ?::uuid and ?::uuid and phase = 'measured'";
        let series = self.of_trials(sql, of, |row| Ok(((row.get(0)?, row.get(1)?), numbers(row.get(2)?))))?;
        let mut samples: BTreeMap<(String, String), Vec<f64>> = series.into_iter().collect();
        let sql = "select trial_id::varchar, metric, median, low, high, n from metrics join trials on trials.id = trial_id \
                   where run_id = ? and trial_id between ?::uuid and ?::uuid";
        let summaries = self.of_trials(sql, of, |row| {
            let ends: (Option<f64>, Option<f64>) = (row.get(3)?, row.get(4)?);
            let interval = ends.0.zip(ends.1).map(|(low, high)| Interval { low, high });
            let n: i32 = row.get(5)?;
            let summary = Summary { median: row.get(2)?, interval, n: n.max(0) as usize };
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, summary))
        })?;
        Ok(by_trial(summaries.into_iter().map(|(trial, metric, summary)| {
            let samples = samples.remove(&(trial.clone(), metric.clone())).unwrap_or_default();
            (trial, (metric, Measured::of(summary, samples)))
        })))
    }

    fn checks(&self, of: &OfTrials<'_>) -> Result<ByTrial<OutputCheck>, Error> {
        let sql = "select trial_id::varchar, output, elements, max_abs_error, mean_abs_error, cosine_similarity, fault, \
                   max_abs_error_at, scaled_error, scaled_error_at from checks join trials on trials.id = trial_id \
                   where run_id = ? and trial_id between ?::uuid and ?::uuid order by checks.position";
        let checks = self.of_trials(sql, of, |row| {
            let check = OutputCheck {
                output: row.get(1)?,
                elements: row.get(2)?,
                max_abs_error: row.get(3)?,
                mean_abs_error: row.get(4)?,
                cosine_similarity: row.get(5)?,
                fault: row.get(6)?,
                max_abs_error_at: parsed(row.get(7)?).unwrap_or_default(),
                scaled_error: row.get::<_, Option<f64>>(8)?.unwrap_or(f64::INFINITY),
                scaled_error_at: parsed(row.get(9)?).unwrap_or_default(),
            };
            Ok((row.get(0)?, check))
        })?;
        Ok(by_trial(checks))
    }

    fn features(&self, of: &OfTrials<'_>) -> Result<ByTrial<(String, String)>, Error> {
        let sql = "select trial_id::varchar, name, value from features join trials on trials.id = trial_id \
                   where run_id = ? and trial_id between ?::uuid and ?::uuid";
        Ok(by_trial(self.of_trials(sql, of, |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?))
    }

    fn placements(&self, of: &OfTrials<'_>) -> Result<ByTrial<FallbackNode>, Error> {
        let sql = "select trial_id::varchar, node, operator, placements.engine, reason from placements \
                   join trials on trials.id = trial_id \
                   where run_id = ? and trial_id between ?::uuid and ?::uuid order by placements.position";
        let read = |row: &Row<'_>| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get::<_, String>(3)?, row.get(4)?)))
        };
        let nodes =
            self.of_trials(sql, of, read)?.into_iter().map(|(trial, (node, operator, engine, reason))| {
                Ok((trial, FallbackNode { node, operator, engine: engine_named(&engine)?, reason }))
            });
        Ok(by_trial(nodes.collect::<Result<Vec<_>, Error>>()?))
    }

    fn of_trials<T>(
        &self,
        sql: &str,
        OfTrials { run, first, last }: &OfTrials<'_>,
        read: impl FnMut(&Row<'_>) -> duckdb::Result<T>,
    ) -> Result<Vec<T>, Error> {
        self.query(READING, sql, params![run, first, last], read)
    }

    pub(super) fn rows<T>(
        &self,
        sql: &str,
        run: &RunId,
        read: impl FnMut(&Row<'_>) -> duckdb::Result<T>,
    ) -> Result<Vec<T>, Error> {
        self.query(READING, sql, params![run], read)
    }

    /// All rows that a query gives; `doing` says what for, should it fail.
    pub(super) fn query<T>(
        &self,
        doing: &'static str,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> duckdb::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let rows = || self.connection.prepare(sql)?.query_map(values, read)?.collect::<Result<_, _>>();
        rows().map_err(failed(doing))
    }
}

/// Trials of a run, and between which identifiers they lie: these rise with time, so that little is read of what belongs to
/// millions of trials, where both ends are given as values.
struct OfTrials<'a> {
    run: &'a RunId,
    first: Option<String>,
    last: Option<String>,
}

impl<'a> OfTrials<'a> {
    fn of<'i>(run: &'a RunId, ids: impl Iterator<Item = &'i String> + Clone) -> OfTrials<'a> {
        OfTrials { run, first: ids.clone().min().cloned(), last: ids.max().cloned() }
    }
}

/// Rows of a child table, by the trial they belong to.
pub(crate) type ByTrial<T> = BTreeMap<String, Vec<T>>;

pub(super) fn by_trial<T>(rows: impl IntoIterator<Item = (String, T)>) -> ByTrial<T> {
    let mut trials = ByTrial::new();
    for (trial, row) in rows {
        trials.entry(trial).or_insert_with(Vec::new).push(row);
    }
    trials
}

/// The rate that follows from the latency.
fn throughput(metrics: &BTreeMap<String, Measured>, batch: u32) -> Option<(String, Measured)> {
    let latency = metrics.get(Metric::LatencyMs.name())?.summary;
    let summary = latency.throughput_per_s(batch)?;
    Some((Metric::ThroughputPerS.name().to_owned(), Measured::of(summary, Vec::new())))
}

/// The verdict that was stored under this name.
pub(super) fn verdict_named(name: &str) -> Result<Verdict, Error> {
    let known = Verdict::ALL.into_iter().find(|known| known.name() == name);
    known.ok_or_else(|| Error::Row(format!("its verdict is \"{name}\"")))
}

fn engine_named(name: &str) -> Result<Engine, Error> {
    let known = Engine::all().find(|known| known.name() == name);
    known.ok_or_else(|| Error::Row(format!("its engine is \"{name}\"")))
}

/// The numbers of a list; nothing where there is none.
pub(super) fn numbers(list: Value) -> Vec<f64> {
    let Value::List(values) = list else { return Vec::new() };
    let number = |value| if let Value::Double(number) = value { Some(number) } else { None };
    values.into_iter().filter_map(number).collect()
}

/// Reads JSON that we wrote; what is not there is nothing.
pub(super) fn parsed<T: DeserializeOwned>(text: Option<String>) -> Option<T> {
    serde_json::from_str(&text?).ok()
}

/// Reads the columns of [`ADAPTER`] from this one on; nothing where they were joined to nothing.
pub(super) fn read_adapter(row: &Row<'_>, first: usize) -> duckdb::Result<Option<Adapter>> {
    let Some(vendor) = row.get(first)? else { return Ok(None) };
    Ok(Some(Adapter {
        vendor,
        architecture: row.get(first + 1)?,
        device: row.get(first + 2)?,
        description: row.get(first + 3)?,
        backend: row.get(first + 4)?,
        software: row.get(first + 5)?,
        features: parsed(row.get(first + 6)?).unwrap_or_default(),
        limits: parsed(row.get(first + 7)?).unwrap_or_default(),
    }))
}

fn read_case(row: &Row<'_>) -> duckdb::Result<(String, String, CaseRow)> {
    let columns = (0..).zip(super::bulk::COLUMNS);
    let features = columns
        .map(|(at, name)| Ok(row.get::<_, Option<String>>(13 + at)?.map(|value| (name.to_owned(), value))));
    let features = features.collect::<duckdb::Result<Vec<_>>>()?;
    let case = CaseRow {
        model: row.get(1)?,
        target: row.get(2)?,
        actual_target: row.get(3)?,
        verdict: Verdict::Error,
        message: row.get(5)?,
        max_abs_error: None,
        tolerance: row.get(6)?,
        adapter_choice: row.get(26)?,
        adapter: read_adapter(row, 18)?,
        software_though_hardware: false,
        metrics: BTreeMap::new(),
        case_key: row.get(7)?,
        precision: row.get(8)?,
        batch: row.get(9)?,
        dimensions: parsed(row.get(29)?).unwrap_or_default(),
        features_off: row.get::<_, Option<String>>(30)?.unwrap_or_default(),
        concurrency: row.get(10)?,
        round: row.get(27)?,
        round_position: row.get(28)?,
        started_at: row.get(11)?,
        finished_at: row.get(12)?,
        checks: Vec::new(),
        fallback_nodes: Vec::new(),
        features: features.into_iter().flatten().collect(),
    };
    Ok((row.get(0)?, row.get(4)?, case))
}
