//! Updates that join what is there, which WebNN has not: every index is compared with every position, and the updates
//! that meet one are added up, or multiplied, or the largest of them found.

use graph::Tensor;
use graph::ops::{Scatter, ScatterElements};

use super::Operands;
use super::indices::coordinate;
use super::normalization::extreme_of;
use super::numbers::wider;
use super::shapes::bordered;
use crate::element::ElementType;
use crate::error::Refusal;
use crate::plan::OperandId;
use crate::writer::{Lowered, Writer};

/// ScatterElements with a reduction.
pub fn elements(own: &ScatterElements, w: &mut Writer, operands: &Operands) -> Lowered {
    let (x, indices, updates) = (operands.operand(0)?, operands.operand(1)?, operands.operand(2)?);
    let (shape, part) = (w.shape(x), w.shape(updates));
    let axes: Vec<usize> =
        std::iter::once(own.axis).chain((0..shape.len()).filter(|&axis| axis != own.axis)).collect();
    let matrix = |operand: OperandId, w: &mut Writer| {
        let first = w.transpose(operand, &axes)?;
        let count = w.shape(first)[0];
        let columns = w.shape(first)[1..].iter().product();
        w.reshape(first, &[count, columns])
    };
    // The same index for a whole row is how a graph's messages are summed.
    let indices = unexpanded(indices, own.axis, w).unwrap_or(indices);
    let indices = w.cast(indices, ElementType::Int32)?;
    let indices = from_front(indices, shape[own.axis], w)?;
    let (indices, updates) = (matrix(indices, w)?, matrix(updates, w)?);
    let met = met(own.scatter, shape[own.axis], indices, updates, w)?;

    let extents: Vec<usize> =
        axes.iter().map(|&axis| if axis == own.axis { shape[axis] } else { part[axis] }).collect();
    let met = w.reshape(met, &extents)?;
    let back: Vec<usize> =
        (0..axes.len()).filter_map(|axis| axes.iter().position(|&other| other == axis)).collect();
    let met = w.transpose(met, &back)?;
    let missing: Vec<usize> = shape.iter().zip(w.shape(met)).map(|(&whole, part)| whole - part).collect();
    let neutral = w.number_like(neutral(own.scatter, w.element(x)), x)?;
    let met = bordered(met, neutral, &vec![0; missing.len()], &missing, w)?;
    joined(own.scatter, x, met, w)
}

/// ScatterND with a reduction.
pub fn tuples(scatter: Scatter, w: &mut Writer, operands: &Operands) -> Lowered {
    let (x, indices, updates) = (operands.operand(0)?, operands.operand(1)?, operands.operand(2)?);
    let (shape, tuples) = (w.shape(x), w.shape(indices));
    let Some((&length, lead)) = tuples.split_last() else {
        return Err(Refusal::NotInWebnn { what: "scatterND without indices".to_owned() });
    };
    let count = lead.iter().product();
    let (rows, width) = (shape[..length].iter().product(), shape[length..].iter().product());
    let indices = w.cast(indices, ElementType::Int32)?;
    let indices = w.reshape(indices, &[count, length])?;
    let mut places = w.constant(Tensor::zeros(&graph::TensorType::new(graph::DataType::I32, [count, 1])))?;
    for axis in 0..length {
        let own = w.window(indices, 1, axis, 1)?;
        let own = from_front(own, shape[axis], w)?;
        let stride: usize = shape[axis + 1..length].iter().product();
        let stride = w.number(stride as f64, ElementType::Int32)?;
        let offset = w.binary("mul", own, stride)?;
        places = w.binary("add", places, offset)?;
    }
    let updates = w.reshape(updates, &[count, width])?;
    let met = met(scatter, rows, places, updates, w)?;
    let met = w.reshape(met, &shape)?;
    joined(scatter, x, met, w)
}

/// Before they were spread over all axes but one: indices that are the same along those.
fn unexpanded(indices: OperandId, axis: usize, w: &Writer) -> Option<OperandId> {
    let call = w.plan.calls.iter().rev().find(|call| call.output == indices)?;
    let &(_, source) = call.operands.first()?;
    match call.method {
        "cast" => unexpanded(source, axis, w),
        "expand" => {
            let (narrow, wide) = (w.shape(source), w.shape(indices));
            let same = narrow.len() == wide.len() && narrow[axis] == wide[axis];
            (same && narrow.iter().product::<usize>() == narrow[axis]).then_some(source)
        }
        _ => None,
    }
}

/// Indices from the end as indices from the front.
fn from_front(indices: OperandId, extent: usize, w: &mut Writer) -> Lowered {
    let (zero, extent) = (w.number_like(0.0, indices)?, w.number_like(extent as f64, indices)?);
    let negative = w.compare("lesser", indices, zero)?;
    let turned = w.binary("add", indices, extent)?;
    w.choose(negative, turned, indices)
}

/// `[extent, columns]`: at each position what the updates `[count, columns]` come to whose indices `[count, columns]`
/// or `[count, 1]` name it, and what changes nothing where none does.
fn met(scatter: Scatter, extent: usize, indices: OperandId, updates: OperandId, w: &mut Writer) -> Lowered {
    let (count, wide) = (w.shape(updates)[0], w.shape(indices)[1]);
    let (columns, element) = (w.shape(updates)[1], w.element(updates));
    if wide == 1 && scatter == Scatter::Add && element.is_float() {
        let positions = coordinate(0, &[extent, 1], w)?;
        let indices = w.reshape(indices, &[1, count])?;
        let here = w.compare("equal", positions, indices)?;
        let here = w.cast(here, element)?;
        return w.matmul(here, updates);
    }
    let positions = coordinate(0, &[extent, 1, 1], w)?;
    let indices = w.reshape(indices, &[1, count, wide])?;
    let here = w.compare("equal", positions, indices)?;
    let updates = w.reshape(updates, &[1, count, columns])?;
    let neutral = w.number_like(neutral(scatter, element), updates)?;
    let chosen = w.choose(here, updates, neutral)?;
    let found = match scatter {
        Scatter::Replace | Scatter::Add => w.reduce("reduceSum", chosen, &[1])?,
        Scatter::Mul => w.reduce("reduceProduct", chosen, &[1])?,
        Scatter::Max => extreme_of("reduceMax", chosen, &[1], w)?,
        Scatter::Min => extreme_of("reduceMin", chosen, &[1], w)?,
    };
    w.reshape(found, &[extent, columns])
}

/// The neutral element, which changes nothing that it is joined with.
fn neutral(scatter: Scatter, element: ElementType) -> f64 {
    match scatter {
        Scatter::Replace | Scatter::Add => 0.0,
        Scatter::Mul => 1.0,
        Scatter::Max => element.lowest(),
        Scatter::Min => element.highest(),
    }
}

fn joined(scatter: Scatter, x: OperandId, met: OperandId, w: &mut Writer) -> Lowered {
    match scatter {
        Scatter::Replace => Ok(met),
        Scatter::Add => w.binary("add", x, met),
        Scatter::Mul => w.binary("mul", x, met),
        Scatter::Max => wider("max", x, met, w),
        Scatter::Min => wider("min", x, met, w),
    }
}
