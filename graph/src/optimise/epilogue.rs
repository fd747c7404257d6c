//! What kernels apply to a result before they store it: bias and activation.

use super::site::{Rewrite, Site, binary, first, plain_product};
use crate::ir::ValueId;
use crate::ops::{Activation, Binary, Conv, ConvTranspose, MatMul, Operator, Unary};

/// `A · B + bias`, the bias constant and as long as the columns of B; the product without other users.
pub(super) fn fuse_bias(site: &mut Site) -> Option<Rewrite> {
    let (left, right) = binary(site.node, Binary::Add)?;
    with_bias(site, left, right).or_else(|| with_bias(site, right, left))
}

fn with_bias(site: &mut Site, product: ValueId, bias: ValueId) -> Option<Rewrite> {
    let (a, b) = plain_product(site.private(product, 1)?)?;
    if !site.tensor_type(a).data_type.is_float() {
        return None;
    }
    if site.shape(a).len() < 2 || site.shape(b).len() < 2 {
        return None;
    }
    let columns = *site.shape(product).last()?;
    let (&last, lead) = site.shape(bias).split_last()?;
    if last != columns || lead.iter().any(|&extent| extent != 1) {
        return None;
    }
    let bias =
        if lead.is_empty() { bias } else { site.add_constant(site.constant(bias)?.reshaped(&[columns])) };
    site.constant(bias)?;
    Some(Rewrite::Replace(Operator::MatMul(MatMul::default()), vec![Some(a), Some(b), Some(bias)]))
}

/// An activation of a MatMul, Conv or ConvTranspose that has none and no other users.
pub(super) fn fuse_activation(site: &mut Site) -> Option<Rewrite> {
    let Operator::Unary(Unary::Activation(activation)) = site.node.operator else { return None };
    let producer = site.private(first(site.node)?, 1)?;
    Some(Rewrite::Replace(with_activation(&producer.operator, activation)?, producer.inputs.clone()))
}

fn with_activation(operator: &Operator, activation: Activation) -> Option<Operator> {
    let activation = Some(activation);
    match operator {
        Operator::MatMul(MatMul { activation: None }) => Some(Operator::MatMul(MatMul { activation })),
        Operator::Conv(conv) if conv.activation.is_none() => {
            Some(Operator::Conv(Conv { activation, ..conv.clone() }))
        }
        Operator::ConvTranspose(conv) if conv.activation.is_none() => {
            Some(Operator::ConvTranspose(ConvTranspose { activation, ..conv.clone() }))
        }
        _ => None,
    }
}
