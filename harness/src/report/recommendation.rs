//! A recommendation for people.

use super::columns::{Align, lay_out};
use crate::number;
use crate::rows::recommendation::{Candidate, Recommendation};
use crate::screen::shown;

const HEADS: [(&str, Align); 7] = [
    ("target", Align::Left),
    ("variant", Align::Left),
    ("verdict", Align::Left),
    ("value [95 %]", Align::Right),
    ("over the best", Align::Right),
    ("against it", Align::Left),
    ("ran on", Align::Left),
];

/// The recommendation, the places it was chosen from, and what has to be known of it.
pub fn render(found: &Recommendation) -> String {
    let head = match &found.recommended {
        Some(best) => format!("{}: for {} take {} ({})", found.model, found.goal, best.place, best.variant),
        None => format!("{}: nothing to recommend for {}", found.model, found.goal),
    };
    let rows: Vec<Vec<String>> = found.candidates.iter().map(cells).collect();
    let mut lines = vec![shown(&head), String::new()];
    lines.extend(lay_out(&HEADS, &rows));
    lines.push(String::new());
    lines.extend(found.remarks.iter().map(|remark| shown(remark)));
    let mut runs: Vec<&str> = found.candidates.iter().map(|candidate| candidate.run.as_str()).collect();
    runs.sort_unstable();
    runs.dedup();
    lines.push(format!("by run {}", runs.join(", ")));
    lines.join("\n")
}

fn cells(candidate: &Candidate) -> Vec<String> {
    let dash = || "–".to_owned();
    let quantity = |value: f64| match candidate.metric {
        "max_abs_error" => number::error(value),
        metric => number::quantity(metric, value),
    };
    let ends = candidate.low.zip(candidate.high).filter(|(low, high)| low != high);
    let value = candidate.value.map_or(dash(), |value| {
        let ends = ends.map(|(low, high)| format!(" [{}, {}]", quantity(low), quantity(high)));
        format!("{}{}", quantity(value), ends.unwrap_or_default())
    });
    vec![
        shown(&candidate.place),
        shown(&candidate.variant),
        candidate.verdict.clone(),
        value,
        candidate.over_best.map_or(dash(), number::three_digits),
        candidate.standing.replace('-', " "),
        candidate.adapter.as_deref().map_or(dash(), shown),
    ]
}
