//! Operators whose operands say where elements lie.

use graph::Tensor;
use graph::ops::{
    ArgReduce, CacheUpdate, CumulativeSum, Gather, GatherElements, GatherNd, Scatter, ScatterElements,
    ScatterNd,
};
use serde_json::json;

use super::{Operands, scatter};
use crate::element::ElementType;
use crate::error::Refusal;
use crate::plan::OperandId;
use crate::writer::{Lowered, Writer};

/// The last of several equals is the first from the other end.
pub fn arg_reduce(own: &ArgReduce, w: &mut Writer, operands: &Operands) -> Lowered {
    let x = operands.operand(0)?;
    let shape = w.shape(x);
    let x = if own.last { w.reverse(x, &[own.axis])? } else { x };
    let method = if own.largest { "argMax" } else { "argMin" };
    let call = w.call(method).operand("input", x).argument(json!(own.axis));
    let positions: ElementType = operands.result.data_type.into();
    let call = call.option("outputDataType", json!(positions.name()));
    let found = call.gives(positions, operands.result.shape.clone())?;
    if !own.last {
        return Ok(found);
    }
    let end = w.number(shape[own.axis].saturating_sub(1) as f64, positions)?;
    w.binary("sub", end, found)
}

pub fn cumulative_sum(sum: &CumulativeSum, w: &mut Writer, operands: &Operands) -> Lowered {
    let x = operands.operand(0)?;
    let (element, shape) = (w.element(x), w.shape(x));
    let call = w.call("cumulativeSum").operand("input", x).argument(json!(sum.axis));
    let call = call.option("exclusive", json!(sum.exclusive)).option("reversed", json!(sum.reverse));
    call.gives(element, shape)
}

pub fn gather(gather: &Gather, w: &mut Writer, operands: &Operands) -> Lowered {
    picked("gather", w, operands, |call| call.option("axis", json!(gather.axis)))
}

/// Where a context has it not, or refuses to build it, it is a gatherND of whole coordinates.
pub fn gather_elements(gather: &GatherElements, w: &mut Writer, operands: &Operands) -> Lowered {
    let (x, picks) = (operands.shape(0), operands.shape(1));
    let reaches = x.iter().zip(picks).enumerate().all(|(axis, (x, pick))| axis == gather.axis || x == pick);
    let made = match reaches {
        true => picked("gatherElements", w, operands, |call| call.option("axis", json!(gather.axis))),
        false => Err(Refusal::NoMethod { method: "gatherElements" }),
    };
    match made {
        Err(Refusal::NoMethod { .. } | Refusal::Broken { .. }) => {
            let (x, indices) = (operands.operand(0)?, operands.operand(1)?);
            let coordinates = coordinates(indices, gather.axis, w)?;
            let element = w.element(x);
            let call = w.call("gatherND").operand("input", x).operand("indices", coordinates);
            call.gives(element, operands.result.shape.clone())
        }
        made => made,
    }
}

/// The coordinates of elements whose own is known along one axis: along the others they are where they lie.
fn coordinates(indices: OperandId, axis: usize, w: &mut Writer) -> Lowered {
    let shape = w.shape(indices);
    let along = w.cast(indices, ElementType::Int32)?;
    let mut parts = Vec::with_capacity(shape.len());
    let single = [shape.as_slice(), &[1]].concat();
    for other in 0..shape.len() {
        let part = if other == axis { along } else { coordinate(other, &shape, w)? };
        parts.push(w.reshape(part, &single)?);
    }
    w.concat(&parts, shape.len())
}

/// For each element of a shape, where it lies along an axis.
pub fn coordinate(axis: usize, shape: &[usize], w: &mut Writer) -> Lowered {
    let mut own = vec![1; shape.len()];
    own[axis] = shape[axis];
    let positions = w.constant(Tensor::vector((0..shape[axis] as i32).collect::<Vec<_>>()))?;
    let positions = w.reshape(positions, &own)?;
    if own == shape { Ok(positions) } else { w.expand(positions, shape) }
}

/// Dimensions that both operands share are coordinates like the others.
pub fn gather_nd(gather: &GatherNd, w: &mut Writer, operands: &Operands) -> Lowered {
    let (x, indices) = (operands.operand(0)?, operands.operand(1)?);
    let shape = w.shape(indices);
    let last = shape.len().saturating_sub(1);
    if gather.batch_dimensions == 0 {
        return picked("gatherND", w, operands, |call| call);
    }
    let single = [&shape[..last], &[1]].concat();
    let mut parts = Vec::with_capacity(gather.batch_dimensions + 1);
    for axis in 0..gather.batch_dimensions {
        parts.push(coordinate(axis, &single, w)?);
    }
    parts.push(w.cast(indices, ElementType::Int32)?);
    let indices = w.concat(&parts, last)?;
    let element = w.element(x);
    let call = w.call("gatherND").operand("input", x).operand("indices", indices);
    call.gives(element, operands.result.shape.clone())
}

