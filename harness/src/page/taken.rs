//! Everything that was read of a sweep before it becomes a page: its runs, its cases, and what they can be held against.

use std::collections::{BTreeMap, HashMap};

use protocol::Metric;

use crate::error::Error;
use crate::rows::measurement::{Measurement, Place, Subject};
use crate::rows::page::AskedOf;
use crate::rows::{CaseRow, Run};
use crate::store::SweepRun;
use crate::store::{RunId, Store, Wanted};

/// Points of histories that are read at most, over all cells.
const MOST_POINTS: usize = 30_000;
/// Runs that a history goes back at least, where there are so many.
const FEWEST_RUNS: usize = 20;
/// Runs that it goes back at most.
const MOST_RUNS: usize = 200;

/// The runs of a sweep and their cases, all or those of one key.
pub struct Taken {
    /// The runs, in order.
    pub parts: Vec<(SweepRun, Run)>,
    /// Their cases.
    pub cases: Vec<CaseRow>,
    /// What was asked of each, by key.
    pub asked: BTreeMap<String, AskedOf>,
    /// Metrics and their values in the warm-up, by key.
    pub warm_ups: BTreeMap<String, Vec<(String, Vec<f64>)>>,
    /// The run of each trial, by its key and when it was begun.
    run_of: HashMap<(String, String), usize>,
}

impl Taken {
    /// Everything of the sweep that a run is, or is a part of; of one key, where one is named.
    pub fn of(store: &Store, run: &RunId, key: Option<&str>) -> Result<Taken, Error> {
        let mut taken = Taken {
            parts: Vec::new(),
            cases: Vec::new(),
            asked: BTreeMap::new(),
            warm_ups: BTreeMap::new(),
            run_of: HashMap::new(),
        };
        for part in store.parts(run)? {
            taken.add(store, part, key)?;
        }
        Ok(taken)
    }

    fn add(&mut self, store: &Store, part: SweepRun, key: Option<&str>) -> Result<(), Error> {
        let cases = store.cases(&part.run, key)?;
        let mut warm_ups = store.warm_ups(&part.run, &cases)?;
        self.asked.extend(store.asked(&part.run)?);
        for (trial, case) in cases {
            self.run_of.insert((case.case_key.clone(), case.started_at.clone()), self.parts.len());
            let of_case = warm_ups.remove(&trial).unwrap_or_default();
            self.warm_ups.entry(case.case_key.clone()).or_default().extend(of_case);
            self.cases.push(case);
        }
        let run = store.run(&part.run)?;
        self.parts.push((part, run));
        Ok(())
    }

    /// The place of the run that a case ran in.
    pub fn run_of(&self, case: &CaseRow) -> usize {
        let key = (case.case_key.clone(), case.started_at.clone());
        self.run_of.get(&key).copied().unwrap_or_default()
    }

    /// The runs.
    pub fn runs(&self) -> Vec<RunId> {
        self.parts.iter().map(|(part, _)| part.run.clone()).collect()
    }

    /// The latencies of its runs, value by value.
    pub fn latencies(&self, store: &Store) -> Result<Vec<Measurement>, Error> {
        let first = self.parts.first();
        first.map_or(Ok(Vec::new()), |(part, _)| of_sweep(store, &part.run))
    }

    /// The medians of what it has, over the latest runs: so many that all of it stays quick to read.
    pub fn history(&self, store: &Store, cells: usize) -> Result<Vec<Measurement>, Error> {
        let runs = self.runs();
        let latest_runs = Some((MOST_POINTS / cells.max(1)).clamp(FEWEST_RUNS, MOST_RUNS));
        let wanted = Wanted { like: &runs, latest_runs, in_short: true, ..Wanted::default() };
        store.measurements(Metric::LatencyMs, &wanted)
    }

    /// The medians over the latest runs of one model on one target.
    pub fn history_of(&self, store: &Store, case: &CaseRow) -> Result<Vec<Measurement>, Error> {
        let wanted = Wanted {
            model: Some(&case.model),
            target: Some(case.target.clone()),
            latest_runs: Some(MOST_RUNS),
            in_short: true,
            ..Wanted::default()
        };
        store.measurements(Metric::LatencyMs, &wanted)
    }
}

/// The latencies of the sweep that a run is, or is a part of, value by value.
pub fn of_sweep(store: &Store, run: &RunId) -> Result<Vec<Measurement>, Error> {
    store.measurements(Metric::LatencyMs, &Wanted { run: Some(run), ..Wanted::default() })
}

/// What a case ran and where, as measurements have it.
pub fn cell_of(case: &CaseRow) -> Result<(Subject, Place), Error> {
    let target = case.target.parse().map_err(|error| Error::Row(format!("{error}")))?;
    let subject = Subject {
        model: case.model.clone(),
        precision: case.precision.clone(),
        batch: case.batch,
        dimensions: case.dimensions.clone(),
    };
    let place =
        Place { target, adapter: case.adapter_choice.clone().into(), features: case.features_off.clone() };
    Ok((subject, place))
}
