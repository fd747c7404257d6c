//! Operators that move elements and compute nothing, and what is put together from such.

use graph::Tensor;
use graph::ops::{Concat, Expand, Pad, PadMode, Slice};
use serde_json::{Value, json};

use super::Operands;
use super::indices::picked_rows;
use crate::error::Refusal;
use crate::plan::OperandId;
use crate::writer::{Lowered, Writer};

pub fn concat(concat: &Concat, w: &mut Writer, operands: &Operands) -> Lowered {
    let parts: Vec<OperandId> = operands.inputs.iter().copied().flatten().collect();
    match parts.as_slice() {
        &[only] => Ok(only),
        parts => w.concat(parts, concat.axis),
    }
}

pub fn expand(expand: &Expand, w: &mut Writer, operands: &Operands) -> Lowered {
    w.expand(operands.operand(0)?, &expand.shape)
}

/// WebNN's steps are forward; an axis that is walked backwards is cut out forward, then reversed.
pub fn slice(slice: &Slice, w: &mut Writer, operands: &Operands) -> Lowered {
    // Where there is one element, a step leads nowhere.
    let step_of = |axis: usize| if slice.shape[axis] > 1 { slice.steps[axis] } else { 1 };
    let first_of = |axis: usize| match step_of(axis) {
        step if step < 0 => slice.starts[axis] - (slice.shape[axis] - 1) * step.unsigned_abs(),
        _ => slice.starts[axis],
    };
    let axes = 0..slice.shape.len();
    let starts: Vec<usize> = axes.clone().map(first_of).collect();
    let strides: Vec<usize> = axes.clone().map(|axis| step_of(axis).unsigned_abs()).collect();
    let window = w.strided(operands.operand(0)?, &starts, &slice.shape, &strides)?;
    let backwards: Vec<usize> = axes.filter(|&axis| step_of(axis) < 0).collect();
    if backwards.is_empty() {
        return Ok(window);
    }
    // Today's browsers reverse no int64, but pick it.
    w.reverse(window, &backwards).or_else(|_| {
        backwards.iter().try_fold(window, |window, &axis| {
            let indices = (0..slice.shape[axis] as i32).rev().collect::<Vec<_>>();
            let indices = w.constant(Tensor::vector(indices))?;
            picked_rows(window, indices, axis, w)
        })
    })
}

/// Pad: what the context does not pad is put together of borders, or picked by index.
pub fn pad(pad: &Pad, w: &mut Writer, operands: &Operands) -> Lowered {
    let x = operands.operand(0)?;
    let reaches = |(extent, (before, after)): (&usize, (&usize, &usize))| before < extent && after < extent;
    let borders = || pad.before.iter().zip(&pad.after);
    let made = match pad.mode {
        PadMode::Constant => fill(operands).and_then(|fill| padded(pad, "constant", fill, w, operands)),
        PadMode::Edge => padded(pad, "edge", Value::Null, w, operands),
        PadMode::Reflect if operands.shape(0).iter().zip(borders()).all(reaches) => {
            padded(pad, "reflection", Value::Null, w, operands)
        }
        PadMode::Reflect => Err(Refusal::NotInWebnn { what: "reflection more than once".to_owned() }),
        PadMode::Wrap => Err(Refusal::NotInWebnn { what: "padding that wraps around".to_owned() }),
    };
    match (made, pad.mode) {
        (Err(_), PadMode::Constant) => {
            let fill = operands.optional(1).map_or_else(|| w.number_like(0.0, x), Ok)?;
            bordered(x, fill, &pad.before, &pad.after, w)
        }
        (Err(_), PadMode::Edge | PadMode::Reflect | PadMode::Wrap) => repeated(pad, x, w),
        (made, _) => made,
    }
}

fn padded(pad: &Pad, mode: &str, value: Value, w: &mut Writer, operands: &Operands) -> Lowered {
    let x = operands.operand(0)?;
    let element = w.element(x);
    let call = w.call("pad").operand("input", x).argument(json!(pad.before)).argument(json!(pad.after));
    let call = call.option("mode", json!(mode));
    let call = if value.is_null() { call } else { call.option("value", value) };
    call.gives(element, operands.result.shape.clone())
}

