//! What tuning found: the table and the JSON document.

use protocol::tuning::{Choice, Variant};
use protocol::{Trial, TrialEnd};
use serde_json::{Value, json};

use super::columns::{Align, lay_out};
use crate::adapter::adapter_name;
use crate::number;
use crate::rows::tuning::{Standing, TunedClass, Tuning};
use crate::statistics::ratio::Ratio;

const HEADS: [(&str, Align); 8] = [
    ("target", Align::Left),
    ("kernels", Align::Left),
    ("shapes", Align::Right),
    ("variants", Align::Right),
    ("before", Align::Left),
    ("fastest", Align::Left),
    ("times as fast [95 %]", Align::Right),
    ("kept", Align::Left),
];

/// The table: a line for each class of kernels on each target.
pub fn render(tuning: &Tuning) -> String {
    let mut lines = lay_out(&HEADS, &tuning.classes.iter().map(row).collect::<Vec<_>>());
    lines.push(String::new());
    let better = tuning.classes.iter().filter(|class| class.better().is_some()).count();
    let tuned =
        format!("{} classes of kernels measured, {better} with a faster variant", tuning.classes.len());
    for message in tuning.classes.iter().flat_map(|class| &class.report.left_out) {
        lines.push(format!("left out: {message}"));
    }
    lines.push(super::closing_line(&tuning.run, &tuned));
    lines.join("\n")
}

fn row(class: &TunedClass) -> Vec<String> {
    let fastest = class.fastest();
    let standing = fastest.and_then(|trial| class.standing(trial));
    let slower = standing.is_some_and(|standing| standing.times_as_fast.high.is_some_and(|high| high < 1.0));
    let kept = match (class.better(), class.before() == fastest) {
        (Some(_), _) => "the fastest",
        (None, true) => "as before, the fastest",
        (None, false) if slower => "as before: further rounds say otherwise",
        (None, false) => "as before: noise could explain it",
    };
    vec![
        class.target.clone(),
        class.report.class.to_string(),
        class.report.shapes.to_string(),
        class.report.trials.len().to_string(),
        class.before().map(|trial| described(trial.choice)).unwrap_or_default(),
        fastest.map(|trial| described(trial.choice)).unwrap_or_default(),
        standing.map(|standing| interval(&standing.times_as_fast)).unwrap_or_default(),
        kept.to_owned(),
    ]
}

/// A ratio with its interval.
pub fn interval(ratio: &Ratio) -> String {
    let ends = ratio.low.zip(ratio.high);
    let ends =
        ends.map(|(low, high)| format!(" [{}, {}]", number::three_digits(low), number::three_digits(high)));
    format!("{}{}", number::three_digits(ratio.median), ends.unwrap_or_default())
}

/// A variant in short: `shared 8×4 by 16×8`, results of an invocation and then the workgroup.
pub fn described(choice: Choice) -> String {
    let Choice { variant, tile: [rows, vectors], lanes, lines } = choice;
    let variant = match variant {
        Variant::Shared => "shared",
        Variant::Alone => "alone",
    };
    format!("{variant} {rows}×{vectors} by {lanes}×{lines}")
}

/// The run as one JSON document: fields are added as needed and never renamed.
pub fn document(tuning: &Tuning) -> String {
    let classes: Vec<Value> = tuning.classes.iter().map(class).collect();
    format!("{:#}", json!({ "run": tuning.run, "classes": classes }))
}

fn class(class: &TunedClass) -> Value {
    let report = &class.report;
    json!({
        "target": class.target, "browser_version": class.browser_version, "adapter": report.adapter,
        "adapter_name": adapter_name(&report.adapter),
        "family": report.class.family, "class": report.class.class, "shapes": report.shapes, "left_out": report.left_out,
        "row": class.row(),
        "better": class.better().map(|standing| standing_document(&standing)),
        "trials": report.trials.iter().map(|trial| self::trial(class, trial)).collect::<Vec<_>>(),
    })
}

fn trial(class: &TunedClass, trial: &Trial) -> Value {
    let Trial { choice, end, rounds_ms, deciding_ms } = trial;
    json!({
        "choice": choice, "end": end, "rounds_ms": rounds_ms, "deciding_ms": deciding_ms,
        "standing": class.standing(trial).filter(|_| *end == TrialEnd::Measured).map(|standing| standing_document(&standing)),
    })
}

fn standing_document(standing: &Standing) -> Value {
    let Standing { choice, times_as_fast: Ratio { median, low, high, n, .. } } = standing;
    json!({ "choice": choice, "times_as_fast": { "median": median, "low": low, "high": high, "n": n } })
}
