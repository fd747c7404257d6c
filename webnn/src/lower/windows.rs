//! Operators whose window moves over spatial dimensions: two of them, in WebNN; one becomes two of which one is 1.

use graph::Tensor;
use graph::ops::{Conv, ConvTranspose, Pool, PoolKind};
use serde_json::json;

use super::Site;
use super::elementwise::activation;
use crate::error::Refusal;
use crate::plan::OperandId;
use crate::writer::{Draft, Lowered, Writer};

pub fn conv(conv: &Conv, w: &mut Writer, site: &Site) -> Lowered {
    let (x, weight) = (plane(site.operand(0)?, w)?, plane(site.operand(1)?, w)?);
    let call = w.call("conv2d").operand("input", x).operand("filter", weight);
    let call = call.operand_option("bias", site.optional(2));
    let call = window(call, &conv.strides, &conv.pads_begin, &conv.pads_end, &conv.dilations);
    let call = call.option("groups", json!(conv.groups));
    let made = call.gives(site.result.data_type.into(), plane_shape(&site.result.shape))?;
    let made = conv.activation.map_or(Ok(made), |own| activation(own, made, w))?;
    w.reshape(made, &site.result.shape)
}

pub fn conv_transpose(conv: &ConvTranspose, w: &mut Writer, site: &Site) -> Lowered {
    let (x, weight) = (plane(site.operand(0)?, w)?, plane(site.operand(1)?, w)?);
    let call = w.call("convTranspose2d").operand("input", x).operand("filter", weight);
    let call = call.operand_option("bias", site.optional(2));
    let call = window(call, &conv.strides, &conv.pads_begin, &conv.pads_end, &conv.dilations);
    let call = call.option("outputPadding", json!(two(&conv.output_padding, 0)));
    let call = call.option("filterLayout", json!("iohw")).option("groups", json!(conv.groups));
    let made = call.gives(site.result.data_type.into(), plane_shape(&site.result.shape))?;
    let made = conv.activation.map_or(Ok(made), |own| activation(own, made, w))?;
    w.reshape(made, &site.result.shape)
}

/// What a window reaches beyond the last element is cut off or padded to fit, so that no rounding is left to the
/// browser. Means and norms get their padding as zeros; of means, what does not count is divided out.
pub fn pool(pool: &Pool, w: &mut Writer, site: &Site) -> Lowered {
    let method = match pool.kind {
        PoolKind::Max => "maxPool2d",
        PoolKind::Average { .. } => "averagePool2d",
        PoolKind::Lp { p: 2 } => "l2Pool2d",
        PoolKind::Lp { p } => return Err(Refusal::NotInWebnn { what: format!("pool of norm {p}") }),
    };
    let (mut x, lead) = (site.operand(0)?, site.shape(0).len() - pool.kernel.len());
    let mut ends = Vec::with_capacity(pool.kernel.len());
    for (axis, &kernel) in pool.kernel.iter().enumerate() {
        let (extent, out) = (site.shape(0)[lead + axis], site.result.shape[lead + axis]);
        let reach = out.saturating_sub(1) * pool.strides[axis] + (kernel - 1) * pool.dilations[axis] + 1;
        let inside = reach.saturating_sub(pool.pads_begin[axis]).min(extent);
        x = if inside < extent { w.window(x, lead + axis, 0, inside)? } else { x };
        ends.push(reach.saturating_sub(pool.pads_begin[axis] + inside));
    }
    let x = plane(x, w)?;
    let padded = pool.pads_begin.iter().chain(&ends).any(|&pad| pad > 0);
    let (x, before, after) = if padded && method != "maxPool2d" {
        (
            zero_padded(x, two(&pool.pads_begin, 0), two(&ends, 0), w)?,
            vec![0; ends.len()],
            vec![0; ends.len()],
        )
    } else {
        (x, pool.pads_begin.clone(), ends)
    };
    let call = w.call(method).operand("input", x);
    let call = call.option("windowDimensions", json!(two(&pool.kernel, 1)));
    let call = window(call, &pool.strides, &before, &after, &pool.dilations);
    let made = call.gives(site.result.data_type.into(), plane_shape(&site.result.shape))?;
    let made = match pool.kind {
        PoolKind::Average { count_include_pad } => counted(pool, count_include_pad, made, w, site)?,
        PoolKind::Max | PoolKind::Lp { .. } => made,
    };
    w.reshape(made, &site.result.shape)
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
fn counted(pool: &Pool, count_include_pad: bool, made: OperandId, w: &mut Writer, site: &Site) -> Lowered {
    let lead = site.shape(0).len() - pool.kernel.len();
    let factors: Vec<Vec<f32>> = (0..pool.kernel.len())
        .map(|axis| {
            let (begin, extent) = (pool.pads_begin[axis], site.shape(0)[lead + axis]);
            let (first, last) = if count_include_pad {
                (0, begin + extent + pool.pads_end[axis])
            } else {
                (begin, begin + extent)
            };
            let (kernel, dilation) = (pool.kernel[axis], pool.dilations[axis].max(1));
            let factor = |out: usize| {
                // Taps lie a dilation apart, from the window's first element on.
                let start = out * pool.strides[axis];
                let before = |end: usize| end.saturating_sub(start).div_ceil(dilation).min(kernel);
                let count = before(last) - before(first);
                if count == 0 { 0.0 } else { kernel as f32 / count as f32 }
            };
            (0..site.result.shape[lead + axis]).map(factor).collect()
        })
        .collect();
    if factors.iter().flatten().all(|&factor| factor == 1.0) {
        return Ok(made);
    }
    let one = vec![1.0];
    let (rows, columns) = match factors.as_slice() {
        [rows, columns] => (rows, columns),
        [columns] => (&one, columns),
        _ => return Err(Refusal::NotInWebnn { what: "means over other than planes".to_owned() }),
    };
    let all: Vec<f32> = rows.iter().flat_map(|row| columns.iter().map(move |column| row * column)).collect();
    let shape = [1, 1, rows.len(), columns.len()];
    let factors = Tensor::new(shape, all).map_err(|error| Refusal::NotInWebnn { what: error.to_string() })?;
    let (factors, element) = (w.constant(factors)?, w.element(made));
    let factors = w.cast(factors, element)?;
    w.binary("mul", made, factors)
}

fn window<'w, 'a>(
    call: Draft<'w, 'a>,
    strides: &[usize],
    before: &[usize],
    after: &[usize],
    dilations: &[usize],
) -> Draft<'w, 'a> {
    let ([top, left], [bottom, right]) = (two(before, 0), two(after, 0));
    let call = call.option("strides", json!(two(strides, 1))).option("dilations", json!(two(dilations, 1)));
    call.option("padding", json!([top, bottom, left, right]))
}

/// One number per dimension of a plane; of a line, the first is the neutral one.
fn two(numbers: &[usize], neutral: usize) -> [usize; 2] {
    match *numbers {
        [first, second] => [first, second],
        [only] => [neutral, only],
        _ => [neutral; 2],
    }
}

/// A line as a plane of height 1; other ranks are left for the limits to judge.
fn plane(x: OperandId, w: &mut Writer) -> Lowered {
    let shape = w.shape(x);
    w.reshape(x, &plane_shape(&shape))
}

fn plane_shape(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [batch, channels, width] => vec![batch, channels, 1, width],
        _ => shape.to_vec(),
    }
}
