//! Pad: a border around a tensor, or what is left where it is negative.

use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::{NodeView, axis};
use crate::ops::{Operator, Pad, PadMode};
use crate::writer::{Writer, Written};

/// Pad: borders are an operand since opset 11, an attribute before, as is the fill. Negative ones cut.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let mode = match node.attributes.text("mode")?.unwrap_or("constant") {
        "constant" => PadMode::Constant,
        "edge" => PadMode::Edge,
        "reflect" => PadMode::Reflect,
        "wrap" => PadMode::Wrap,
        other => return Err(unsupported!("its mode is {other:?}")),
    };
    let x = node.operand(0)?;
    let borders = borders(node, x.tensor_type.shape.len())?;
    let write = Writer::new(node, graph);
    let cropped = crop(&write, x.id, &borders)?;
    let side = |of: fn(&(i64, i64)) -> i64| borders.iter().map(|border| of(border).max(0) as usize).collect();
    let pad = Pad { mode, before: side(|border| border.0), after: side(|border| border.1) };
    if borders.iter().all(|&(before, after)| before <= 0 && after <= 0) {
        return Ok(vec![cropped]);
    }
    let attribute = node.attributes.float("value")?.filter(|&value| value != 0.0);
    let fill = match (mode, node.optional(2)) {
        (PadMode::Constant, Some(fill)) => Some(fill.id),
        (PadMode::Constant, None) => attribute.map(|value| write.like(cropped, value)),
        (PadMode::Edge | PadMode::Reflect | PadMode::Wrap, _) => None,
    };
    let operands: Vec<_> = [Some(cropped)].into_iter().chain(fill.map(Some)).collect();
    Ok(vec![write.push(Operator::Pad(pad), &operands)?])
}

/// The elements added before and behind each axis.
fn borders(node: &NodeView, rank: usize) -> Result<Vec<(i64, i64)>, Error> {
    let pads = node.integers_or_attribute(1, "pads")?.ok_or_else(|| invalid!("its pads are missing"))?;
    let axes = match node.integers(3, "axes")? {
        Some(given) => given.iter().map(|&at| axis(at, rank)).collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(invalid!("pads {pads:?} are not two for each of {} axes", axes.len()));
    }
    let mut borders = vec![(0, 0); rank];
    let (before, after) = pads.split_at(axes.len());
    for ((&axis, &before), &after) in axes.iter().zip(before).zip(after) {
        borders[axis] = (before, after);
    }
    Ok(borders)
}

/// The value without what negative borders cut off.
fn crop(write: &Writer, mut id: ValueId, borders: &[(i64, i64)]) -> Written {
    for (axis, &(before, after)) in borders.iter().enumerate() {
        let (start, behind) = (before.min(0).unsigned_abs() as usize, after.min(0).unsigned_abs() as usize);
        let extent = write.shape(id)[axis];
        let count = extent.checked_sub(start).and_then(|count| count.checked_sub(behind));
        let count = count.ok_or_else(|| invalid!("{start} and {behind} cannot be cut from {extent}"))?;
        id = write.slice(id, axis, if count == 0 { 0 } else { start }, count)?;
    }
    Ok(id)
}
