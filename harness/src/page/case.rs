//! Everything of one cell: its values, its checks, the conditions it ran under, its history, and how to repeat it.

use protocol::{FallbackNode, Metric, OutputCheck};
use serde::Serialize;

use super::cell::{self, Cell, name};
use super::command::repeating;
use super::histories::{Course, Histories};
use super::kernels::{self, Kernel};
use super::taken::{Taken, cell_of};
use crate::error::Error;
use crate::rows::attempts::Attempts;
use crate::rows::page::KernelTime;
use crate::rows::{CaseRow, NOTES};
use crate::statistics::{Summary, outliers};
use crate::store::{RunId, Store};

/// Values of a series that a page holds at most.
const MOST_VALUES: usize = 2000;

/// The page of a cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the page's contract says what each field is")]
pub struct CasePage {
    pub cell: Cell,
    pub series: Vec<Series>,
    pub metrics: Vec<MetricRow>,
    pub checks: Vec<Check>,
    pub elsewhere: Vec<FallbackNode>,
    pub kernels: Vec<Kernel>,
    pub facts: Vec<(String, String)>,
    pub notes: Vec<String>,
    pub history: Option<Course>,
    pub attempts: Vec<Attempt>,
    pub command: String,
    pub key: String,
}

/// The values of a metric, in the order taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the page's contract says what each field is")]
pub struct Series {
    pub metric: String,
    pub phase: &'static str,
    pub values: Vec<f64>,
    pub of: usize,
    pub outliers: Vec<usize>,
}

/// A metric's summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the page's contract says what each field is")]
pub struct MetricRow {
    pub metric: String,
    #[serde(flatten)]
    pub summary: Summary,
}

/// An output against the expected one; what is infinite is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the page's contract says what each field is")]
pub struct Check {
    pub output: String,
    pub elements: usize,
    pub max_abs_error: f64,
    pub mean_abs_error: f64,
    pub cosine_similarity: f64,
    pub scaled_error: f64,
    pub fault: Option<String>,
    pub at: String,
}

/// A trial of the case.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the page's contract says what each field is")]
pub struct Attempt {
    pub at: String,
    pub verdict: protocol::Verdict,
    pub message: Option<String>,
}

/// The page of the cell whose file has this name; nothing where the sweep has no such cell.
///
/// # Errors
/// When there is no such run or the database cannot be read.
pub fn of(store: &Store, run: &RunId, case: &str) -> Result<Option<CasePage>, Error> {
    let mut key = None;
    for part in store.parts(run)? {
        key = key.or(store.asked(&part.run)?.into_keys().find(|key| name(key) == case));
    }
    let Some(key) = key else { return Ok(None) };
    let taken = Taken::of(store, run, Some(&key))?;
    let attempts = Attempts::of(&taken.cases);
    let Some(attempts) = attempts.first() else { return Ok(None) };
    let history = taken.history_of(store, attempts.shown())?;
    let kernels = kernels::of(store.newest_kernels(&taken.runs())?);
    page(&taken, attempts, &Histories::of(&history), &kernels).map(Some)
}

/// The page of every cell, by the name of its file.
///
/// # Errors
/// Those of [`of`].
pub fn all(store: &Store, run: &RunId) -> Result<Vec<CasePage>, Error> {
    let taken = Taken::of(store, run, None)?;
    let attempts = Attempts::of(&taken.cases);
    let history = taken.history(store, attempts.len())?;
    let histories = Histories::of(&history);
    let kernels: Vec<KernelTime> = store.newest_kernels(&taken.runs())?;
    let kernels = kernels::of(kernels);
    attempts.iter().map(|attempts| page(&taken, attempts, &histories, &kernels)).collect()
}

