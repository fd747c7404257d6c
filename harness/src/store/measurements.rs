//! Reads measurements for comparisons, histories and gates: trials of any run, by one metric.

use std::collections::HashMap;
use std::sync::Arc;

use duckdb::{Row, params_from_iter};
use protocol::{Adapter, Metric};

use super::read::{ADAPTER, iso, numbers, parsed, read_adapter, verdict_named};
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
    /// Of so many runs of each case, the latest.
    pub latest_runs: Option<usize>,
    /// The median in place of all values where a run took a case once, which is all that a history reduces them to.
    pub in_short: bool,
}

impl Store {
    /// Measurements of sweeps by a metric, the earliest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn measurements(&self, metric: Metric, wanted: &Wanted<'_>) -> Result<Vec<Measurement>, Error> {
        let Some(between) = self.between(wanted)? else { return Ok(Vec::new()) };
        let known = self.known(wanted)?;
        let mut values = Values::default();
        let sql = trials_sql(metric, wanted, between.as_ref(), &mut values);
        let trials = self.query(READING, &sql, params_from_iter(values.0), |row| read(row, &known))?;
        trials.into_iter().collect()
    }

    /// Between which identifiers the trials lie. They rise with time, so that of tables of millions of rows a part is read, where
    /// both ends are given as values. Nothing where there are no trials; no ends where any may be meant.
    fn between(&self, wanted: &Wanted<'_>) -> Result<Option<Option<[String; 2]>>, Error> {
        if wanted.run.is_none() && wanted.latest_runs.is_none() {
            return Ok(Some(None));
        }
        let mut values = Values::default();
        let sql = format!(
            "select min(id)::varchar, max(id)::varchar from (
                 select trials.id from trials join runs on runs.id = run_id join cases on cases.key = case_key
                 where {} {}
             )",
            wanted.chosen(&mut values),
            wanted.latest()
        );
        let read = |row: &Row<'_>| Ok([row.get::<_, Option<String>>(0)?, row.get(1)?]);
        let ends = self.query(READING, &sql, params_from_iter(values.0), read)?;
        Ok(match ends.into_iter().next() {
            Some([Some(first), Some(last)]) => Some(Some([first, last])),
            Some(_) | None => None,
        })
    }

    /// What many trials share: their runs, cases and adapters.
    fn known(&self, wanted: &Wanted<'_>) -> Result<Known, Error> {
        let sql = format!(
            "select runs.id::varchar, first.id::varchar, {}, runs.version, runs.commit_hash, runs.host_name from runs \
             join same_sweep on run_id = runs.id and with_id = runs.id join runs as first on first.id = first_id \
             where runs.kind = 'sweep'",
            iso("first.started_at")
        );
        let runs = self.query(READING, &sql, [], read_run)?;
        let mut values = Values::default();
        let sql = format!(
            "select key, model, precision, batch, dimensions::varchar, model_digest, target, coalesce(adapter, 'default'), \
             coalesce(features, ''), temperature, browser_settings_digest, tuning from cases where true{}",
            wanted.of_cases(&mut values)
        );
        let cases = self.query(READING, &sql, params_from_iter(values.0), read_case)?;
        let sql = format!("select id, {ADAPTER} from adapters");
        let read = |row: &Row<'_>| Ok((row.get(0)?, read_adapter(row, 1)?.map(Arc::new)));
        let adapters = self.query(READING, &sql, [], read)?;
        Ok(Known {
            runs: runs.into_iter().collect(),
            cases: cases.into_iter().collect::<Result<_, Error>>()?,
            adapters: adapters.into_iter().collect(),
        })
    }
}

impl Wanted<'_> {
    /// The condition that chooses trials.
    fn chosen(&self, values: &mut Values) -> String {
        let of_run = self.run.map(|run| format!(" where run_id = {}::uuid", values.mark(&run.to_string())));
        format!(
            "runs.kind = 'sweep' and trials.run_id in (select with_id from same_sweep{}){}",
            of_run.unwrap_or_default(),
            self.of_cases(values)
        )
    }

    /// The condition that chooses among cases.
    fn of_cases(&self, values: &mut Values) -> String {
        let model = self.model.map(|model| format!(" and cases.model = {}", values.mark(model)));
        let target =
            self.target.as_ref().map(|target| format!(" and cases.target = {}", values.mark(target)));
        let like = (!self.like.is_empty()).then(|| {
            let ids: Vec<String> =
                self.like.iter().map(|run| values.mark(&run.to_string()) + "::uuid").collect();
            format!(
                " and (cases.model, cases.target) in (select known.model, known.target from cases as known \
                 where known.key in (select case_key from trials where run_id in ({})))",
                ids.join(", ")
            )
        });
        [model, target, like].into_iter().flatten().collect()
    }

    /// The condition that chooses the latest runs of each case.
    fn latest(&self) -> String {
        let latest = |runs: usize| {
            format!(
                "qualify dense_rank() over (partition by case_key order by runs.started_at desc, runs.id desc) <= {runs}"
            )
        };
        self.latest_runs.map(latest).unwrap_or_default()
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
}

