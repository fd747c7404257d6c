//! `parallax matrix`: models by targets from stored results.

use std::collections::BTreeSet;

use protocol::Metric;

use crate::cli::{MatrixArgs, MatrixForm};
use crate::error::Error;
use crate::exit::Exit;
use crate::plan::each_once;
use crate::report::matrix as report;
use crate::rows::matrix::Matrix;
use crate::screen;
use crate::store::{Store, Wanted};

/// Runs `parallax matrix`.
///
/// # Errors
/// When there is no such run, nothing in it to show, or nothing on the baseline.
pub fn run(args: &MatrixArgs) -> Result<Exit, Error> {
    let store = Store::open(&args.db)?;
    let sweep = |name: &String| store.find_sweep(name).and_then(|run| store.first_shard(&run));
    let runs = args.runs.iter().map(sweep).collect::<Result<Vec<_>, _>>()?;
    let mut measurements = Vec::new();
    for run in &each_once(runs) {
        let wanted = Wanted { run: Some(run), ..Wanted::default() };
        measurements.extend(store.measurements(Metric::LatencyMs, &wanted)?);
    }
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
    screen::print(&match args.form {
        MatrixForm { json: true, .. } => report::document(&matrix),
        MatrixForm { csv: true, .. } => report::csv(&matrix),
        MatrixForm { markdown: true, .. } => report::markdown(&matrix),
        MatrixForm { .. } => report::render(&matrix),
    })?;
    Ok(Exit::Success)
}
