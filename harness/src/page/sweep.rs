//! The data of a whole sweep: what broke, what is faster, what got worse, where the time goes, what ran on what.

use serde::Serialize;

use super::cell::{Cell, each_once};
use super::command::one_line;
use super::comparisons::{self, ComparisonRow};
use super::findings::{self, Findings};
use super::histories::{Course, Histories};
use super::kernels::{self, Kernel};
use super::scaling::{self, Curve};
use super::taken::{Taken, cell_of};
use crate::error::Error;
use crate::rows::attempts::Attempts;
use crate::rows::{CaseRow, Run};
use crate::store::SweepRun;
use crate::store::{RunId, Store};

/// The version of the page's data.
const SCHEMA: u32 = 1;
/// Histories that a page has at most.
const MOST_HISTORIES: usize = 200;

/// Everything that a page shows before a cell is opened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the page's contract says what each field is")]
pub struct SweepPage {
    pub schema: u32,
    pub made_at: String,
    pub parallax: &'static str,
    pub runs: Vec<RunRow>,
    pub models: Vec<String>,
    pub targets: Vec<String>,
    pub cells: Vec<Cell>,
    pub comparisons: Vec<ComparisonRow>,
    pub findings: Option<Findings>,
    pub histories: Vec<HistoryRow>,
    pub scaling: Vec<Curve>,
    pub kernels: Vec<Kernel>,
    pub time_spent: Option<Times>,
    pub left_out: Vec<String>,
}

/// A run that is part of the sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the page's contract says what each field is")]
pub struct RunRow {
    pub id: String,
    pub started_at: String,
    pub finished_at: Option<String>,
    pub state: String,
    pub message: Option<String>,
    pub version: String,
    pub commit: Option<String>,
    pub command: Option<String>,
    pub host: Option<String>,
    pub os: String,
    pub shard: Option<u32>,
    pub shards: Option<u32>,
}

/// The history of a cell that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the page's contract says what each field is")]
pub struct HistoryRow {
    pub case: String,
    pub model: String,
    pub variant: String,
    pub target: String,
    #[serde(flatten)]
    pub course: Course,
}

/// Where the time of all runs together went.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the page's contract says what each field is")]
pub struct Times {
    pub total_ms: f64,
    pub parts: Vec<(String, f64)>,
}

/// The page of the sweep that a run is, or is a shard of.
///
/// # Errors
/// When there is no such run or the database cannot be read.
pub fn of(store: &Store, run: &RunId) -> Result<SweepPage, Error> {
    let taken = Taken::of(store, run, None)?;
    let mut page = cells_alone(store, &taken)?;
    let now = taken.latencies(store)?;
    let history = taken.history(store, page.cells.len())?;
    page.comparisons = comparisons::of(&now, &history);
    page.findings = findings::of(store, &taken, &now, &history)?;
    let histories = changed(&page.cells, &taken, &history)?;
    let more = histories.len().saturating_sub(MOST_HISTORIES);
    if more > 0 {
        page.left_out
            .push(format!("the histories of {more} more cells that changed less; each case shows its own"));
    }
    page.histories = histories.into_iter().take(MOST_HISTORIES).collect();
    Ok(page)
}

/// The page of a sweep that runs: what takes time to compute, and would take it from what is measured, is left out.
///
/// # Errors
/// Those of [`of`].
pub fn of_running(store: &Store, run: &RunId) -> Result<SweepPage, Error> {
    let mut page = cells_alone(store, &Taken::of(store, run, None)?)?;
    let later = "comparisons, what got worse and histories, until the sweep has ended: computing them would take time from what is measured";
    page.left_out.push(later.to_owned());
    Ok(page)
}

fn cells_alone(store: &Store, taken: &Taken) -> Result<SweepPage, Error> {
    let attempts = Attempts::of(&taken.cases);
    let cells: Vec<Cell> = attempts.iter().map(|attempts| Cell::of(attempts, taken)).collect();
    Ok(SweepPage {
        schema: SCHEMA,
        made_at: store.now()?,
        parallax: env!("CARGO_PKG_VERSION"),
        runs: taken.parts.iter().map(run_row).collect(),
        models: each_once(&taken.cases, |case| &case.model),
        targets: each_once(&taken.cases, |case| &case.target),
        comparisons: Vec::new(),
        findings: None,
        histories: Vec::new(),
        scaling: scaling::of(&cells),
        kernels: kernels::of(store.newest_kernels(&taken.runs())?),
        time_spent: times(store, &taken.runs())?,
        left_out: Vec::new(),
        cells,
    })
}

fn run_row((part, run): &(SweepRun, Run)) -> RunRow {
    RunRow {
        id: run.id.clone(),
        started_at: run.started_at.clone(),
        finished_at: run.finished_at.clone(),
        state: run.state.clone(),
        message: run.message.clone(),
        version: run.origin.version.clone(),
        commit: run.origin.commit.clone(),
        command: Some(one_line(&run.origin.command_line)).filter(|line| !line.is_empty()),
        host: run.origin.host.name.clone(),
        os: run.origin.host.os.clone(),
        shard: part.shard,
        shards: part.shards,
    }
}

/// The histories of cells that changed, those that changed most first.
fn changed(
    cells: &[Cell],
    taken: &Taken,
    history: &[crate::rows::measurement::Measurement],
) -> Result<Vec<HistoryRow>, Error> {
    let histories = Histories::of(history);
    let attempts = Attempts::of(&taken.cases);
    let mut rows = Vec::new();
    for (cell, attempts) in cells.iter().zip(&attempts) {
        let shown: &CaseRow = attempts.shown();
        let host = taken.parts.get(cell.run).and_then(|(_, run)| run.origin.host.name.clone());
        let course = histories.course(&cell_of(shown)?, &host).filter(|course| !course.changes.is_empty());
        rows.extend(course.map(|course| HistoryRow {
            case: cell.case.clone(),
            model: cell.model.clone(),
            variant: cell.variant.clone(),
            target: cell.target.clone(),
            course,
        }));
    }
    let most = |row: &HistoryRow| {
        row.course.changes.iter().map(|change| change.ratio.ln().abs()).fold(0.0, f64::max)
    };
    rows.sort_by(|one, other| most(other).total_cmp(&most(one)));
    Ok(rows)
}

/// Where the time of all runs went; nothing where that is not known of one.
fn times(store: &Store, runs: &[RunId]) -> Result<Option<Times>, Error> {
    let mut all = Times { total_ms: 0.0, parts: Vec::new() };
    for run in runs {
        let Some(spent) = store.time_spent(run)? else { return Ok(None) };
        all.total_ms += spent.total_ms;
        let parts = spent.parts_ms.into_iter().chain([("harness", spent.harness_ms)]);
        for (name, ms) in parts {
            match all.parts.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += ms,
                None => all.parts.push((name.to_owned(), ms)),
            }
        }
    }
    all.parts.retain(|(_, ms)| *ms > 0.0);
    Ok(Some(all))
}
