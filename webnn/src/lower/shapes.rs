//! Operators that move elements and compute nothing, and what is put together from such.

use graph::ops::{Concat, Expand, Pad, PadMode, Slice};
use serde_json::{Value, json};

use super::Site;
use crate::error::Refusal;
use crate::plan::OperandId;
use crate::writer::{Lowered, Writer};

pub fn concat(concat: &Concat, w: &mut Writer, site: &Site) -> Lowered {
    let parts: Vec<OperandId> = site.inputs.iter().copied().flatten().collect();
    match parts.as_slice() {
        &[only] => Ok(only),
        parts => w.concat(parts, concat.axis),
    }
}

pub fn expand(expand: &Expand, w: &mut Writer, site: &Site) -> Lowered {
    w.expand(site.operand(0)?, &expand.shape)
}

/// WebNN's steps are forward; an axis that is walked backwards is cut out forward, then reversed.
pub fn slice(slice: &Slice, w: &mut Writer, site: &Site) -> Lowered {
    let x = site.operand(0)?;
    let element = w.element(x);
    // Where there is one element, a step leads nowhere.
    let step_of = |axis: usize| if slice.shape[axis] > 1 { slice.steps[axis] } else { 1 };
    let walks = slice.starts.iter().zip(&slice.shape).enumerate().map(|(axis, (&start, &extent))| {
        let step = step_of(axis);
        let (stride, last) = (step.unsigned_abs(), extent.saturating_sub(1) * step.unsigned_abs());
        (if step < 0 { start - last } else { start }, last + 1, stride)
    });
    let (starts, (sizes, strides)): (Vec<_>, (Vec<_>, Vec<_>)) =
        walks.map(|(start, size, stride)| (start, (size, stride))).unzip();
    let call = w.call("slice").operand("input", x).argument(json!(starts)).argument(json!(sizes));
    let call =
        if strides.iter().any(|&stride| stride != 1) { call.option("strides", json!(strides)) } else { call };
    let cut = call.gives(element, slice.shape.clone())?;
    let backwards: Vec<usize> = (0..slice.steps.len()).filter(|&axis| step_of(axis) < 0).collect();
    if backwards.is_empty() {
        return Ok(cut);
    }
    w.call("reverse")
        .operand("input", cut)
        .option("axes", json!(backwards))
        .gives(element, slice.shape.clone())
}

pub fn pad(pad: &Pad, w: &mut Writer, site: &Site) -> Lowered {
    let x = site.operand(0)?;
    let reaches = |(extent, (before, after)): (&usize, (&usize, &usize))| before < extent && after < extent;
    let borders = || pad.before.iter().zip(&pad.after);
    let (mode, value) = match pad.mode {
        PadMode::Constant => ("constant", fill(site)?),
        PadMode::Edge => ("edge", Value::Null),
        PadMode::Reflect if site.shape(0).iter().zip(borders()).all(reaches) => ("reflection", Value::Null),
        PadMode::Reflect => return Err(Refusal::NotInWebnn { what: "reflection more than once".to_owned() }),
        PadMode::Wrap => return Err(Refusal::NotInWebnn { what: "padding that wraps around".to_owned() }),
    };
    let element = w.element(x);
    let call = w.call("pad").operand("input", x).argument(json!(pad.before)).argument(json!(pad.after));
    let call = call.option("mode", json!(mode));
    let call = if value.is_null() { call } else { call.option("value", value) };
    call.gives(element, site.result.shape.clone())
}

/// Up to here a number of JavaScript holds every whole one.
const LARGEST_WHOLE: u64 = 1 << 53;

/// What a border is filled with, which WebNN wants as a number.
fn fill(site: &Site) -> Result<Value, Refusal> {
    let Some(tensor_type) = site.types.get(1).copied().flatten() else { return Ok(json!(0)) };
    let here = site.constants.get(1).copied().flatten().and_then(graph::Constant::here);
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
pub fn rotate_half(w: &mut Writer, site: &Site) -> Lowered {
    let (x, cosine, sine) = (site.operand(0)?, site.operand(1)?, site.operand(2)?);
    let (Some(&depth), axis) = (site.shape(0).last(), site.shape(0).len() - 1) else { return Ok(x) };
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