/// A method of data and indices. Indices that the context does not take as they are fit into int32, since no extent
/// is longer.
fn picked(
    method: &'static str,
    w: &mut Writer,
    operands: &Operands,
    options: impl for<'w, 'a> Fn(crate::writer::Draft<'w, 'a>) -> crate::writer::Draft<'w, 'a>,
) -> Lowered {
    let (x, indices) = (operands.operand(0)?, operands.operand(1)?);
    let (element, shape) = (w.element(x), operands.result.shape.clone());
    let made = options(w.call(method).operand("input", x).operand("indices", indices));
    match made.gives(element, shape.clone()) {
        Err(Refusal::Element { role: "indices", .. }) => {
            let indices = w.cast(indices, ElementType::Int32)?;
            options(w.call(method).operand("input", x).operand("indices", indices)).gives(element, shape)
        }
        made => made,
    }
}

/// Where a context has it not, or refuses to build it, it is a scatterND of whole coordinates.
pub fn scatter_elements(own: &ScatterElements, w: &mut Writer, operands: &Operands) -> Lowered {
    if own.scatter != Scatter::Replace {
        return scatter::elements(own, w, operands);
    }
    let (x, updates) = (operands.shape(0), operands.shape(2));
    let reaches =
        x.iter().zip(updates).enumerate().all(|(axis, (x, update))| axis == own.axis || x == update);
    let made = match reaches {
        true => written("scatterElements", operands.operand(1)?, Some(own.axis), w, operands),
        false => Err(Refusal::NoMethod { method: "scatterElements" }),
    };
    match made {
        Err(Refusal::NoMethod { .. } | Refusal::Broken { .. }) => {
            let coordinates = coordinates(operands.operand(1)?, own.axis, w)?;
            written("scatterND", coordinates, None, w, operands)
        }
        made => made,
    }
}

pub fn scatter_nd(scatter_nd: &ScatterNd, w: &mut Writer, operands: &Operands) -> Lowered {
    match scatter_nd.scatter {
        Scatter::Replace => written("scatterND", operands.operand(1)?, None, w, operands),
        joining => scatter::tuples(joining, w, operands),
    }
}

fn written(
    method: &'static str,
    indices: OperandId,
    axis: Option<usize>,
    w: &mut Writer,
    operands: &Operands,
) -> Lowered {
    let (x, updates) = (operands.operand(0)?, operands.operand(2)?);
    let (element, shape) = (w.element(x), w.shape(x));
    let indices = w.cast(indices, ElementType::Int32)?;
    let call = w.call(method).operand("input", x).operand("indices", indices).operand("updates", updates);
    let call = match axis {
        Some(axis) => call.option("axis", json!(axis)),
        None => call,
    };
    call.gives(element, shape)
}

/// Where the axis' own positions lie among the new rows, the new rows; elsewhere what was there.
pub fn cache_update(update: &CacheUpdate, w: &mut Writer, operands: &Operands) -> Lowered {
    let (cache, rows, position) = (operands.operand(0)?, operands.operand(1)?, operands.operand(2)?);
    let (capacity, count) = (operands.shape(0)[update.axis], operands.shape(1)[update.axis]);
    let mut along = vec![1; operands.shape(0).len()];
    along[update.axis] = capacity;

    let position = w.cast(position, ElementType::Int32)?;
    let position = w.reshape(position, &[1])?;
    let positions: Vec<i32> = (0..capacity as i32).collect();
    let positions = w.constant(Tensor::vector(positions))?;
    if count == 1 {
        let here = w.compare("equal", positions, position)?;
        let here = w.reshape(here, &along)?;
        return w.choose(here, rows, cache);
    }
    let offset = w.binary("sub", positions, position)?;
    let (zero, end) = (w.number(0.0, ElementType::Int32)?, w.number(count as f64, ElementType::Int32)?);
    let last = w.number((count - 1) as f64, ElementType::Int32)?;
    let (from, to) = (w.compare("greaterOrEqual", offset, zero)?, w.compare("lesser", offset, end)?);
    let here = w.compare("logicalAnd", from, to)?;
    let here = w.reshape(here, &along)?;
    let capped = w.binary("min", offset, last)?;
    let capped = w.binary("max", capped, zero)?;
    let moved = picked_rows(rows, capped, update.axis, w)?;
    w.choose(here, moved, cache)
}

/// Slices along an axis, by indices in a vector.
pub fn picked_rows(rows: OperandId, indices: OperandId, axis: usize, w: &mut Writer) -> Lowered {
    let (element, mut shape) = (w.element(rows), w.shape(rows));
    shape[axis] = w.shape(indices)[0];
    let call = w.call("gather").operand("input", rows).operand("indices", indices);
    call.option("axis", json!(axis)).gives(element, shape)
}
