//! `parallax predict`: latencies of cells that never ran, from those of others.

use std::collections::{BTreeMap, BTreeSet};

use protocol::Metric;

use crate::cli::PredictArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::{self, prediction};
use crate::rows::measurement::Measurement;
use crate::rows::prediction::{PredictedCell, Predictions};
use crate::screen;
use crate::statistics::Summary;
use crate::statistics::predict::{Cell, Predictor};
use crate::store::{Store, Wanted};

/// Runs `parallax predict`.
///
/// # Errors
/// When too little is known, or all that was asked for has been measured, or the report cannot be written.
pub fn run(args: &PredictArgs) -> Result<Exit, Error> {
    let store = Store::open_existing(&args.output.db)?;
    let cells = known(&store.measurements(Metric::LatencyMs, &Wanted::default())?);
    let predictor = Predictor::of(&cells, &store.model_work()?).ok_or_else(|| {
        Error::NotComparable(format!(
            "{} cells are known, and a prediction takes twelve at least: sweep some models on some targets first",
            cells.len()
        ))
    })?;
    let wanted = |name: &str, asked: &[String]| {
        asked.is_empty() || asked.iter().any(|asked| name == asked || name.starts_with(&format!("{asked} ")))
    };
    let targets: Vec<String> = args.targets.iter().map(ToString::to_string).collect();
    let of_target = |place: &str| {
        targets.is_empty()
            || targets.iter().any(|target| place == target || place.starts_with(&format!("{target}+")))
    };
    let models: BTreeSet<&str> =
        cells.iter().map(|cell| cell.model.as_str()).filter(|model| wanted(model, &args.models)).collect();
    let places: BTreeSet<&str> =
        cells.iter().map(|cell| cell.target.as_str()).filter(|place| of_target(place)).collect();
    let measured: BTreeSet<(&str, &str)> =
        cells.iter().map(|cell| (cell.model.as_str(), cell.target.as_str())).collect();
    let open = models.iter().flat_map(|model| places.iter().map(move |place| (*model, *place)));
    let predictions: Vec<PredictedCell> = open
        .filter(|cell| !measured.contains(cell))
        .filter_map(|(model, place)| {
            let found = predictor.predict(model, place)?;
            Some(PredictedCell {
                model: model.to_owned(),
                place: place.to_owned(),
                latency_ms: found.latency_ms,
                low_ms: found.low_ms,
                high_ms: found.high_ms,
            })
        })
        .collect();
    if predictions.is_empty() {
        return Err(Error::NotComparable(
            "nothing to predict: of the models and targets asked for, all cells were measured, or nothing is known of one; name \
             models and targets that ran something"
                .to_owned(),
        ));
    }
    let errors = predictor.left_out_errors();
    let typical_error = Summary::of(&errors).map_or(0.0, |summary| summary.median.exp_m1());
    let found = Predictions { known: cells.len(), typical_error, held: predictor.held(), predictions };
    screen::print(&if args.output.json { report::document(&found) } else { prediction::render(&found) })?;
    Ok(Exit::Success)
}

/// The last result of every cell.
fn known(measurements: &[Measurement]) -> Vec<Cell> {
    let mut last: BTreeMap<(String, String), f64> = BTreeMap::new();
    for one in measurements {
        let key = (one.subject.to_string(), one.place.to_string());
        last.extend(one.median().filter(|median| *median > 0.0).map(|median| (key, median)));
    }
    let cell = |((model, target), latency_ms)| Cell { model, target, latency_ms };
    last.into_iter().map(cell).collect()
}
