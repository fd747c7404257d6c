//! The noise of targets against themselves, as a table for people.

use super::columns::{Align, lay_out};
use crate::number;
use crate::rows::noise::{Noise, NoiseRow};
use crate::screen::shown;

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
    vec![
        shown(&row.model),
        shown(&row.place),
        row.rounds.to_string(),
        row.sessions.to_string(),
        number::ratio_interval(&row.against_itself.summary(row.rounds)),
        share(row.within_a_run),
        share(row.between_runs),
        format!("{} of {}", row.outliers, row.samples),
    ]
}
