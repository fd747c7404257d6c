//! `parallax report`: writes what people and CI take away from a stored sweep. It measures and judges nothing.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::cli::ReportArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::gate;
use crate::page::files;
use crate::report;
use crate::report::ci::{annotations, junit, summary};
use crate::rows::Report;
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
    let store = Store::open_existing(&args.db)?;
    let run = store.find_sweep(&args.run)?;
    let held =
        args.against.as_deref().map(|name| held(&store, &run, name, args.max_slowdown.0)).transpose()?;
    if args.html.is_none() && args.junit.is_none() && args.summary.is_none() && !args.github {
        print_table(&store, &run, held.as_ref())?;
        return Ok(Exit::Success);
    }
    let found = published(&store, &run, held)?;
    if let Some(folder) = &args.html {
        files::write(&store, &run, folder)?;
    }
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

fn print_table(store: &Store, run: &RunId, held: Option<&Held>) -> Result<(), Error> {
    let report = store.report(run)?;
    let colour = io::stdout().is_terminal() && console::colors_enabled();
    screen::print_coloured(&report::render(&report, colour))?;
    match held {
        Some(Held::Gated(gated)) => screen::print(&format!("\n{}", report::gate::render(gated))),
        Some(Held::Apart(reason)) => screen::print(&format!("\n{reason}")),
        None => Ok(()),
    }
}

/// All that is published of a sweep.
fn published(store: &Store, run: &RunId, held: Option<Held>) -> Result<Published, Error> {
    let runs = store.shards(run)?;
    let runs = runs.iter().map(|run| Ok(store.report_of_run(run)?.run)).collect::<Result<_, Error>>()?;
    let Report { cases, shards, .. } = store.report(run)?;
    let missing_shards = shards.map(|shards| shards.missing).unwrap_or_default();
    Ok(Published { runs, missing_shards, cases, held })
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use tempfile::TempDir;

    use super::*;
    use crate::cli::{Cli, Command};

    fn asked(flags: &[&str]) -> ReportArgs {
        let all = ["parallax", "report"].iter().chain(flags);
        let Command::Report(args) = Cli::try_parse_from(all).unwrap().command else { unreachable!() };
        args
    }

    #[test]
    fn a_summary_of_a_step_is_added_to_what_is_there_and_never_makes_it_too_long() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("summary.md");
        for (there, expected) in [
            ("", "## Parallax nothing ran: of 0 cases, none finished\n"),
            ("# Before\n", "# Before\n## Parallax nothing ran: of 0 cases, none finished\n"),
        ] {
            fs::write(&path, there).unwrap();
            add_summary(&path, &Published::default()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        }
    }

    #[test]
    fn what_cannot_be_written_is_named_with_its_place() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("none/summary.md");
        let error = write_summary(Some(&path), &Published::default()).unwrap_err();
        assert!(error.to_string().contains("none/summary.md") && error.exit() == Exit::GateFailed, "{error}");
        assert!(Error::NoStepSummary.to_string().contains("--summary summary.md"));
    }

    #[test]
    fn a_database_that_is_not_there_or_has_no_sweep_is_refused() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("empty.duckdb");
        let junit = folder.path().join("junit.xml");
        let args = asked(&["--db", path.to_str().unwrap(), "--junit", junit.to_str().unwrap()]);
        let error = run(&args).unwrap_err();
        assert!(
            error.to_string().contains("there is no database") && error.exit() == Exit::BadRequest,
            "{error}"
        );
        assert!(!path.exists());
        drop(Store::open(&path).unwrap());
        let error = run(&args).unwrap_err();
        assert!(error.to_string().contains("the database holds no sweep"), "{error}");
        assert!(!junit.exists());
    }

    #[test]
    fn a_slowdown_is_let_through_only_of_what_is_held_against_something() {
        assert_eq!(asked(&["--against", "last-pass", "--max-slowdown", "10%"]).max_slowdown.0, 0.1);
        assert_eq!(asked(&["--against", "last-pass"]).max_slowdown.0, 0.05);
        let alone = Cli::try_parse_from(["parallax", "report", "--max-slowdown", "10%"]).unwrap_err();
        assert!(alone.to_string().contains("--against"), "{alone}");
        assert_eq!(asked(&["--summary", "--github"]).summary, Some(None));
    }
}