fn page(
    taken: &Taken,
    attempts: &Attempts<'_>,
    histories: &Histories<'_>,
    kernels: &[Kernel],
) -> Result<CasePage, Error> {
    let shown = attempts.shown();
    let cell = Cell::of(attempts, taken);
    let host = taken.parts.get(cell.run).and_then(|(_, run)| run.origin.host.name.clone());
    let asked = taken.asked.get(&shown.case_key).cloned().unwrap_or_default();
    let of_cell = |kernel: &&Kernel| kernel.model == shown.model && kernel.target == shown.target;
    let facts = shown.features.iter().filter(|(name, _)| name.as_str() != NOTES);
    Ok(CasePage {
        series: series(taken, attempts),
        metrics: metrics(attempts),
        checks: shown.checks.iter().map(check).collect(),
        elsewhere: shown.fallback_nodes.clone(),
        kernels: kernels.iter().filter(of_cell).cloned().collect(),
        facts: facts.map(|(name, value)| (name.clone(), value.clone())).collect(),
        notes: shown.notes().map(str::to_owned).collect(),
        history: histories.course(&cell_of(shown)?, &host),
        attempts: attempts.all().map(attempt).collect(),
        command: repeating(shown, &asked),
        key: shown.case_key.clone(),
        cell,
    })
}

/// Everything that was taken more than once, the warm-up first; of attempts that ended otherwise than the one shown, nothing.
fn series(taken: &Taken, attempts: &Attempts<'_>) -> Vec<Series> {
    let shown = attempts.shown();
    let warm_ups = taken.warm_ups.get(&shown.case_key).into_iter().flatten();
    let mut all: Vec<Series> =
        warm_ups.map(|(metric, values)| Series::of(metric, "warm-up", values)).collect();
    let alike: Vec<&CaseRow> = attempts.all().filter(|case| case.verdict == shown.verdict).collect();
    for metric in shown.metrics.keys() {
        let measured = alike.iter().filter_map(|case| case.metrics.get(metric));
        let values: Vec<f64> = measured.flat_map(|measured| measured.samples.iter().copied()).collect();
        all.extend((values.len() > 1).then(|| Series::of(metric, "measured", &values)));
    }
    all
}

impl Series {
    /// A series, evenly thinned where it is long.
    fn of(metric: &str, phase: &'static str, values: &[f64]) -> Series {
        let marks = outliers::marks(values);
        let kept = values.len().min(MOST_VALUES);
        let places: Vec<usize> = (0..kept).map(|place| place * values.len() / kept.max(1)).collect();
        let marked = |place: &usize| marks.get(*place).copied().unwrap_or_default();
        Series {
            metric: metric.to_owned(),
            phase,
            outliers: (0..kept).filter(|at| places.get(*at).is_some_and(marked)).collect(),
            values: places.iter().filter_map(|place| values.get(*place).copied()).collect(),
            of: values.len(),
        }
    }
}

fn metrics(attempts: &Attempts<'_>) -> Vec<MetricRow> {
    let shown = attempts.shown();
    let row = |(name, measured): (&String, &crate::rows::Measured)| {
        let metric = Metric::ALL.into_iter().find(|metric| metric.name() == name);
        let together = metric.and_then(|metric| cell::summary(attempts, metric));
        MetricRow { metric: name.clone(), summary: together.unwrap_or(measured.summary) }
    };
    shown.metrics.iter().map(row).collect()
}

fn check(check: &OutputCheck) -> Check {
    let OutputCheck {
        output, elements, max_abs_error, mean_abs_error, cosine_similarity, scaled_error, ..
    } = check;
    Check {
        output: output.clone(),
        elements: *elements,
        max_abs_error: *max_abs_error,
        mean_abs_error: *mean_abs_error,
        cosine_similarity: *cosine_similarity,
        scaled_error: *scaled_error,
        fault: check.fault.clone(),
        at: check.max_abs_error_at.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn attempt(case: &CaseRow) -> Attempt {
    Attempt { at: case.started_at.clone(), verdict: case.verdict, message: case.message.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_is_thinned_evenly_and_its_outliers_stay_marked() {
        let mut values = vec![1.0; 4000];
        values.iter_mut().enumerate().for_each(|(at, value)| *value += (at % 7) as f64 * 0.01);
        values[2000] = 50.0;
        let series = Series::of("latency_ms", "measured", &values);
        assert_eq!((series.values.len(), series.of), (2000, 4000));
        assert_eq!((series.outliers.as_slice(), series.values[1000]), (&[1000][..], 50.0));
        let short = Series::of("latency_ms", "measured", &[1.0, 2.0]);
        assert_eq!((short.values.as_slice(), short.of), (&[1.0, 2.0][..], 2));
    }
}
