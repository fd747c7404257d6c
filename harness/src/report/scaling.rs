//! How latency and throughput grow with a dimension of which several extents ran: a table below the sweep's own.

use std::collections::BTreeMap;

use protocol::{Metric, Verdict};

use super::columns::{Align, lay_out};
use crate::number;
use crate::rows::CaseRow;

const HEADS: [(&str, Align); 7] = [
    ("model", Align::Left),
    ("target", Align::Left),
    ("dimension", Align::Left),
    ("extent", Align::Right),
    ("latency", Align::Right),
    ("throughput", Align::Right),
    ("exponent", Align::Right),
];

/// Cases that differ in the extent of one dimension and in nothing else, by extent.
#[derive(Debug, PartialEq)]
struct Curve<'a> {
    dimension: &'a str,
    points: BTreeMap<usize, &'a CaseRow>,
}

/// The table of every dimension of which at least two extents ran; nothing where there is none.
pub fn lines(cases: &[CaseRow]) -> Vec<String> {
    let rows: Vec<Vec<String>> = curves(cases).iter().flat_map(rows).collect();
    match rows.is_empty() {
        true => Vec::new(),
        false => std::iter::once(String::new()).chain(lay_out(&HEADS, &rows)).collect(),
    }
}

fn curves(cases: &[CaseRow]) -> Vec<Curve<'_>> {
    let passed = |case: &&CaseRow| case.verdict == Verdict::Pass && median(case, Metric::LatencyMs).is_some();
    let mut curves: Vec<Curve<'_>> = Vec::new();
    for case in cases.iter().filter(passed) {
        for (dimension, extent) in &case.dimensions {
            let is_of = |curve: &&mut Curve<'_>| {
                let first = curve.points.values().next();
                curve.dimension == dimension && first.is_some_and(|first| is_alike(first, case, dimension))
            };
            match curves.iter_mut().find(is_of) {
                Some(curve) => {
                    curve.points.insert(*extent, case);
                }
                None => curves.push(Curve { dimension, points: BTreeMap::from([(*extent, case)]) }),
            }
        }
    }
    curves.retain(|curve| curve.points.len() > 1);
    curves
}

/// Returns whether two cases differ in this dimension alone.
fn is_alike(a: &CaseRow, b: &CaseRow, dimension: &str) -> bool {
    let others = |case: &CaseRow| {
        let others = case.dimensions.iter().filter(|(name, _)| *name != dimension);
        others.map(|(name, extent)| (name.clone(), *extent)).collect::<Vec<_>>()
    };
    fn rest(case: &CaseRow) -> [&String; 5] {
        let CaseRow { model, target, adapter_choice, precision, features_off, .. } = case;
        [model, target, adapter_choice, precision, features_off]
    }
    rest(a) == rest(b) && others(a) == others(b)
}

fn rows(curve: &Curve<'_>) -> Vec<Vec<String>> {
    let mut before: Option<(usize, f64)> = None;
    let mut rows = Vec::new();
    for (extent, case) in &curve.points {
        let Some(latency_ms) = median(case, Metric::LatencyMs) else { continue };
        let rate = median(case, Metric::ThroughputPerS);
        let growth = before.map(|before| exponent(before, (*extent, latency_ms)));
        rows.push(vec![
            name(case, curve.dimension),
            case.target.clone(),
            curve.dimension.to_owned(),
            extent.to_string(),
            number::time(latency_ms),
            rate.map_or_else(|| "–".to_owned(), number::rate),
            growth.map_or_else(|| "–".to_owned(), |growth| format!("{growth:.2}")),
        ]);
        before = Some((*extent, latency_ms));
    }
    rows
}

/// The model with all that is varied besides this dimension.
fn name(case: &CaseRow, dimension: &str) -> String {
    let mut others = case.clone();
    others.dimensions.remove(dimension);
    let variant = others.variant();
    if variant.is_empty() { case.model.clone() } else { format!("{} {variant}", case.model) }
}

/// A median, if it is a time or a rate at all.
fn median(case: &CaseRow, metric: Metric) -> Option<f64> {
    case.metrics.get(metric.name()).map(|measured| measured.summary.median).filter(|median| *median > 0.0)
}

/// The exponent by which a latency grows from one extent to the next: 0 where it does not, 1 in proportion, 2 with the square.
fn exponent((extent, latency_ms): (usize, f64), (next, next_ms): (usize, f64)) -> f64 {
    (next_ms / latency_ms).ln() / (next as f64 / extent as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::passed;
    use crate::rows::Measured;
    use crate::statistics::Summary;

    fn case(extents: &[(&str, usize)], features_off: &str, latency_ms: f64) -> CaseRow {
        let measured = |median| Measured::of(Summary { median, interval: None, n: 1 }, vec![]);
        let metrics = [("latency_ms", latency_ms), ("throughput_per_s", 1000.0 / latency_ms)];
        CaseRow {
            dimensions: extents.iter().map(|(name, extent)| ((*name).to_owned(), *extent)).collect(),
            features_off: features_off.to_owned(),
            metrics: metrics.map(|(name, value)| (name.to_owned(), measured(value))).into(),
            ..passed()
        }
    }

    #[test]
    fn a_curve_is_of_one_dimension_and_all_else_alike() {
        let failed = CaseRow { verdict: Verdict::Crash, ..case(&[("sequence", 64)], "", 1.0) };
        let other_adapter = CaseRow {
            adapter_choice: "lavapipe".to_owned(),
            ..case(&[("batch", 1), ("sequence", 64)], "", 1.0)
        };
        let cases = [
            other_adapter,
            case(&[("batch", 1), ("sequence", 32)], "", 4.0),
            case(&[("batch", 1), ("sequence", 16)], "", 2.0),
            case(&[("batch", 4), ("sequence", 16)], "", 4.0),
            case(&[("batch", 1), ("sequence", 64)], "-fusion", 1.0),
            failed,
        ];
        let lines = lines(&cases);
        let expected = "
model                  target         dimension  extent  latency  throughput  exponent
──────────────────────────────────────────────────────────────────────────────────────
bert-tiny batch=1      webgpu@chrome  sequence       16  2.00 ms      500 /s         –
bert-tiny batch=1      webgpu@chrome  sequence       32  4.00 ms      250 /s      1.00
bert-tiny sequence=16  webgpu@chrome  batch           1  2.00 ms      500 /s         –
bert-tiny sequence=16  webgpu@chrome  batch           4  4.00 ms      250 /s      0.50";
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn one_extent_is_no_curve() {
        assert_eq!(lines(&[case(&[("batch", 1)], "", 1.0), case(&[], "", 1.0)]), [""; 0]);
    }
}
