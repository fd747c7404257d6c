//! Histories as a table for people.

use super::columns::{Align, lay_out};
use crate::number;
use crate::rows::gate::Change;
use crate::rows::history::{Drift, Histories, History, Step};
use crate::screen::shown;

const HEADS: [(&str, Align); 6] = [
    ("model", Align::Left),
    ("target", Align::Left),
    ("runs", Align::Right),
    ("first", Align::Right),
    ("last", Align::Right),
    ("changes", Align::Left),
];
/// Fewer runs tell of no change.
const FEWEST: usize = 8;

/// A row for each history, and below it where each changed and with what.
pub fn render(found: &Histories) -> String {
    let rows: Vec<Vec<String>> =
        found.histories.iter().map(|history| cells(history, &found.metric)).collect();
    let mut lines = lay_out(&HEADS, &rows);
    lines.extend(found.histories.iter().flat_map(told));
    lines.join("\n")
}

fn cells(history: &History, metric: &str) -> Vec<String> {
    let value = |point: Option<&crate::rows::history::Point>| {
        point.map_or("–".to_owned(), |point| number::quantity(metric, point.median))
    };
    let said = match (history.points.len(), history.changes.len(), &history.drift) {
        (runs, ..) if runs < FEWEST => format!("too few runs to tell ({FEWEST} do)"),
        _ if history.depends_on_itself && history.changes.is_empty() && history.drift.is_none() => {
            "depends on itself, so that nothing is said".to_owned()
        }
        (_, 0, None) => "none".to_owned(),
        (_, steps, drift) => {
            let drift = drift.as_ref().map(|_| "a drift".to_owned());
            let steps = (steps > 0).then(|| format!("{steps} step{}", if steps == 1 { "" } else { "s" }));
            steps.into_iter().chain(drift).collect::<Vec<_>>().join(" and ")
        }
    };
    vec![
        shown(&history.model),
        shown(&history.place),
        history.points.len().to_string(),
        value(history.points.first()),
        value(history.points.last()),
        said,
    ]
}

fn told(history: &History) -> Vec<String> {
    let name = format!("{} on {}", history.model, history.place);
    let over = if history.over_control { ", over the drift control" } else { "" };
    let step = |Step { run, started_at, ratio, p_value, changed }: &Step| {
        let mut lines = vec![shown(&format!(
            "\n{name}: from run {run} of {started_at} on it takes {} times as long{over} (p {})",
            number::three_digits(*ratio),
            number::error(*p_value)
        ))];
        lines.extend(
            changed.iter().map(|Change { what, from, to }| shown(&format!("  {what}: {from} → {to}"))),
        );
        lines
    };
    let drift = |Drift { run, started_at, per_run }: &Drift| {
        shown(&format!(
            "\n{name}: since run {run} of {started_at} it takes {} more with every run{over}",
            number::per_cent(*per_run)
        ))
    };
    history.changes.iter().flat_map(step).chain(history.drift.iter().map(drift)).collect()
}
