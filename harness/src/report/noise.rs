//! The noise of targets against themselves, as a table for people and as a document.

use super::columns::{Align, lay_out};
use crate::number;
use crate::rows::noise::{Noise, NoiseRow};
use crate::screen::shown;
use crate::statistics::{Interval, Summary};

const HEADS: [(&str, Align); 8] = [
    ("model", Align::Left),
    ("target", Align::Left),
    ("rounds", Align::Right),
    ("sessions", Align::Right),
    ("against itself [95 %]", Align::Right),
    ("noise in a run", Align::Right),
    ("between runs", Align::Right),
    ("outliers", Align::Right),
];

/// A row for each cell, and what the figures mean.
pub fn render(found: &Noise) -> String {
    let rows: Vec<Vec<String>> = found.noise.iter().map(cells).collect();
    let mut lines = lay_out(&HEADS, &rows);
    lines.push(String::new());
    lines.push(
        "noise: no difference up to it is claimed in a comparison with as many rounds, or of one run with another (where four \
         or more are known)"
            .to_owned(),
    );
    lines.push(format!("run {}", found.run));
    lines.join("\n")
}

fn cells(row: &NoiseRow) -> Vec<String> {
    let share = |share: Option<f64>| share.map_or("–".to_owned(), number::per_cent);
    let ends = row.against_itself.low.zip(row.against_itself.high);
    let interval = ends.map(|(low, high)| Interval { low, high });
    vec![
        shown(&row.model),
        shown(&row.place),
        row.rounds.to_string(),
        row.sessions.to_string(),
        number::ratio_interval(&Summary { median: row.against_itself.median, interval, n: row.rounds }),
        share(row.within_a_run),
        share(row.between_runs),
        format!("{} of {}", row.outliers, row.samples),
    ]
}

/// The document, indented: fields are added as needed and never renamed.
pub fn document(found: &Noise) -> String {
    // Every field has a JSON form, so there is no error to tell.
    serde_json::to_string_pretty(found).unwrap_or_default()
}
