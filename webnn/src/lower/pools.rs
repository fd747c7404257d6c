//! Pools. WebNN has them for planes and windows without gaps; all others are put together tap by tap.

use graph::Tensor;
use graph::ops::{Pool, PoolKind};
use serde_json::json;

use super::Operands;
use super::numbers::{rising, unless_unknown, wider};
use super::shapes::bordered;
use super::windows::{plane, plane_shape, two, window};
use crate::error::Refusal;
use crate::plan::OperandId;
use crate::writer::{Lowered, Writer};

/// The largest, the mean, or the norm of the elements in each window.
pub fn pool(pool: &Pool, w: &mut Writer, operands: &Operands) -> Lowered {
    let x = operands.operand(0)?;
    let taps: usize = pool.kernel.iter().product();
    match pool.kind {
        PoolKind::Max => folded(pool, x, w, operands),
        PoolKind::Average { count_include_pad } => {
            let mean = folded(pool, x, w, operands)?;
            counted(pool, count_include_pad, mean, w, operands)
        }
        PoolKind::Lp { p } => {
            let size = w.unary("abs", x)?;
            let size = power(size, f64::from(p), w)?;
            let mean = folded(pool, size, w, operands)?;
            let taps = w.number_like(taps as f64, mean)?;
            let sum = w.binary("mul", mean, taps)?;
            if p == 2 { rising("sqrt", sum, w) } else { power(sum, 1.0 / f64::from(p), w) }
        }
    }
}

fn power(x: OperandId, exponent: f64, w: &mut Writer) -> Lowered {
    match exponent {
        1.0 => Ok(x),
        2.0 => w.binary("mul", x, x),
        exponent => {
            let exponent = w.number_like(exponent, x)?;
            w.binary("pow", x, exponent)
        }
    }
}

/// The largest element of each window, or the mean over all its taps, of which those beyond the borders are 0.
fn folded(pool: &Pool, x: OperandId, w: &mut Writer, operands: &Operands) -> Lowered {
    let has_gaps = pool.kernel.iter().zip(&pool.dilations).any(|(&kernel, &gap)| kernel > 1 && gap > 1);
    if has_gaps || pool.kernel.len() > 2 || !w.element(x).is_float() {
        return by_taps(pool, x, w, operands);
    }
    by_window(pool, x, w, operands)
}

/// A pool by window: what it reaches beyond the last element is cropped or padded to fit, so that no rounding is left
/// to the browser. Means get their padding as zeros.
fn by_window(pool: &Pool, x: OperandId, w: &mut Writer, operands: &Operands) -> Lowered {
    let largest = pool.kind == PoolKind::Max;
    let (x, ends) = crop(pool, x, w, operands)?;
    let x = plane(x, w)?;
    let padded = pool.pads_begin.iter().chain(&ends).any(|&pad| pad > 0);
    let (x, before, after) = if padded && !largest {
        let x = zero_padded(x, two(&pool.pads_begin, 0), two(&ends, 0), w)?;
        (x, vec![0; ends.len()], vec![0; ends.len()])
    } else {
        (x, pool.pads_begin.clone(), ends)
    };
    let shape = plane_shape(&operands.result.shape);
    let pooled = |method, x, w: &mut Writer| {
        let element = w.element(x);
        let call = w.call(method).operand("input", x);
        let call = call.option("windowDimensions", json!(two(&pool.kernel, 1)));
        window(call, &pool.strides, &before, &after, &pool.dilations).gives(element, shape.clone())
    };
    let made = pooled(if largest { "maxPool2d" } else { "averagePool2d" }, x, w)?;
    let made = unless_unknown(x, made, w, |unknown, w| pooled("maxPool2d", unknown, w))?;
    w.reshape(made, &operands.result.shape)
}

/// Without the elements that no window reaches; how far the last window reaches beyond the last element.
fn crop(
    pool: &Pool,
    x: OperandId,
    w: &mut Writer,
    operands: &Operands,
) -> Result<(OperandId, Vec<usize>), Refusal> {
    let (mut x, lead) = (x, operands.shape(0).len() - pool.kernel.len());
    let mut ends = Vec::with_capacity(pool.kernel.len());
    for (axis, &kernel) in pool.kernel.iter().enumerate() {
        let (extent, out) = (operands.shape(0)[lead + axis], operands.result.shape[lead + axis]);
        let reach = out.saturating_sub(1) * pool.strides[axis] + (kernel - 1) * pool.dilations[axis] + 1;
        let inside = reach.saturating_sub(pool.pads_begin[axis]).min(extent);
        x = if inside < extent { w.window(x, lead + axis, 0, inside)? } else { x };
        ends.push(reach.saturating_sub(pool.pads_begin[axis] + inside));
    }
    Ok((x, ends))
}

