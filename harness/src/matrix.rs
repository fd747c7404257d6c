//! `parallax matrix`: models by targets from stored results.

use std::collections::BTreeSet;

use protocol::Metric;

use crate::cli::{MatrixArgs, MatrixForm};
use crate::error::Error;
use crate::exit::Exit;
use crate::number;
use crate::plan::each_once;
use crate::report::{matrix as report, matrix_page};
use crate::rows::collection;
use crate::rows::matrix::Matrix;
use crate::rows::measurement::Measurement;
use crate::screen;
use crate::store::{Store, Wanted};

/// Names every sweep.
const ALL: &str = "all";

/// Runs `parallax matrix`.
///
/// # Errors
/// When there is no such run, nothing in it to show, or nothing on the baseline.
pub fn run(args: &MatrixArgs) -> Result<Exit, Error> {
    let store = Store::open_existing(&args.db)?;
    let mut measurements = measurements(&store, &args.runs)?;
    measurements.sort_by(|a, b| a.run.cmp(&b.run));
    let matrix = Matrix::of(&measurements, args.baseline.as_ref()).ok_or_else(|| match &args.baseline {
        Some(baseline) if !measurements.is_empty() => {
            let targets: BTreeSet<String> =
                measurements.iter().map(|it| it.place.target.to_string()).collect();
            let known = targets.into_iter().collect::<Vec<_>>().join(", ");
            Error::NoSuchBaseline { baseline: baseline.to_string(), known }
        }
        _ => Error::NothingToShow,
    })?;
    if let Some(folder) = &args.form.html {
        let entries = collection::of(&measurements, &matrix.baseline);
        matrix_page::write(folder, &entries, &matrix.baseline, &store.model_kinds()?)?;
        screen::print(&format!("{} holds {}", folder.display(), number::of(entries.len(), "result")))?;
        return Ok(Exit::Success);
    }
    screen::print(&match args.form {
        MatrixForm { json: true, .. } => report::document(&matrix),
        MatrixForm { csv: true, .. } => report::csv(&matrix),
        MatrixForm { markdown: true, .. } => report::markdown(&matrix),
        MatrixForm { .. } => report::render(&matrix),
    })?;
    Ok(Exit::Success)
}

/// The measurements of the sweeps that are named.
fn measurements(store: &Store, names: &[String]) -> Result<Vec<Measurement>, Error> {
    if names == [ALL] {
        return store.measurements(Metric::LatencyMs, &Wanted::default());
    }
    let sweep = |name: &String| store.find_sweep(name).and_then(|run| store.first_shard(&run));
    let runs = names.iter().map(sweep).collect::<Result<Vec<_>, _>>()?;
    let mut measurements = Vec::new();
    for run in &each_once(runs) {
        let wanted = Wanted { run: Some(run), ..Wanted::default() };
        measurements.extend(store.measurements(Metric::LatencyMs, &wanted)?);
    }
    Ok(measurements)
}
