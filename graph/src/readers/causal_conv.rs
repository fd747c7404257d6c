//! CausalConvWithState, since opset 27: a convolution of each channel over what came before.

use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::conv::{ChannelOrder, Conv};
use crate::ops::{Activation, Operator};
use crate::writer::Writer;

/// Input `[batch, channels, length]`, weight `[channels, 1, k]`, bias, the last `k − 1` inputs before; outputs
/// are the result and the last `k − 1` inputs.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let gated = match node.attributes.text("activation")?.unwrap_or("none") {
        "" | "none" => false,
        "silu" | "swish" => true,
        other => return Err(invalid!("activation is {other:?}")),
    };
    let (&[batch, channels, length], &[_, _, window]) = (node.shape(0)?, node.shape(1)?) else {
        return Err(invalid!("its operands are not of rank 3"));
    };
    let past = window.checked_sub(1).ok_or_else(|| invalid!("its weight is empty"))?;
    let (x, weight) = (node.operand(0)?.id, node.operand(1)?.id);
    let bias = node.optional(2).map(|bias| bias.id);
    let write = &Writer::new(node, graph);
    let before = match node.optional(3) {
        Some(before) => before.id,
        None => write.expand(write.float(0.0), &[batch, channels, past])?,
    };
    let whole = if past == 0 { x } else { write.concat(2, &[before, x])? };
    let conv = Conv {
        channels: ChannelOrder::First,
        strides: vec![1],
        pads_begin: vec![0],
        pads_end: vec![0],
        dilations: vec![1],
        groups: channels,
        activation: None,
    };
    let sums = write.push(Operator::Conv(conv), &[Some(whole), Some(weight), bias])?;
    let result = if gated { write.mul(sums, write.activation(Activation::Sigmoid, sums)?)? } else { sums };
    Ok(vec![result, write.slice(whole, 2, length, past)?])
}
