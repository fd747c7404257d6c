//! Arithmetic with constant scalars: divisions that are products, and products of products.

use super::rewriter::{Rewrite, Rewriter, binary};
use crate::ir::{Node, ValueId};
use crate::ops::{Binary, Operator};
use crate::tensor::Tensor;

/// `x / c` is `x · (1 / c)`, exactly, where c is a power of two.
pub(super) fn divide_to_multiply(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let (dividend, divisor) = binary(rewriter.node, Binary::Div)?;
    let divisor = rewriter.elements(divisor)?;
    let reciprocals: Vec<f32> = divisor.as_f32()?.iter().map(|element| element.recip()).collect();
    let exact = |(element, reciprocal): (&f32, &f32)| {
        let is_power_of_two = element.to_bits() << 9 == 0;
        is_power_of_two && element.is_normal() && reciprocal.is_normal()
    };
    if !divisor.as_f32()?.iter().zip(&reciprocals).all(exact) {
        return None;
    }
    let factor = Tensor::new(divisor.shape.clone(), reciprocals).ok()?;
    let factor = rewriter.add_constant(factor);
    Some(Rewrite::Replace(Operator::Binary(Binary::Mul), vec![Some(dividend), Some(factor)]))
}

/// `(x · a) · b` is `x · (a · b)`, where nobody else uses the first product. Not where only one of the two would leave
/// the range of f32: a and b both draw towards infinity or both towards zero, and their product is a normal number.
pub(super) fn join_factors(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let (outer, product) = factor(rewriter, rewriter.node)?;
    let (inner, operand) = factor(rewriter, rewriter.private(product, 1)?)?;
    let one_way = (outer.abs() >= 1.0) == (inner.abs() >= 1.0) || outer.abs() == 1.0 || inner.abs() == 1.0;
    if !one_way || !(outer * inner).is_normal() {
        return None;
    }
    let factor = rewriter.add_constant(Tensor::scalar(outer * inner));
    Some(Rewrite::Replace(Operator::Binary(Binary::Mul), vec![Some(operand), Some(factor)]))
}

/// The constant scalar and the other operand of a product.
fn factor(rewriter: &Rewriter, node: &Node) -> Option<(f32, ValueId)> {
    let (left, right) = binary(node, Binary::Mul)?;
    match (rewriter.scalar(left), rewriter.scalar(right)) {
        (None, Some(factor)) => Some((factor, left)),
        (Some(factor), None) => Some((factor, right)),
        (None, None) | (Some(_), Some(_)) => None,
    }
}