/// The elements that one tap of the window meets are a slice with steps; those of all taps are folded.
fn by_taps(pool: &Pool, x: OperandId, w: &mut Writer, operands: &Operands) -> Lowered {
    let largest = pool.kind == PoolKind::Max;
    let (x, ends) = crop(pool, x, w, operands)?;
    let lead = vec![0; operands.shape(0).len() - pool.kernel.len()];
    let fill = w.number_like(if largest { w.element(x).lowest() } else { 0.0 }, x)?;
    let x = bordered(
        x,
        fill,
        &[&lead, pool.pads_begin.as_slice()].concat(),
        &[&lead, ends.as_slice()].concat(),
        w,
    )?;
    let strides = [vec![1; lead.len()], pool.strides.clone()].concat();
    let taps: usize = pool.kernel.iter().product();
    let mut made = None;
    for tap in 0..taps {
        let mut starts = vec![0; strides.len()];
        let mut rest = tap;
        for axis in (0..pool.kernel.len()).rev() {
            starts[lead.len() + axis] = rest % pool.kernel[axis] * pool.dilations[axis];
            rest /= pool.kernel[axis];
        }
        let part = w.strided(x, &starts, &operands.result.shape, &strides)?;
        made = Some(match made {
            None => part,
            Some(made) if largest => wider("max", made, part, w)?,
            Some(made) => w.binary("add", made, part)?,
        });
    }
    let made = made.ok_or_else(|| Refusal::NotInWebnn { what: "pool without a window".to_owned() })?;
    if largest {
        return Ok(made);
    }
    let taps = w.number_like(taps as f64, made)?;
    w.binary("div", made, taps)
}

fn zero_padded(x: OperandId, before: [usize; 2], after: [usize; 2], w: &mut Writer) -> Lowered {
    let (element, mut shape) = (w.element(x), w.shape(x));
    let [height, width] = [shape.len() - 2, shape.len() - 1];
    shape[height] += before[0] + after[0];
    shape[width] += before[1] + after[1];
    let border = |pads: [usize; 2]| json!([vec![0; height], pads.to_vec()].concat());
    w.call("pad").operand("input", x).argument(border(before)).argument(border(after)).gives(element, shape)
}

/// A mean over whole windows as one over the elements that count.
fn counted(
    pool: &Pool,
    count_include_pad: bool,
    mean: OperandId,
    w: &mut Writer,
    operands: &Operands,
) -> Lowered {
    let lead = operands.shape(0).len() - pool.kernel.len();
    let positions = &operands.result.shape[lead..];
    let along = |axis: usize| -> Vec<f32> {
        let (begin, extent) = (pool.pads_begin[axis], operands.shape(0)[lead + axis]);
        let counts =
            if count_include_pad { 0..begin + extent + pool.pads_end[axis] } else { begin..begin + extent };
        let factor = |position: usize| {
            let taps =
                (0..pool.kernel[axis]).map(|tap| position * pool.strides[axis] + tap * pool.dilations[axis]);
            let count = taps.filter(|at| counts.contains(at)).count();
            if count == 0 { 0.0 } else { pool.kernel[axis] as f32 / count as f32 }
        };
        (0..positions[axis]).map(factor).collect()
    };
    let factors = (0..positions.len()).map(along).fold(vec![1.0], |all, own| {
        all.iter().flat_map(|factor| own.iter().map(move |own| factor * own)).collect()
    });
    if factors.iter().all(|&factor| factor == 1.0) {
        return Ok(mean);
    }
    let shape = [&vec![1; lead], positions].concat();
    let factors =
        Tensor::new(shape, factors).map_err(|error| Refusal::NotInWebnn { what: error.to_string() })?;
    let (factors, element) = (w.constant(factors)?, w.element(mean));
    let factors = w.cast(factors, element)?;
    w.binary("mul", mean, factors)
}
