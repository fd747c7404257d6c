//! Convolutions and transposed ones.

use super::windows::{given_pads, list, pads, steps};
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::{ChannelOrder, Conv, ConvTranspose, Operator};

/// Conv.
pub(crate) fn read_conv(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let conv = attributes(node, node.shape(0)?, node.shape(1)?)?;
    node.apply(graph, Operator::Conv(conv), 3)
}

/// A node's attributes, for x and weight of these shapes.
pub(crate) fn attributes(node: &NodeView, x: &[usize], weight: &[usize]) -> Result<Conv, Error> {
    if x.len() < 3 || weight.len() != x.len() {
        return Err(invalid!("x {x:?} and weight {weight:?} have to be of one rank, 3 or more"));
    }
    let (spatial, kernel) = (&x[2..], &weight[2..]);
    if list(node, "kernel_shape")?.is_some_and(|declared| declared != kernel) {
        return Err(invalid!("kernel_shape is not that of weight {weight:?}"));
    }
    let strides = steps(node, "strides", spatial.len())?;
    let dilations = steps(node, "dilations", spatial.len())?;
    let (pads_begin, pads_end) = pads(node, spatial, kernel, &strides, &dilations)?;
    let groups = node.attributes.int("group")?.unwrap_or(1);
    let groups = usize::try_from(groups).map_err(|_| invalid!("group is {groups}"))?;
    Ok(Conv {
        channels: ChannelOrder::First,
        strides,
        pads_begin,
        pads_end,
        dilations,
        groups,
        activation: None,
    })
}

/// ConvTranspose.
pub(crate) fn read_conv_transpose(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (x, weight) = (node.shape(0)?, node.shape(1)?);
    if x.len() < 3 || weight.len() != x.len() {
        return Err(invalid!("x {x:?} and weight {weight:?} have to be of one rank, 3 or more"));
    }
    let (spatial, kernel) = (&x[2..], &weight[2..]);
    let rank = spatial.len();
    if list(node, "kernel_shape")?.is_some_and(|declared| declared != kernel) {
        return Err(invalid!("kernel_shape is not that of weight {weight:?}"));
    }
    let groups = node.attributes.int("group")?.unwrap_or(1);
    let groups = usize::try_from(groups).map_err(|_| invalid!("group is {groups}"))?;
    let output_padding = list(node, "output_padding")?.unwrap_or_else(|| vec![0; rank]);
    if output_padding.len() != rank {
        return Err(invalid!("output_padding {output_padding:?} is not one for each of {rank} dimensions"));
    }
    let mut conv = ConvTranspose {
        strides: steps(node, "strides", rank)?,
        pads_begin: vec![0; rank],
        pads_end: vec![0; rank],
        dilations: steps(node, "dilations", rank)?,
        output_padding,
        groups,
        activation: None,
    };
    pad_transposed(&mut conv, node, spatial, kernel)?;
    node.apply(graph, Operator::ConvTranspose(conv), 3)
}

/// Paddings as given, or such that the result has the extents asked for.
fn pad_transposed(
    conv: &mut ConvTranspose,
    node: &NodeView,
    spatial: &[usize],
    kernel: &[usize],
) -> Result<(), Error> {
    let given = given_pads(node, spatial.len())?;
    let wanted = match (list(node, "output_shape")?, given) {
        (None, Some((before, after))) => {
            (conv.pads_begin, conv.pads_end) = (before, after);
            return Ok(());
        }
        (None, None) => {
            spatial.iter().zip(&conv.strides).map(|(extent, stride)| extent.saturating_mul(*stride)).collect()
        }
        // Some exporters name the batch and the channels too.
        (Some(shape), _) => shape[shape.len().saturating_sub(spatial.len())..].to_vec(),
    };
    if wanted.len() != spatial.len() {
        return Err(invalid!("output_shape {wanted:?} does not fit {} dimensions", spatial.len()));
    }
    let upper = node.attributes.text("auto_pad")? == Some("SAME_UPPER");
    for axis in 0..spatial.len() {
        let whole = conv.extent(axis, spatial[axis], kernel[axis]).unwrap_or(0);
        let total = whole.saturating_sub(wanted[axis]);
        let missing = wanted[axis].saturating_sub(whole);
        conv.output_padding[axis] = conv.output_padding[axis].saturating_add(missing);
        let less = total / 2;
        let pads = if upper { (less, total - less) } else { (total - less, less) };
        (conv.pads_begin[axis], conv.pads_end[axis]) = pads;
    }
    Ok(())
}
