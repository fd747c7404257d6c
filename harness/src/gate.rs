//! `parallax gate`: holds a sweep against an earlier one, and fails where it is worse.

mod baseline;
pub(crate) mod findings;

use std::path::Path;

use protocol::Metric;

use crate::cli::GateArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::{self, gate};
use crate::rows::gate::Gated;
use crate::rows::measurement::Measurement;
use crate::screen;
use crate::store::{RunId, Store, Wanted};
use findings::Found;

const LAST_PASS: &str = "last-pass";
/// Runs of a case that a history goes back: what runs of the same thing differ by is known from fewer.
pub(crate) const LATEST_RUNS: usize = 50;

/// Runs `parallax gate`.
///
/// # Errors
/// When a run or a file is not there or holds nothing to compare, or the report cannot be written.
pub async fn run(args: &GateArgs) -> Result<Exit, Error> {
    let store = Store::open_existing(&args.output.db)?;
    let run = store.find_sweep(args.run.as_deref().unwrap_or("last"))?;
    let found = match against(&store, &run, &args.against, args.max_slowdown.0) {
        Err(Error::NoBaseline { .. }) if args.allow_no_baseline => {
            Gated::without_baseline(&run.to_string(), &args.against, args.max_slowdown.0)
        }
        found => found?,
    };
    let exit = if found.verdict == "fail" { Exit::GateFailed } else { Exit::Success };
    screen::print(&if args.output.json { report::document(&found) } else { gate::render(&found) })?;
    Ok(exit)
}

/// Holds a sweep against what `name` says: a run, `last-pass`, a database, or a document of `parallax sweep --json`.
///
/// # Errors
/// When that is not there, or holds nothing to compare.
pub fn against(store: &Store, run: &RunId, name: &str, max_slowdown: f64) -> Result<Gated, Error> {
    let of_run = |run| store.measurements(Metric::LatencyMs, &Wanted { run: Some(run), ..Wanted::default() });
    let now = of_run(run)?;
    let (against, before) = match name {
        LAST_PASS => {
            let baseline = store.last_passing_sweep(run)?;
            (baseline.to_string(), of_run(&baseline)?)
        }
        path if Path::new(path).is_file() || is_path(path) => {
            (path.to_owned(), baseline::of_file(Path::new(path))?)
        }
        name => {
            let baseline = store.find_sweep(name)?;
            (baseline.to_string(), of_run(&baseline)?)
        }
    };
    let history = history(store, std::slice::from_ref(run))?;
    gated(&run.to_string(), against, max_slowdown, (&now, &before, &history))
}

/// What the latest runs took of what these have: enough to say what runs of the same thing differ by, and little enough to read of
/// a million trials.
///
/// # Errors
/// When the database cannot be read.
pub(crate) fn history(store: &Store, runs: &[RunId]) -> Result<Vec<Measurement>, Error> {
    let wanted = Wanted { like: runs, latest_runs: Some(LATEST_RUNS), in_short: true, ..Wanted::default() };
    store.measurements(Metric::LatencyMs, &wanted)
}

/// Returns whether something is the name of a file, there or not: no run has such characters.
fn is_path(name: &str) -> bool {
    name.contains(['/', '\\', '.'])
}

/// What a run, an earlier one and all runs come to.
fn gated(
    run: &str,
    against: String,
    max_slowdown: f64,
    (now, before, history): (&[Measurement], &[Measurement], &[Measurement]),
) -> Result<Gated, Error> {
    if before.is_empty() {
        return Err(Error::NotComparable(format!(
            "there is nothing to hold the run against: {against} has no results of a sweep"
        )));
    }
    let Found { findings, cells, timed } = findings::of(now, before, history, max_slowdown);
    if cells == 0 {
        return Err(Error::NotComparable(format!(
            "run {run} and {against} have no cell in common, no model on the same target: name another with --against"
        )));
    }
    let verdict = if findings.iter().any(|finding| finding.fails) { "fail" } else { "pass" };
    Ok(Gated { verdict, run: run.to_owned(), against, max_slowdown, cells, timed, findings })
}
