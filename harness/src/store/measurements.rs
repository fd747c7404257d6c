//! Reads measurements for comparisons, histories and gates: trials of any run, by one metric.

use duckdb::{Row, params_from_iter};
use protocol::Metric;

use super::read::{ADAPTER, iso, numbers, parsed, read_adapter, verdict_named};
use super::{RunId, Store};
use crate::error::Error;
use crate::rows::measurement::{Conditions, Measurement, Place, RunOf, Subject, Versions};
use crate::turn;

const READING: &str = "reading measurements";

/// The measurements asked for; what is none is not restricted.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Of this run.
    pub run: Option<&'a RunId>,
    /// Of this model.
    pub model: Option<&'a str>,
    /// Of this target, as asked.
    pub target: Option<String>,
}

impl Store {
    /// Measurements of sweeps by a metric, the earliest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn measurements(&self, metric: Metric, wanted: &Wanted<'_>) -> Result<Vec<Measurement>, Error> {
        let mut values = vec![metric.name().to_owned()];
        let mut conditions = String::new();
        let mut restrict = |condition: &str, value: Option<String>| {
            if let Some(value) = value {
                conditions += condition;
                values.push(value);
            }
        };
        restrict(" and runs.id = ?::uuid", wanted.run.map(ToString::to_string));
        restrict(" and cases.model = ?", wanted.model.map(str::to_owned));
        restrict(" and cases.target = ?", wanted.target.clone());
        let sql = format!(
            "with control as (
                 select run_id, taken_at, median(time_ms) as control_ms from controls
                 group by run_id, position, taken_at
             )
             select runs.id::varchar, {}, case_key, model, precision, batch, dimensions::varchar, model_digest, target,
                 coalesce(cases.adapter, 'default'), coalesce(cases.features, ''), concurrency, temperature,
                 browser_version, driver_version, runs.version, commit_hash, host_name, browser_settings_digest,
                 cases.tuning, verdict::varchar, trials.message, trials.round, round_position, session, taken, control_ms,
                 adapter_evidence, {ADAPTER}
             from trials join runs on runs.id = trials.run_id join cases on cases.key = case_key
                 left join adapters on adapters.id = adapter_id 
                 left join series on series.trial_id = trials.id and metric = ? and phase = 'measured'
                 asof left join control on control.run_id = trials.run_id and control.taken_at <= trials.started_at
             where runs.kind = 'sweep'{conditions}
             order by runs.started_at, trials.position",
            iso("runs.started_at")
        );
        let rows = self.query(READING, &sql, params_from_iter(values), read)?;
        rows.into_iter()
            .map(|(target, verdict, incomplete)| complete(&target, &verdict, incomplete))
            .collect()
    }
}

/// What a row says once its target and its verdict are read.
type Incomplete = Box<dyn FnOnce(protocol::Target, protocol::Verdict) -> Measurement>;

fn complete(target: &str, verdict: &str, incomplete: Incomplete) -> Result<Measurement, Error> {
    let target = target.parse().map_err(|error| Error::Row(format!("{error}")))?;
    Ok(incomplete(target, verdict_named(verdict)?))
}

fn read(row: &Row<'_>) -> duckdb::Result<(String, String, Incomplete)> {
    let run = RunOf { id: row.get(0)?, started_at: row.get(1)? };
    let case_key = row.get(2)?;
    let subject = Subject {
        model: row.get(3)?,
        precision: row.get(4)?,
        batch: row.get(5)?,
        dimensions: parsed(row.get(6)?).unwrap_or_default(),
    };
    let model_digest = row.get(7)?;
    let (adapter_choice, features): (String, String) = (row.get(9)?, row.get(10)?);
    let conditions = Conditions { concurrency: row.get(11)?, temperature: row.get(12)? };
    let versions = Versions {
        browser: row.get(13)?,
        driver: row.get(14)?,
        parallax: row.get(15)?,
        commit: row.get(16)?,
        host: row.get(17)?,
        settings: row.get(18)?,
        tuning: row.get(19)?,
    };
    let message = row.get(21)?;
    let turn: (Option<u32>, Option<u32>) = (row.get(22)?, row.get(23)?);
    let turn = turn.0.zip(turn.1).map(|(round, position)| turn::Place { round, position });
    let session = row.get(24)?;
    let values = numbers(row.get(25)?);
    let control_ms = row.get(26)?;
    let adapter_evidence = row.get(27)?;
    let adapter = read_adapter(row, 28)?;
    let incomplete = move |target, verdict| Measurement {
        run,
        case_key,
        subject,
        model_digest,
        place: Place { target, adapter: adapter_choice.into(), features },
        conditions,
        versions,
        verdict,
        message,
        adapter,
        adapter_evidence,
        turn,
        session,
        values,
        control_ms,
    };
    Ok((row.get(8)?, row.get(20)?, Box::new(incomplete)))
}
