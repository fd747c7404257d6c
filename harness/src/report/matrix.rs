//! Models by targets: for the terminal, for a document, a line for each cell, and as JSON.

use protocol::{AdapterChoice, Verdict};
use serde_json::{Value, json};

use super::columns::{Align, lay_out};
use super::csv::quoted;
use crate::number;
use crate::rows::matrix::{Against, Cell, Matrix};
use crate::rows::measurement::{Place, Subject};
use crate::screen::shown;
use crate::statistics::Summary;

/// Marks a cell that a CPU computed in place of a GPU.
const SOFTWARE: &str = "°";
/// Marks a speed-up over a baseline on another adapter.
const ELSEWHERE: &str = "≠";
/// A cell that was not run.
const NOTHING: &str = "–";

/// The table for the terminal.
pub fn render(matrix: &Matrix) -> String {
    let places: Vec<String> = matrix.places.iter().map(|place| shown(&place_name(place))).collect();
    let heads: Vec<(&str, Align)> = std::iter::once(("model", Align::Left))
        .chain(places.iter().map(|place| (place.as_str(), Align::Right)))
        .collect();
    let mut lines = lay_out(&heads, &cells(matrix));
    lines.push(String::new());
    lines.extend(legend(matrix));
    lines.join("\n")
}

/// The table in Markdown.
pub fn markdown(matrix: &Matrix) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |", cells.join(" | "))
    };
    let heads: Vec<String> = std::iter::once("model".to_owned())
        .chain(matrix.places.iter().map(|place| shown(&place_name(place))))
        .collect();
    let rule = format!("|---|{}", "---:|".repeat(matrix.places.len()));
    let rows = cells(matrix);
    let table = [line(&heads), rule].into_iter().chain(rows.iter().map(|row| line(row)));
    let legend = legend(matrix).into_iter().flat_map(|sentence| [String::new(), sentence]);
    table.chain(legend).collect::<Vec<_>>().join("\n")
}

/// Row by row, the model's name and what its cells show.
fn cells(matrix: &Matrix) -> Vec<Vec<String>> {
    let row = |subject: &Subject| {
        let cells = matrix.places.iter().map(|place| {
            matrix.cell(subject, place).map_or_else(|| NOTHING.to_owned(), |cell| text(matrix, cell))
        });
        std::iter::once(shown(&subject_name(subject))).chain(cells).collect()
    };
    matrix.subjects.iter().map(row).collect()
}

/// What is said of a cell: how it failed, or its time and the speed-up.
fn text(matrix: &Matrix, cell: &Cell) -> String {
    let mark = if cell.software { SOFTWARE } else { "" };
    let latency = match (&cell.verdict, &cell.latency_ms) {
        (Verdict::Pass, Some(latency)) => number::time(latency.median),
        (verdict, _) => return format!("{}{mark}", verdict.name()),
    };
    match &cell.against {
        Some(Against { speed_up: Ok(speed_up), same_adapter, .. }) => {
            let elsewhere = if *same_adapter == Some(false) { ELSEWHERE } else { "" };
            format!("{latency}{mark} ×{}{elsewhere}", number::ratio_interval(speed_up))
        }
        None if cell.place.target == matrix.baseline => format!("{latency}{mark} ×1"),
        Some(_) | None => format!("{latency}{mark}"),
    }
}

/// What the signs of the table mean, as far as they are in it.
fn legend(matrix: &Matrix) -> Vec<String> {
    let any = |is_it: fn(&Cell) -> bool| matrix.cells.iter().any(is_it);
    let elsewhere = |cell: &Cell| {
        cell.against.as_ref().is_some_and(|it| it.speed_up.is_ok() && it.same_adapter == Some(false))
    };
    let runs = matrix.runs.join(", ");
    let sentences = [
        Some(format!(
            "×N: so many times as fast as {}, on the same adapter where it ran there, with its 95 % interval",
            matrix.baseline
        )),
        any(|cell| cell.software).then(|| format!("{SOFTWARE}: a CPU stood in for a GPU")),
        any(elsewhere).then(|| {
            format!("{ELSEWHERE}: over a baseline on another adapter, which compares the adapters and not the targets")
        }),
        Some(format!("run{} {runs}", if matrix.runs.len() == 1 { "" } else { "s" })),
    ];
    sentences.into_iter().flatten().collect()
}

