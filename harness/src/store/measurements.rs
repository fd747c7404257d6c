//! Reads measurements for comparisons, histories and gates: trials of any run, by one metric.

use duckdb::{Row, params_from_iter};
use protocol::Metric;

use super::read::{ADAPTER, ADAPTER_NAMES, iso, numbers, parsed, read_adapter, verdict_named};
use super::{RunId, Store};
use crate::error::Error;
use crate::rows::measurement::{Conditions, Measurement, Place, RunOf, Subject, Versions};
use crate::turn;

const READING: &str = "reading measurements";

/// The measurements asked for; what is none is not restricted.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Of this run and the shards of its sweep.
    pub run: Option<&'a RunId>,
    /// Of this model.
    pub model: Option<&'a str>,
    /// Of this target, as asked.
    pub target: Option<String>,
    /// Of models on targets that these runs have.
    pub like: &'a [RunId],
    /// Of so many runs, the latest that have any of it.
    pub latest_runs: Option<usize>,
    /// The median in place of all values, and no more of an adapter than its names: what a history needs.
    pub in_short: bool,
}

impl Store {
    /// Measurements of sweeps by a metric, the earliest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn measurements(&self, metric: Metric, wanted: &Wanted<'_>) -> Result<Vec<Measurement>, Error> {
        let mut values = Values::default();
        let of_trials = match self.runs_of(wanted)? {
            Some(runs) => match self.trials_of(&runs, &mut values)? {
                None => return Ok(Vec::new()),
                some => some,
            },
            None => None,
        };
        let cells = wanted.cells(&mut values);
        let sql = sql(&values.mark(metric.name()), of_trials.as_ref(), &cells, wanted.in_short);
        let rows = self.query(READING, &sql, params_from_iter(values.0), read)?;
        rows.into_iter()
            .map(|(target, verdict, incomplete)| complete(&target, &verdict, incomplete))
            .collect()
    }

    /// The runs to look at; nothing where that is all of them.
    fn runs_of(&self, wanted: &Wanted<'_>) -> Result<Option<Vec<RunId>>, Error> {
        let Some(most) = wanted.latest_runs else {
            return wanted.run.map(|run| self.shards(run)).transpose();
        };
        let mut values = Values::default();
        let sql = format!(
            "select id::varchar from runs where kind = 'sweep' and id in (
                 select run_id from trials where case_key in (select key from cases where true{})
             ) order by started_at desc limit {most}",
            wanted.cells(&mut values)
        );
        self.query(READING, &sql, params_from_iter(values.0), |row| row.get(0).map(RunId)).map(Some)
    }

    /// The trials of these runs, if there are any, and between which identifiers they lie. These rise with time, so that of tables
    /// of millions of rows only a part is read, where both ends are given as values.
    fn trials_of(&self, runs: &[RunId], values: &mut Values) -> Result<Option<OfTrials>, Error> {
        if runs.is_empty() {
            return Ok(None);
        }
        let ids: Vec<String> = runs.iter().map(ToString::to_string).collect();
        let mut of_runs = Values::default();
        let sql = format!(
            "select min(id)::varchar, max(id)::varchar from trials where run_id in ({})",
            of_runs.list(&ids)
        );
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let ends: Vec<(Option<String>, Option<String>)> =
            self.query(READING, &sql, params_from_iter(of_runs.0), read)?;
        let Some((Some(first), Some(last))) = ends.into_iter().next() else { return Ok(None) };
        Ok(Some(OfTrials {
            of_runs: format!("run_id in ({})", values.list(&ids)),
            between: format!("between {}::uuid and {}::uuid", values.mark(&first), values.mark(&last)),
        }))
    }
}

/// Conditions that choose the trials of some runs.
struct OfTrials {
    of_runs: String,
    between: String,
}

impl Wanted<'_> {
    /// The condition that chooses among cases.
    fn cells(&self, values: &mut Values) -> String {
        let mut condition = String::new();
        if let Some(model) = self.model {
            condition += &format!(" and cases.model = {}", values.mark(model));
        }
        if let Some(target) = &self.target {
            condition += &format!(" and cases.target = {}", values.mark(target));
        }
        if !self.like.is_empty() {
            let ids: Vec<String> = self.like.iter().map(ToString::to_string).collect();
            condition += &format!(
                " and (cases.model, cases.target) in (select known.model, known.target from cases as known \
                 where known.key in (select case_key from trials where run_id in ({})))",
                values.list(&ids)
            );
        }
        condition
    }
}

/// The values of a query, each named by its number.
#[derive(Default)]
struct Values(Vec<String>);

impl Values {
    fn mark(&mut self, value: &str) -> String {
        self.0.push(value.to_owned());
        format!("${}", self.0.len())
    }

    /// Identifiers, apart by commas.
    fn list(&mut self, ids: &[String]) -> String {
        ids.iter().map(|id| self.mark(id) + "::uuid").collect::<Vec<_>>().join(", ")
    }
}

fn sql(metric: &str, of_trials: Option<&OfTrials>, cells: &str, in_short: bool) -> String {
    let (of_runs, of_controls, between) = match of_trials {
        Some(OfTrials { of_runs, between }) => {
            (format!(" and trials.{of_runs}"), format!("where {of_runs}"), format!(" and trial_id {between}"))
        }
        None => Default::default(),
    };
    let (taken, adapter, evidence) = match in_short {
        true => (
            format!("select trial_id, [median] as taken from metrics where metric = {metric}{between}"),
            ADAPTER_NAMES,
            "select null::uuid as trial_id, null::varchar as value where false".to_owned(),
        ),
        false => (
            format!(
                "select trial_id, taken from series where metric = {metric} and phase = 'measured'{between}"
            ),
            ADAPTER,
            format!("select trial_id, value from features where name = 'adapter_evidence'{between}"),
        ),
    };
    format!(
        "with control as (
             select run_id, taken_at, median(time_ms) as control_ms from controls {of_controls}
             group by run_id, position, taken_at
         )
         select first.id::varchar, {}, case_key, model, precision, batch, dimensions::varchar, model_digest, target,
             coalesce(cases.adapter, 'default'), coalesce(cases.features, ''), concurrency, temperature,
             browser_version, driver_version, runs.version, runs.commit_hash, runs.host_name, browser_settings_digest,
             cases.tuning, verdict::varchar, trials.message, trials.round, round_position, session, taken, control_ms,
             evidence.value, {adapter}
         from trials join runs on runs.id = trials.run_id join cases on cases.key = case_key
             join same_sweep on same_sweep.run_id = trials.run_id and with_id = trials.run_id
             join runs as first on first.id = first_id
             left join adapters on adapters.id = adapter_id
             left join ({taken}) as measured on measured.trial_id = trials.id
             left join ({evidence}) as evidence on evidence.trial_id = trials.id
             asof left join control on control.run_id = trials.run_id and control.taken_at <= trials.started_at
         where runs.kind = 'sweep'{of_runs}{cells}
         order by first.started_at, first.id, if(trials.round is null, 0, runs.shard), trials.position",
        iso("first.started_at")
    )
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
