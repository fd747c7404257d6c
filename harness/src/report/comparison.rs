//! Comparisons as a table for people.

use super::columns::{Align, lay_out};
use crate::number;
use crate::rows::comparison::{Comparison, Comparisons, Refusal};
use crate::screen::shown;

const HEADS: [(&str, Align); 8] = [
    ("model", Align::Left),
    ("a", Align::Left),
    ("b", Align::Left),
    ("a takes", Align::Right),
    ("b takes", Align::Right),
    ("b over a [95 %]", Align::Right),
    ("a is", Align::Left),
    ("adapter", Align::Left),
];
/// A machine whose control took so many times as long at times is told of.
const RESTLESS: f64 = 1.25;
/// The ground of each verdict is told below a table of at most so many rows.
const MOST_GROUNDS: usize = 16;

/// A table with its grounds below, what was refused, and the means over models.
pub fn render(found: &Comparisons) -> String {
    let rows: Vec<Vec<String>> = found.comparisons.iter().map(cells).collect();
    let mut lines = lay_out(&HEADS, &rows);
    lines.push(String::new());
    lines.extend(means(&found.comparisons));
    lines.push(format!(
        "\"same\" is within {}; a difference is claimed where it is surer than chance ({}) and larger than the noise that \
         the same thing shows from itself",
        number::per_cent(found.same_within),
        found.correction
    ));
    if found.comparisons.iter().any(|row| row.paired) {
        lines.push(
            "what was taken in turns is compared by what a tenth of a session's samples lies below, where nothing disturbed \
             it; medians are in --json"
                .to_owned(),
        );
    }
    match found.comparisons.len() {
        ..=MOST_GROUNDS => lines.extend(grounds(&found.comparisons)),
        rows => lines.push(format!("  the grounds of {rows} verdicts are in --json")),
    }
    lines.extend(found.refused.iter().map(refusal));
    lines.join("\n")
}

/// A comparison's cells in the table.
fn cells(row: &Comparison) -> Vec<String> {
    let value =
        |value: Option<f64>| value.map_or("–".to_owned(), |value| number::quantity(&row.metric, value));
    let adapter = match row.same_adapter {
        Some(true) => "the same".to_owned(),
        Some(false) => format!("two: {}", row.adapters.as_deref().unwrap_or_default()),
        None => format!("not known: {}", row.adapters.as_deref().unwrap_or_default()),
    };
    vec![
        shown(&name(row)),
        shown(&row.a),
        shown(&row.b),
        value(row.a_compared),
        value(row.b_compared),
        number::ratio_interval(&row.ratio.summary(row.rounds)),
        verdict(row),
        shown(&adapter),
    ]
}

/// The model with what tells it from others of its name.
fn name(row: &Comparison) -> String {
    let dimensions = row.dimensions.iter().map(|(name, extent)| format!(" {name}={extent}"));
    format!("{}{}", row.model, dimensions.collect::<String>())
}

fn verdict(row: &Comparison) -> String {
    match (row.verdict, row.samples_to_settle) {
        ("not-sure", Some(more)) => {
            format!("not sure ({more} more round{} would settle it)", if more == 1 { "" } else { "s" })
        }
        ("not-sure", None) => "not sure".to_owned(),
        (word, _) => word.to_owned(),
    }
}

/// The ground of each verdict; rows with the same ground share a line.
fn grounds(rows: &[Comparison]) -> Vec<String> {
    let mut grounds: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows {
        let taken = if row.paired { "in turns" } else { "apart" };
        let restless = row.control_spread.filter(|spread| *spread > RESTLESS).map(|spread| {
            format!("; the machine itself took up to {} times as long at times", number::three_digits(spread))
        });
        let ground = format!("{} {taken}, {}{}", row.rounds, row.reason, restless.unwrap_or_default());
        let name = format!("{} ({} / {})", name(row), row.a, row.b);
        match grounds.iter_mut().find(|(known, _)| *known == ground) {
            Some((_, names)) => names.push(name),
            None => grounds.push((ground, vec![name])),
        }
    }
    grounds.into_iter().map(|(ground, names)| shown(&format!("  {}: {ground}", names.join(", ")))).collect()
}

fn refusal(Refusal { model, a, b, reason }: &Refusal) -> String {
    shown(&format!("  {model} ({a} / {b}): not compared: {reason}"))
}

/// The geometric mean of each pair's ratios over models.
fn means(rows: &[Comparison]) -> Vec<String> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for row in rows {
        if !pairs.contains(&(&row.a, &row.b)) {
            pairs.push((&row.a, &row.b));
        }
    }
    let mean = |(a, b): (&str, &str)| {
        let ratios: Vec<f64> = rows
            .iter()
            .filter(|row| (row.a.as_str(), row.b.as_str()) == (a, b))
            .map(|row| row.ratio.median)
            .collect();
        // Of one model its row says it.
        let least = ratios.iter().copied().reduce(f64::min).filter(|_| ratios.len() > 1)?;
        let [mean, least] = [crate::statistics::geometric_mean(&ratios), least].map(number::three_digits);
        Some(format!(
            "{b} takes {mean} times as long as {a} over {} models (geometric mean; the least {least})",
            ratios.len()
        ))
    };
    pairs.into_iter().filter_map(mean).collect()
}
