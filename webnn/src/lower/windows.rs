//! Operators whose window moves over spatial dimensions: two of them, in WebNN; one becomes two of which one is 1.

use graph::ops::Conv;
use serde_json::json;

use super::Operands;
use super::elementwise::activation;
use crate::plan::OperandId;
use crate::writer::{Draft, Lowered, Writer};

pub fn conv(conv: &Conv, w: &mut Writer, operands: &Operands) -> Lowered {
    let (x, weight) = (plane(operands.operand(0)?, w)?, plane(operands.operand(1)?, w)?);
    let call = w.call("conv2d").operand("input", x).operand("filter", weight);
    let call = call.operand_option("bias", operands.optional(2));
    let call = window(call, &conv.strides, &conv.pads_begin, &conv.pads_end, &conv.dilations);
    let call = call.option("groups", json!(conv.groups));
    let made = call.gives(operands.result.data_type.into(), plane_shape(&operands.result.shape))?;
    let made = conv.activation.map_or(Ok(made), |own| activation(own, made, w))?;
    w.reshape(made, &operands.result.shape)
}

/// The options of a window that moves.
pub fn window<'w, 'a>(
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
pub fn two(numbers: &[usize], neutral: usize) -> [usize; 2] {
    match *numbers {
        [first, second] => [first, second],
        [only] => [neutral, only],
        _ => [neutral; 2],
    }
}

/// A line as a plane of height 1; other ranks are left for the limits to judge.
pub fn plane(x: OperandId, w: &mut Writer) -> Lowered {
    let shape = w.shape(x);
    w.reshape(x, &plane_shape(&shape))
}

pub fn plane_shape(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [batch, channels, width] => vec![batch, channels, 1, width],
        _ => shape.to_vec(),
    }
}