/// A border of one element all around.
pub fn bordered(x: OperandId, fill: OperandId, before: &[usize], after: &[usize], w: &mut Writer) -> Lowered {
    let mut made = x;
    for axis in 0..before.len() {
        let mut parts = Vec::with_capacity(3);
        for extent in [before[axis], after[axis]] {
            let mut shape = w.shape(made);
            shape[axis] = extent;
            parts.push(if extent > 0 { Some(w.expand(fill, &shape)?) } else { None });
        }
        parts.insert(1, Some(made));
        let parts: Vec<OperandId> = parts.into_iter().flatten().collect();
        made = if parts.len() > 1 { w.concat(&parts, axis)? } else { made };
    }
    Ok(made)
}

/// A border of elements that are there already.
fn repeated(pad: &Pad, x: OperandId, w: &mut Writer) -> Lowered {
    let mut made = x;
    for (axis, (&before, &after)) in pad.before.iter().zip(&pad.after).enumerate() {
        let extent = w.shape(made)[axis];
        let places = (0..before + extent + after).map(|at| at as isize - before as isize);
        if before + after > 0 {
            let sources = places.filter_map(|place| pad.mode.source(place, extent));
            let sources: Vec<i32> = sources.map(|source| source as i32).collect();
            let sources = w.constant(Tensor::vector(sources))?;
            made = picked_rows(made, sources, axis, w)?;
        }
    }
    Ok(made)
}

/// Up to here a number of JavaScript holds every whole one.
const LARGEST_WHOLE: u64 = 1 << 53;

/// The fill of a border, which WebNN wants as a number.
fn fill(operands: &Operands) -> Result<Value, Refusal> {
    let Some(tensor_type) = operands.types.get(1).copied().flatten() else { return Ok(json!(0)) };
    let here = operands.constants.get(1).copied().flatten().and_then(graph::Constant::here);
    let number = if tensor_type.data_type.is_float() {
        let number = here.and_then(|tensor| tensor.to_f32_vec().first().copied()).map(f64::from);
        number.filter(|number| number.is_finite()).map(|number| json!(number))
    } else {
        let number = here.and_then(|tensor| tensor.to_i64_vec()?.first().copied());
        number.filter(|number| number.unsigned_abs() <= LARGEST_WHOLE).map(|number| json!(number))
    };
    let refusal = || Refusal::NotInWebnn { what: "padding with what is computed or not finite".to_owned() };
    number.ok_or_else(refusal)
}

/// `(a · cos − b · sin, b · cos + a · sin)` of the halves `a` and `b` of the last axis.
pub fn rotate_half(w: &mut Writer, operands: &Operands) -> Lowered {
    let (x, cosine, sine) = (operands.operand(0)?, operands.operand(1)?, operands.operand(2)?);
    let (Some(&depth), axis) = (operands.shape(0).last(), operands.shape(0).len() - 1) else { return Ok(x) };
    let half = depth / 2;
    let (a, b) = (w.window(x, axis, 0, half)?, w.window(x, axis, half, half)?);
    let halves = |angles: OperandId, w: &mut Writer| -> Result<[OperandId; 2], Refusal> {
        let shape = w.shape(angles);
        if shape.last() == Some(&half) && half != depth {
            return Ok([angles; 2]);
        }
        let axis = shape.len() - 1;
        Ok([w.window(angles, axis, 0, half)?, w.window(angles, axis, half, half)?])
    };
    let ([cosine_a, cosine_b], [sine_a, sine_b]) = (halves(cosine, w)?, halves(sine, w)?);
    let (kept, turned) = (w.binary("mul", a, cosine_a)?, w.binary("mul", b, sine_a)?);
    let first = w.binary("sub", kept, turned)?;
    let (kept, turned) = (w.binary("mul", b, cosine_b)?, w.binary("mul", a, sine_b)?);
    let second = w.binary("add", kept, turned)?;
    w.concat(&[first, second], axis)
}