pub(super) fn place_name(place: &Place) -> String {
    let adapter = match &place.adapter {
        AdapterChoice::Default => String::new(),
        chosen => format!(" on {chosen}"),
    };
    let features = if place.features.is_empty() { String::new() } else { format!(" {}", place.features) };
    format!("{}{adapter}{features}", place.target)
}

pub(super) fn subject_name(subject: &Subject) -> String {
    let Subject { model, precision, batch, dimensions } = subject;
    let batch = (*batch != 1).then(|| format!("batch {batch}"));
    let precision = (precision != "fp32").then(|| precision.clone());
    let dimensions = dimensions.iter().map(|(name, extent)| format!("{name}={extent}"));
    let rest: Vec<String> = precision.into_iter().chain(batch).chain(dimensions).collect();
    if rest.is_empty() { model.clone() } else { format!("{model} ({})", rest.join(", ")) }
}

/// The names of a cell's fields, in order.
const FIELDS: [&str; 20] = [
    "model",
    "precision",
    "batch",
    "dimensions",
    "target",
    "adapter_choice",
    "features",
    "verdict",
    "message",
    "latency_ms",
    "latency_low_ms",
    "latency_high_ms",
    "samples",
    "speed_up",
    "speed_up_low",
    "speed_up_high",
    "not_compared",
    "software",
    "baseline",
    "same_adapter",
];

/// A line of names, and a line for each cell, as RFC 4180 has them.
pub fn csv(matrix: &Matrix) -> String {
    let rows = in_order(matrix).map(|cell| {
        let fields = fields(cell);
        let text = |name: &&str| match &fields[*name] {
            Value::Null => String::new(),
            Value::String(text) => quoted(text),
            Value::Object(map) if map.is_empty() => String::new(),
            other => quoted(&other.to_string()),
        };
        FIELDS.iter().map(text).collect::<Vec<_>>().join(",")
    });
    std::iter::once(FIELDS.join(",")).chain(rows).collect::<Vec<_>>().join("\n")
}

/// The document: fields are added as needed and never renamed.
pub fn document(matrix: &Matrix) -> String {
    let cells: Vec<Value> = in_order(matrix).map(nested).collect();
    let document = json!({
        "runs": matrix.runs, "baseline": matrix.baseline,
        "targets": matrix.places.iter().map(place_name).collect::<Vec<_>>(),
        "models": matrix.subjects.iter().map(subject_name).collect::<Vec<_>>(),
        "cells": cells,
    });
    format!("{document:#}")
}

/// The cells, row by row.
fn in_order(matrix: &Matrix) -> impl Iterator<Item = &Cell> {
    let of_subject = move |subject| matrix.places.iter().filter_map(move |place| matrix.cell(subject, place));
    matrix.subjects.iter().flat_map(of_subject)
}

/// A cell as JSON.
fn nested(cell: &Cell) -> Value {
    let against = cell.against.as_ref();
    let speed_up = against.map(|against| against.speed_up.clone());
    json!({
        "model": cell.subject.model, "precision": cell.subject.precision, "batch": cell.subject.batch,
        "dimensions": cell.subject.dimensions, "target": cell.place.target, "adapter_choice": cell.place.adapter,
        "features": cell.place.features, "verdict": cell.verdict, "message": cell.message,
        "latency_ms": cell.latency_ms, "software": cell.software,
        "baseline": against.map(|against| place_name(&against.place)),
        "same_adapter": against.and_then(|against| against.same_adapter),
        "speed_up": speed_up.clone().and_then(Result::ok), "not_compared": speed_up.and_then(Result::err),
    })
}

