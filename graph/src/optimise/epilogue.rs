//! Bias and activation, which kernels apply to a result before they store it.

use super::rewriter::{Rewrite, Rewriter, binary, first, plain_product};
use crate::ir::ValueId;
use crate::ops::{Activation, Binary, Conv, ConvTranspose, MatMul, Operator, Unary};

/// `A · B + bias`, the bias constant and as long as the columns of B; the product without other users.
pub(super) fn fuse_bias(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let (left, right) = binary(rewriter.node, Binary::Add)?;
    with_bias(rewriter, left, right).or_else(|| with_bias(rewriter, right, left))
}

fn with_bias(rewriter: &mut Rewriter, product: ValueId, bias: ValueId) -> Option<Rewrite> {
    let (a, b) = plain_product(rewriter.private(product, 1)?)?;
    if !rewriter.tensor_type(a).data_type.is_float() {
        return None;
    }
    if rewriter.shape(a).len() < 2 || rewriter.shape(b).len() < 2 {
        return None;
    }
    let columns = *rewriter.shape(product).last()?;
    let (&last, lead) = rewriter.shape(bias).split_last()?;
    if last != columns || lead.iter().any(|&extent| extent != 1) {
        return None;
    }
    let bias = if lead.is_empty() {
        bias
    } else {
        rewriter.add_constant(rewriter.constant(bias)?.reshaped(&[columns]))
    };
    rewriter.constant(bias)?;
    Some(Rewrite::Replace(Operator::MatMul(MatMul::default()), vec![Some(a), Some(b), Some(bias)]))
}

/// An activation of a MatMul, Conv or ConvTranspose that has none and no other users.
pub(super) fn fuse_activation(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Unary(Unary::Activation(activation)) = rewriter.node.operator else { return None };
    let producer = rewriter.private(first(rewriter.node)?, 1)?;
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
