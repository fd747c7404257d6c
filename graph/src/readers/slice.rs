//! Slice and Split: windows of a tensor, also of one that grows while decoding.

use std::cmp::Ordering;

use crate::builder::Builder;
use crate::builder::cache_length::linear::{Integer, Linear};
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::{NodeView, axis};
use crate::ops::{Gather, Operator, Slice};

/// Slice: starts, ends, axes and steps are operands since opset 10, attributes before.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let from = node.shape(0)?;
    let starts = bounds(node, 1, "starts")?;
    let ends = bounds(node, 2, "ends")?;
    let axes = node.integers_or_attribute(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = node.integers_or_attribute(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(invalid!(
            "{} starts, {} ends, {} axes and {} steps",
            starts.len(),
            ends.len(),
            axes.len(),
            steps.len()
        ));
    }
    let mut slice = whole(from);
    let mut growing = Vec::new();
    for (at, &given) in axes.iter().enumerate() {
        let axis = axis(given, from.len())?;
        if node.axes(0)?[axis].is_some() || starts[at].coefficient != 0 || ends[at].coefficient != 0 {
            growing.push(CachedWindow { axis, start: starts[at], end: ends[at], step: steps[at] });
            continue;
        }
        let (start, count) = window(from[axis], starts[at].base, ends[at].base, steps[at])?;
        slice.starts[axis] = start;
        slice.shape[axis] = count;
        // Where there is one element, a step leads nowhere.
        let step = if count > 1 { isize::try_from(steps[at]).unwrap_or(isize::MAX) } else { 1 };
        slice.steps[axis] = step;
    }
    let mut id = node.operand(0)?.id;
    if growing.is_empty() || slice != whole(from) {
        id = graph.push(node.name, Operator::Slice(slice), &[Some(id)])?;
    }
    for window in growing {
        id = window.read(node.name, graph, id)?;
    }
    Ok(vec![id])
}

fn bounds(node: &NodeView, index: usize, name: &str) -> Result<Vec<Integer>, Error> {
    let attribute = || {
        let integers = node.attributes.ints(name)?.ok_or_else(|| invalid!("its {name} are missing"))?;
        Ok(integers.iter().copied().map(Integer::constant).collect())
    };
    node.linear(index, name)?.map_or_else(attribute, Ok)
}

/// A window along an axis that grows while decoding, or between bounds that move with it.
struct CachedWindow {
    axis: usize,
    start: Integer,
    end: Integer,
    step: i64,
}

impl CachedWindow {
    fn read(&self, name: &str, graph: &mut Builder, id: ValueId) -> Result<ValueId, Error> {
        let shape = graph.tensor_type(id).shape.clone();
        let base = graph.axes(id).and_then(|axes| axes[self.axis]);
        let extent = match base {
            Some(base) => Integer { base, coefficient: 1 },
            None => Integer::constant(shape[self.axis] as i64),
        };
        let capacity = graph.capacity();
        let (start, end) = (place(self.start, extent, capacity), place(self.end, extent, capacity));
        let length = end - start;
        let known = self.step == 1 && start.is_never_negative(capacity);
        if !known || (base.is_some() && !(extent - end).is_never_negative(capacity)) {
            return Err(unsupported!(
                "its window moves with the number of past positions in a way unknown here"
            ));
        }
        match (start, length) {
            (Integer { base: 0, coefficient: 0 }, length) if length == extent => Ok(id),
            (Integer { base: start, coefficient: 0 }, Integer { base: count, coefficient: 0 }) => {
                window_along(name, graph, id, self.axis, start as usize, count.max(0) as usize)
            }
            (start, Integer { base: count, coefficient: 0 }) => {
                let moved = |at: i64| Integer { base: start.base + at, coefficient: start.coefficient };
                let indices = Linear::vector(&(0..count).map(moved).collect::<Vec<_>>());
                let indices = graph.push_linear(name, indices);
                graph.push(name, Operator::Gather(Gather { axis: self.axis }), &[Some(id), Some(indices)])
            }
            (Integer { base: 0, coefficient: 0 }, Integer { base: length, coefficient: 1 })
                if base.is_none() && shape[self.axis] >= capacity =>
            {
                let window = window_along(name, graph, id, self.axis, 0, capacity)?;
                let mut axes = vec![None; shape.len()];
                axes[self.axis] = Some(length);
                graph.set_axes(window, axes);
                Ok(window)
            }
            _ => Err(unsupported!(
                "it cuts an axis of {} to a length that grows to {capacity}",
                shape[self.axis]
            )),
        }
    }
}

