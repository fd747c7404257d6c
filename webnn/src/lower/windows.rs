//! Operators whose window moves over spatial dimensions: two of them, in WebNN; one becomes two of which one is 1.

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

pub fn pool(pool: &Pool, w: &mut Writer, site: &Site) -> Lowered {
    let padded = pool.pads_begin.iter().chain(&pool.pads_end).any(|&pad| pad > 0);
    let method = match pool.kind {
        PoolKind::Max => "maxPool2d",
        PoolKind::Average { count_include_pad } if !(count_include_pad && padded) => "averagePool2d",
        PoolKind::Lp { p: 2 } => "l2Pool2d",
        PoolKind::Average { .. } => {
            return Err(Refusal::NotInWebnn { what: "mean that counts the padding".to_owned() });
        }
        PoolKind::Lp { p } => return Err(Refusal::NotInWebnn { what: format!("pool of norm {p}") }),
    };
    let x = plane(site.operand(0)?, w)?;
    let call = w.call(method).operand("input", x);
    let call = call.option("windowDimensions", json!(two(&pool.kernel, 1)));
    let call = window(call, &pool.strides, &pool.pads_begin, &pool.pads_end, &pool.dilations);
    let rounding = if pool.ceil { "ceil" } else { "floor" };
    let call = call.option("outputShapeRounding", json!(rounding)).option("roundingType", json!(rounding));
    let made = call.gives(site.result.data_type.into(), plane_shape(&site.result.shape))?;
    w.reshape(made, &site.result.shape)
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