/// A cell as fields, each a number, a word or nothing.
pub(super) fn fields(cell: &Cell) -> Value {
    let mut fields = nested(cell);
    let speed_up = cell.against.as_ref().and_then(|against| against.speed_up.as_ref().ok());
    let ends = |summary: Option<&Summary>| {
        let interval = summary.and_then(|summary| summary.interval);
        (summary.map(|it| it.median), interval.map(|it| it.low), interval.map(|it| it.high))
    };
    let (latency_ms, latency_low_ms, latency_high_ms) = ends(cell.latency_ms.as_ref());
    let (speed_up, speed_up_low, speed_up_high) = ends(speed_up);
    for (name, value) in [
        ("latency_ms", latency_ms),
        ("latency_low_ms", latency_low_ms),
        ("latency_high_ms", latency_high_ms),
        ("speed_up", speed_up),
        ("speed_up_low", speed_up_low),
        ("speed_up_high", speed_up_high),
    ] {
        fields[name] = json!(value);
    }
    fields["samples"] = json!(cell.latency_ms.map(|latency| latency.n));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::matrix::tests::measured;
    use crate::rows::measurement::Measurement;

    fn matrix() -> Matrix {
        let failed = Measurement {
            verdict: Verdict::Mismatch,
            message: Some("off by 1, or \"more\"".to_owned()),
            ..measured(1, "vit", "webgpu@chrome/swiftshader", &[])
        };
        let measurements = [
            measured(1, "bert", "wgpu:vulkan", &[2.0, 2.1, 1.9, 2.05, 1.95]),
            measured(1, "bert", "webgpu@chrome", &[4.0, 4.1, 3.9, 4.05, 3.95]),
            measured(1, "bert", "webgpu@chrome/swiftshader", &[4.0, 4.1, 3.9, 4.05, 3.95]),
            measured(1, "vit", "wgpu:vulkan", &[6.0]),
            failed,
        ];
        Matrix::of(&measurements, None).unwrap()
    }

    #[test]
    fn the_table_reads_like_this() {
        let table = render(&matrix());
        let lines: Vec<&str> = table.lines().collect();
        for part in ["2.00 ms° ×1", "4.00 ms° ×0.500 [", "]≠", "mismatch", "6.00 ms° ×1", "–"] {
            assert!(table.contains(part), "no {part} in\n{table}");
        }
        assert!(
            lines[0].starts_with("model  ") && lines[0].ends_with("webgpu@chrome on swiftshader"),
            "{table}"
        );
        assert!(table.contains("so many times as fast as wgpu:vulkan"), "{table}");
        assert!(table.contains("another adapter") && table.ends_with("run run 1"), "{table}");
    }

    #[test]
    fn a_document_has_a_table_whose_cells_are_as_many_as_its_heads() {
        let text = markdown(&matrix());
        let rows: Vec<usize> = text.lines().take(4).map(|line| line.matches('|').count()).collect();
        assert_eq!(rows, [5; 4], "{text}");
        assert!(text.contains("| vit | 6.00 ms° ×1 | – | mismatch"), "{text}");
    }

    #[test]
    fn every_cell_is_a_line_with_as_many_fields() {
        let text = csv(&matrix());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert_eq!(lines[0], FIELDS.join(","));
        assert!(
            lines[1].starts_with("bert,fp32,1,,wgpu:vulkan,default,,pass,,2.0,1.9,2.1,5,,,,,true,,"),
            "{text}"
        );
        assert!(lines[5].contains(",mismatch,\"off by 1, or \"\"more\"\"\",,,,,,,,mismatch,"), "{text}");
    }

    #[test]
    fn the_document_says_of_every_cell_what_it_is_held_against() {
        let document: Value = serde_json::from_str(&document(&matrix())).unwrap();
        let cells = document["cells"].as_array().unwrap();
        assert_eq!((cells.len(), &document["baseline"]), (5, &json!("wgpu:vulkan")));
        let (own, chrome, one) = (&cells[0], &cells[1], &cells[2]);
        assert_eq!((&own["speed_up"], &own["baseline"]), (&Value::Null, &Value::Null));
        assert_eq!((&chrome["speed_up"]["n"], &chrome["same_adapter"]), (&json!(5), &json!(true)));
        assert_eq!((&one["adapter_choice"], &one["same_adapter"]), (&json!("swiftshader"), &json!(false)));
        assert_eq!(
            (&cells[4]["verdict"], &cells[4]["not_compared"]),
            (&json!("mismatch"), &json!("mismatch"))
        );
    }
}
