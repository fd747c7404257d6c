//! How a latency grows with a dimension of which several extents ran. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cell::Cell;
use crate::model::variant::described;

/// One dimension's extents and what they take, all else alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    pub model: String,
    pub target: String,
    pub others: String,
    pub dimension: String,
    pub points: Vec<(usize, f64, Option<f64>)>,
}

/// Latency and items per second by extent.
type Points = BTreeMap<usize, (f64, Option<f64>)>;

/// A curve for every dimension of which at least two extents were measured.
pub fn of(cells: &[Cell]) -> Vec<Curve> {
    let mut curves: BTreeMap<[String; 4], Points> = BTreeMap::new();
    for cell in cells {
        let Some(latency) = cell.latency else { continue };
        for (dimension, extent) in &cell.dimensions {
            let key = [cell.model.clone(), cell.target.clone(), others(cell, dimension), dimension.clone()];
            curves.entry(key).or_default().insert(*extent, (latency.median, cell.throughput));
        }
    }
    curves.into_iter().filter(|(_, points)| points.len() > 1).map(curve).collect()
}

fn curve(([model, target, others, dimension], points): ([String; 4], Points)) -> Curve {
    let points = points.into_iter().map(|(extent, (latency_ms, per_s))| (extent, latency_ms, per_s));
    Curve { model, target, others, dimension, points: points.collect() }
}

/// Everything that tells a cell from others of its model and target, but one dimension.
fn others(cell: &Cell, dimension: &str) -> String {
    let mut dimensions = cell.dimensions.clone();
    dimensions.remove(dimension);
    let adapter = match cell.adapter_choice.as_str() {
        "default" => String::new(),
        chosen => format!("on {chosen}"),
    };
    let parts = [described(&dimensions), cell.precision.clone(), cell.features_off.clone(), adapter];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