/// A bound counted from the front and clamped to the axis, where that is known whatever the past positions.
fn place(at: Integer, extent: Integer, capacity: usize) -> Integer {
    let at = if at.sign(capacity).is_some_and(Ordering::is_lt) { at + extent } else { at };
    if (at - extent).is_never_negative(capacity) { extent } else { at }
}

/// A plain window along one axis.
fn window_along(
    name: &str,
    graph: &mut Builder,
    id: ValueId,
    axis: usize,
    start: usize,
    count: usize,
) -> Result<ValueId, Error> {
    let mut slice = whole(&graph.tensor_type(id).shape);
    (slice.starts[axis], slice.shape[axis]) = (if count == 0 { 0 } else { start }, count);
    graph.push(name, Operator::Slice(slice), &[Some(id)])
}

fn whole(shape: &[usize]) -> Slice {
    Slice { starts: vec![0; shape.len()], steps: vec![1; shape.len()], shape: shape.to_vec() }
}

/// First element and count along an axis, clamped as the ONNX specification says.
fn window(extent: usize, start: i64, end: i64, step: i64) -> Result<(usize, usize), Error> {
    if step == 0 {
        return Err(invalid!("a step is 0"));
    }
    // i128 holds whatever int64 extremes add up to.
    let (extent, step) = (extent as i128, i128::from(step));
    let from_front = |at: i64| if at < 0 { i128::from(at) + extent } else { i128::from(at) };
    let (start, end) = if step > 0 {
        (from_front(start).clamp(0, extent), from_front(end).clamp(0, extent))
    } else {
        (from_front(start).clamp(-1, extent - 1), from_front(end).clamp(-1, extent - 1))
    };
    let count = ((end - start + step - step.signum()) / step).max(0);
    Ok(if count == 0 { (0, 0) } else { (start as usize, count as usize) })
}

/// Split: one slice for each output.
pub(crate) fn read_split(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let operand = node.operand(0)?;
    let from = &operand.tensor_type.shape;
    let axis = node.axis(from.len(), 0)?;
    if node.axes(0)?[axis].is_some() {
        return Err(unsupported!("it splits an axis that grows while decoding"));
    }
    let given = node.integers_or_attribute(1, "split")?;
    let parts = match given {
        Some(parts) => parts.iter().map(|&part| usize::try_from(part).unwrap_or(usize::MAX)).collect(),
        None => equal_parts(from[axis], node.output_count),
    };
    let total = parts.iter().try_fold(0usize, |sum, &part| sum.checked_add(part));
    if parts.len() != node.output_count || total != Some(from[axis]) {
        return Err(invalid!(
            "parts {parts:?} do not split an axis of {} into {}",
            from[axis],
            node.output_count
        ));
    }
    let mut start = 0;
    let mut outputs = Vec::new();
    for part in parts {
        let mut slice = whole(from);
        (slice.starts[axis], slice.shape[axis]) = (if part == 0 { 0 } else { start }, part);
        outputs.push(graph.push(node.name, Operator::Slice(slice), &[Some(operand.id)])?);
        start += part;
    }
    Ok(outputs)
}

/// Parts as equal as can be, the last one smaller.
fn equal_parts(extent: usize, count: usize) -> Vec<usize> {
    let part = extent.div_ceil(count.max(1));
    (0..count).map(|at| extent.saturating_sub(at * part).min(part)).collect()
}
