//! `parallax report`: writes what people and CI take away from a stored sweep. It measures and judges nothing.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::cli::ReportArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::gate;
use crate::report;
use crate::report::ci::{annotations, junit, summary};
use crate::rows::gate::{Gated, Held};
use crate::rows::published::Published;
use crate::screen;
use crate::store::{RunId, Store};

/// The variable in which GitHub Actions names the file of a step's summary.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Runs `parallax report`.
///
/// # Errors
/// When there is no such sweep, or something cannot be written.
pub fn run(args: &ReportArgs) -> Result<Exit, Error> {
    let store = Store::open(&args.db)?;
    let run = store.find_sweep(&args.run)?;
    let held =
        args.against.as_deref().map(|name| held(&store, &run, name, args.max_slowdown.0)).transpose()?;
    if args.junit.is_none() && args.summary.is_none() && !args.github {
        return print_table(&store, &run, held.as_ref());
    }
    let found = published(&store, &run, held)?;
    if let Some(path) = &args.junit {
        fs::write(path, junit::render(&found)?).map_err(|source| unwritten(path, source))?;
    }
    if let Some(file) = &args.summary {
        write_summary(file.as_deref(), &found)?;
    }
    if args.github {
        screen::print(&annotations::render(&found))?;
    }
    Ok(Exit::Success)
}

fn print_table(store: &Store, run: &RunId, held: Option<&Held>) -> Result<Exit, Error> {
    let report = store.report(run)?;
    let colour = io::stdout().is_terminal() && console::colors_enabled();
    screen::print_coloured(&report::render(&report, colour))?;
    match held {
        Some(Held::Gated(gated)) => screen::print(&format!("\n{}", report::gate::render(gated)))?,
        Some(Held::Apart(reason)) => screen::print(&format!("\n{reason}"))?,
        None => {}
    }
    Ok(Exit::Success)
}

fn published(store: &Store, run: &RunId, held: Option<Held>) -> Result<Published, Error> {
    let report = store.report(run)?;
    Ok(Published { runs: vec![report.run], cases: report.cases, held })
}

/// How a sweep stands against what `name` says. That there is nothing to compare is told, and ends nothing.
fn held(store: &Store, run: &RunId, name: &str, max_slowdown: f64) -> Result<Held, Error> {
    match gate::against(store, run, name, max_slowdown) {
        Ok(gated) => Ok(Held::Gated(gated)),
        Err(Error::NoBaseline { .. }) => {
            Ok(Held::Gated(Gated::without_baseline(&run.to_string(), name, max_slowdown)))
        }
        Err(Error::NotComparable(reason)) => Ok(Held::Apart(reason)),
        Err(error) => Err(error),
    }
}

/// Writes the summary to a file of its own, or adds it to that of the job's step, where earlier commands may have put theirs.
fn write_summary(file: Option<&Path>, found: &Published) -> Result<(), Error> {
    let Some(path) = file else {
        let path = env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()).ok_or(Error::NoStepSummary)?;
        return add_summary(&PathBuf::from(path), found);
    };
    fs::write(path, summary::render(found, summary::MOST_BYTES)).map_err(|source| unwritten(path, source))
}

fn add_summary(path: &Path, found: &Published) -> Result<(), Error> {
    let failed = |source| unwritten(path, source);
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    let there = usize::try_from(file.metadata().map_err(failed)?.len()).unwrap_or(usize::MAX);
    let text = summary::render(found, summary::MOST_BYTES.saturating_sub(there));
    file.write_all(text.as_bytes()).map_err(failed)
}

fn unwritten(path: &Path, source: io::Error) -> Error {
    Error::ReportUnwritten { path: path.to_owned(), source }
}
