//! Predictions for people.

use super::columns::{Align, lay_out};
use crate::number;
use crate::rows::prediction::{PredictedCell, Predictions};
use crate::screen::shown;

const HEADS: [(&str, Align); 3] =
    [("model", Align::Left), ("target", Align::Left), ("predicted latency [90 %]", Align::Right)];

/// A row for each cell, and how good predictions are where the truth is known.
pub fn render(found: &Predictions) -> String {
    let cells = |PredictedCell { model, place, latency_ms, low_ms, high_ms }: &PredictedCell| {
        let [median, low, high] = [latency_ms, low_ms, high_ms].map(|ms| number::time(*ms));
        vec![shown(model), shown(place), format!("{median} [{low}, {high}]")]
    };
    let rows: Vec<Vec<String>> = found.predictions.iter().map(cells).collect();
    let mut lines = lay_out(&HEADS, &rows);
    lines.push(String::new());
    lines.push(format!(
        "from {} results; left out and predicted from the others, half of them are off by less than {}, and {} lie within \
         their interval",
        found.known,
        number::per_cent(found.typical_error),
        number::per_cent(found.held)
    ));
    lines.join("\n")
}