/// The query for the rows that [`read`] takes.
fn trials_sql(
    metric: Metric,
    wanted: &Wanted<'_>,
    between: Option<&[String; 2]>,
    values: &mut Values,
) -> String {
    let metric = values.mark(metric.name());
    let ends = between.map(|ends| ends.each_ref().map(|end| values.mark(end)));
    let within = |column: &str| {
        ends.as_ref().map_or(String::new(), |[first, last]| {
            format!(" and {column} between {first}::uuid and {last}::uuid")
        })
    };
    let (of_rows, of_trials) = (within("trial_id"), within("trials.id"));
    let of_runs =
        if wanted.run.is_some() { "where run_id in (select run_id from trials where true" } else { "" };
    let of_runs = if of_runs.is_empty() { String::new() } else { format!("{of_runs}{of_trials})") };
    let series =
        format!("select trial_id, taken from series where metric = {metric} and phase = 'measured'{of_rows}");
    let measured = match wanted.in_short {
        true => format!(
            "{series} and trial_id in (select id from trials where round is not null{of_trials})
             union all select trial_id, [median] from metrics where metric = {metric}{of_rows}
                 and trial_id not in (select id from trials where round is not null{of_trials})"
        ),
        false => series,
    };
    format!(
        "with control as (
             select run_id, taken_at, median(time_ms) as control_ms from controls {of_runs}
             group by run_id, position, taken_at
         )
         select trials.run_id::varchar, case_key, adapter_id, concurrency, browser_version, driver_version, verdict::varchar,
             trials.message, round, round_position, session, taken, control_ms, adapter_evidence
         from trials join runs on runs.id = trials.run_id join cases on cases.key = case_key
             join same_sweep on same_sweep.run_id = trials.run_id and with_id = trials.run_id
             join runs as first on first.id = first_id
             left join ({measured}) as measured on measured.trial_id = trials.id
             asof left join control on control.run_id = trials.run_id and control.taken_at <= trials.started_at
         where {}{of_trials} {}
         order by first.started_at, first.id, if(round is null, 0, runs.shard), trials.position",
        wanted.chosen(values),
        wanted.latest()
    )
}

/// What many trials share, by identifier.
struct Known {
    runs: HashMap<String, (RunOf, Versions)>,
    cases: HashMap<String, KnownCase>,
    adapters: HashMap<String, Option<Arc<Adapter>>>,
}

/// What a case says of each of its trials.
struct KnownCase {
    subject: Subject,
    model_digest: String,
    place: Place,
    temperature: Option<String>,
    settings: Option<String>,
    tuning: Option<String>,
}

fn read_run(row: &Row<'_>) -> duckdb::Result<(String, (RunOf, Versions))> {
    let run = RunOf { id: row.get(1)?, started_at: row.get(2)? };
    let (parallax, commit, host) = (row.get(3)?, row.get(4)?, row.get(5)?);
    Ok((row.get(0)?, (run, Versions { parallax, commit, host, ..Versions::default() })))
}

fn read_case(row: &Row<'_>) -> duckdb::Result<Result<(String, KnownCase), Error>> {
    let target: String = row.get(6)?;
    let target = match target.parse() {
        Ok(target) => target,
        Err(error) => return Ok(Err(Error::Row(format!("{error}")))),
    };
    let adapter: String = row.get(7)?;
    let case = KnownCase {
        subject: Subject {
            model: row.get(1)?,
            precision: row.get(2)?,
            batch: row.get(3)?,
            dimensions: parsed(row.get(4)?).unwrap_or_default(),
        },
        model_digest: row.get(5)?,
        place: Place { target, adapter: adapter.into(), features: row.get(8)? },
        temperature: row.get(9)?,
        settings: row.get(10)?,
        tuning: row.get(11)?,
    };
    Ok(Ok((row.get(0)?, case)))
}

fn read(row: &Row<'_>, known: &Known) -> duckdb::Result<Result<Measurement, Error>> {
    let (run, case_key): (String, String) = (row.get(0)?, row.get(1)?);
    let (Some((run, of_run)), Some(case)) = (known.runs.get(&run), known.cases.get(&case_key)) else {
        return Ok(Err(Error::Row(format!("a trial of the run {run} has no run or no case"))));
    };
    let adapter: Option<String> = row.get(2)?;
    let verdict: String = row.get(6)?;
    let verdict = match verdict_named(&verdict) {
        Ok(verdict) => verdict,
        Err(error) => return Ok(Err(error)),
    };
    let turn: (Option<u32>, Option<u32>) = (row.get(8)?, row.get(9)?);
    Ok(Ok(Measurement {
        run: run.clone(),
        case_key,
        subject: case.subject.clone(),
        model_digest: case.model_digest.clone(),
        place: case.place.clone(),
        conditions: Conditions { concurrency: row.get(3)?, temperature: case.temperature.clone() },
        versions: Versions {
            browser: row.get(4)?,
            driver: row.get(5)?,
            settings: case.settings.clone(),
            tuning: case.tuning.clone(),
            ..of_run.clone()
        },
        verdict,
        message: row.get(7)?,
        adapter: adapter.and_then(|id| known.adapters.get(&id).cloned().flatten()),
        adapter_evidence: row.get(13)?,
        turn: turn.0.zip(turn.1).map(|(round, position)| turn::Place { round, position }),
        session: row.get(10)?,
        values: numbers(row.get(11)?),
        control_ms: row.get(12)?,
    }))
}
