//! Reads measurements for comparisons, histories and gates: trials of any run, by one metric.

use std::collections::{BTreeSet, HashMap};
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
        let runs = wanted.run.map(|run| self.shards(run)).transpose()?;
        let oldest =
            wanted.latest_runs.map(|latest| self.oldest(latest, wanted, runs.as_deref())).transpose()?;
        let known = self.known(wanted)?;
        let mut values = Values::default();
        let sql = trials_sql(metric, wanted, (runs.as_deref(), oldest.flatten()), &mut values);
        let trials = self.query(READING, &sql, params_from_iter(values.0), |row| read(row, &known))?;
        let trials = trials.into_iter().flatten().collect::<Result<Vec<_>, Error>>()?;
        let mut trials = match wanted.latest_runs {
            Some(latest) => latest_of(trials, latest),
            None => trials,
        };
        trials.sort_by_key(|trial| trial.place);
        Ok(trials.into_iter().map(|trial| trial.measurement).collect())
    }

    /// The first trial of the runs that are among the latest of any case that is chosen: identifiers rise with time, so that of
    /// millions of trials those from it on are read. Each run and each case is a small number here: they are ranked sooner so.
    fn oldest(
        &self,
        latest: usize,
        wanted: &Wanted<'_>,
        runs: Option<&[RunId]>,
    ) -> Result<Option<String>, Error> {
        let mut values = Values::default();
        let chosen = values.among("trials.run_id", runs) + &wanted.of_cases(&mut values);
        // A run takes a case once, but in rounds; telling rows apart takes longer than all else here.
        let sql = format!(
            "with swept as materialized (
                 select id, (row_number() over (order by started_at desc, id desc))::integer as age from runs
                 where kind = 'sweep' and id in (select with_id from same_sweep)
             ),
             chosen as (
                 select cases.rowid as number, age, round from trials join swept on swept.id = run_id
                 join cases on cases.key = case_key where true{chosen}
             ),
             taken as (
                 select number, age from chosen where round is null
                 union all select distinct number, age from chosen where round is not null
             ),
             oldest as (select list_max(min(age, {latest})) as age from taken group by number)
             select min(id)::varchar from trials
             where run_id in (select id from swept where age <= (select max(age) from oldest))"
        );
        let first = self.query(READING, &sql, params_from_iter(values.0), |row| row.get(0))?;
        Ok(first.into_iter().next().flatten())
    }

    /// What many trials share: their runs, cases and adapters.
    fn known(&self, wanted: &Wanted<'_>) -> Result<Known, Error> {
        let sql = format!(
            "select runs.id::varchar, first.id::varchar, {}, runs.version, runs.commit_hash, runs.host_name, \
                 dense_rank() over (order by first.started_at, first.id), coalesce(runs.shard, 0), \
                 row_number() over (order by runs.started_at desc, runs.id desc) \
             from runs join same_sweep on run_id = runs.id and with_id = runs.id join runs as first on first.id = first_id \
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
    /// The condition that chooses among cases.
    fn of_cases(&self, values: &mut Values) -> String {
        let model = self.model.map(|model| format!(" and cases.model = {}", values.mark(model)));
        let target =
            self.target.as_ref().map(|target| format!(" and cases.target = {}", values.mark(target)));
        let like = (!self.like.is_empty()).then(|| {
            let ids = values.marks(self.like);
            format!(
                " and (cases.model, cases.target) in (select known.model, known.target from cases as known \
                 where known.key in (select case_key from trials where run_id in ({ids})))"
            )
        });
        [model, target, like].into_iter().flatten().collect()
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

    fn marks(&mut self, runs: &[RunId]) -> String {
        let marks: Vec<String> = runs.iter().map(|run| self.mark(&run.to_string()) + "::uuid").collect();
        marks.join(", ")
    }

    /// The condition that a column is one of these runs, where it has to be.
    fn among(&mut self, column: &str, runs: Option<&[RunId]>) -> String {
        runs.map_or(String::new(), |runs| {
            format!(" and list_contains([{}]::uuid[], {column})", self.marks(runs))
        })
    }
}

/// The query for the rows that [`read`] takes. What is chosen is found once, and what belongs to it by that: joined all at once,
/// DuckDB reads more.
fn trials_sql(
    metric: Metric,
    wanted: &Wanted<'_>,
    (runs, oldest): (Option<&[RunId]>, Option<String>),
    values: &mut Values,
) -> String {
    let metric = values.mark(metric.name());
    let since =
        oldest.map_or(String::new(), |oldest| format!(" and trials.id >= {}::uuid", values.mark(&oldest)));
    let series = format!("select trial_id, taken from series where metric = {metric} and phase = 'measured'");
    let measured = match wanted.in_short {
        true => format!(
            "{series} and trial_id in (select id from chosen where round is not null)
             union all select trial_id, [median] from metrics where metric = {metric}
                 and trial_id in (select id from chosen where round is null)"
        ),
        false => format!("{series} and trial_id in (select id from chosen)"),
    };
    format!(
        "with chosen as materialized (
             select trials.id, run_id, trials.position, case_key, adapter_id, concurrency, browser_version, driver_version,
                 verdict, trials.message, round, round_position, session, adapter_evidence, trials.started_at
             from trials join cases on cases.key = case_key where true{}{}{since}
         ),
         control as (
             select run_id, taken_at, median(time_ms) as control_ms from controls
             where run_id in (select run_id from chosen) group by run_id, position, taken_at
         )
         select chosen.run_id::varchar, case_key, adapter_id, concurrency, browser_version, driver_version, verdict::varchar,
             message, round, round_position, session, taken, control_ms, adapter_evidence, position
         from chosen left join ({measured}) as measured on measured.trial_id = chosen.id
             asof left join control on control.run_id = chosen.run_id and control.taken_at <= chosen.started_at",
        values.among("trials.run_id", runs),
        wanted.of_cases(values)
    )
}

/// A trial, and where it is among others.
struct Placed {
    measurement: Measurement,
    /// Its sweep, the shard where it took a turn, its position.
    place: (u32, u32, u32),
    /// How many runs of sweeps are later.
    age: u32,
}

/// Those of so many runs of each case, the latest.
fn latest_of(mut trials: Vec<Placed>, runs: usize) -> Vec<Placed> {
    let mut ages: HashMap<String, BTreeSet<u32>> = HashMap::new();
    for trial in &trials {
        ages.entry(trial.measurement.case_key.clone()).or_default().insert(trial.age);
    }
    let first_too_old = ages.into_iter().filter_map(|(key, ages)| Some((key, ages.into_iter().nth(runs)?)));
    let first_too_old: HashMap<String, u32> = first_too_old.collect();
    trials.retain(|trial| first_too_old.get(&trial.measurement.case_key).is_none_or(|age| trial.age < *age));
    trials
}

/// What many trials share, by identifier.
struct Known {
    runs: HashMap<String, KnownRun>,
    cases: HashMap<String, KnownCase>,
    adapters: HashMap<String, Option<Arc<Adapter>>>,
}

/// What a run that counts says of each of its trials.
struct KnownRun {
    run: RunOf,
    versions: Versions,
    /// Its sweep's place among others, by time.
    sweep: u32,
    shard: u32,
    age: u32,
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

fn read_run(row: &Row<'_>) -> duckdb::Result<(String, KnownRun)> {
    let run = RunOf { id: row.get(1)?, started_at: row.get(2)? };
    let (parallax, commit, host) = (row.get(3)?, row.get(4)?, row.get(5)?);
    let versions = Versions { parallax, commit, host, ..Versions::default() };
    Ok((row.get(0)?, KnownRun { run, versions, sweep: row.get(6)?, shard: row.get(7)?, age: row.get(8)? }))
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

/// A trial; nothing where its run does not count: a shard that was run again, or no sweep.
fn read(row: &Row<'_>, known: &Known) -> duckdb::Result<Option<Result<Placed, Error>>> {
    let (run, case_key): (String, String) = (row.get(0)?, row.get(1)?);
    let Some(run) = known.runs.get(&run) else { return Ok(None) };
    let Some(case) = known.cases.get(&case_key) else {
        return Ok(Some(Err(Error::Row(format!("a trial of the run {} has no case", run.run.id)))));
    };
    let adapter: Option<String> = row.get(2)?;
    let verdict: String = row.get(6)?;
    let verdict = match verdict_named(&verdict) {
        Ok(verdict) => verdict,
        Err(error) => return Ok(Some(Err(error))),
    };
    let turn: (Option<u32>, Option<u32>) = (row.get(8)?, row.get(9)?);
    let shard = turn.0.map_or(0, |_| run.shard);
    let measurement = Measurement {
        run: run.run.clone(),
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
            ..run.versions.clone()
        },
        verdict,
        message: row.get(7)?,
        adapter: adapter.and_then(|id| known.adapters.get(&id).cloned().flatten()),
        adapter_evidence: row.get(13)?,
        turn: turn.0.zip(turn.1).map(|(round, position)| turn::Place { round, position }),
        session: row.get(10)?,
        values: numbers(row.get(11)?),
        control_ms: row.get(12)?,
    };
    Ok(Some(Ok(Placed { measurement, place: (run.sweep, shard, row.get(14)?), age: run.age })))
}
