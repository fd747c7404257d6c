//! The normalisation by the root mean square from its parts.

use super::rewriter::{Rewrite, Rewriter, binary, first};
use crate::ir::{Node, ValueId};
use crate::ops::{Binary, LayerNormalization, Operator, Reduce, Reduction, Unary};

/// `x / √(mean(x²) + ε) · scale` over the last axis, the scale constant, whichever way it is divided.
pub(super) fn fuse(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let (left, right) = binary(rewriter.node, Binary::Mul)?;
    scaled(rewriter, left, right).or_else(|| scaled(rewriter, right, left))
}

fn scaled(rewriter: &mut Rewriter, normalised: ValueId, scale: ValueId) -> Option<Rewrite> {
    let &columns = rewriter.shape(normalised).last()?;
    let axis = rewriter.shape(normalised).len() - 1;
    let (&last, lead) = rewriter.shape(scale).split_last()?;
    if last != columns || lead.iter().any(|&extent| extent != 1) {
        return None;
    }
    let (x, root) = quotient(rewriter, rewriter.private(normalised, 1)?)?;
    let epsilon = mean_square(rewriter, x, root, axis)?;
    let scale = rewriter.constant(scale)?.reshaped(&[columns]);
    let scale = rewriter.add_constant(scale);
    let operator = LayerNormalization { axis, epsilon, center: false };
    Some(Rewrite::Replace(Operator::LayerNormalization(operator), vec![Some(x), Some(scale)]))
}

/// Dividend and divisor of a division or a product with a reciprocal.
fn quotient(rewriter: &Rewriter, node: &Node) -> Option<(ValueId, ValueId)> {
    if let Some(quotient) = binary(node, Binary::Div) {
        return Some(quotient);
    }
    let (left, right) = binary(node, Binary::Mul)?;
    let inverse = |factor: ValueId| inverted(rewriter, rewriter.private(factor, 1)?);
    inverse(right).map(|root| (left, root)).or_else(|| inverse(left).map(|root| (right, root)))
}

fn inverted(rewriter: &Rewriter, node: &Node) -> Option<ValueId> {
    match node.operator {
        Operator::Unary(Unary::Reciprocal) => first(node),
        _ => binary(node, Binary::Div)
            .filter(|&(one, _)| rewriter.scalar(one) == Some(1.0))
            .map(|(_, root)| root),
    }
}

/// The ε of `√(mean(x²) + ε)`.
fn mean_square(rewriter: &Rewriter, x: ValueId, root: ValueId, axis: usize) -> Option<f32> {
    let sum = private_operand(rewriter, root, |operator| matches!(operator, Operator::Unary(Unary::Sqrt)))?;
    let (left, right) = binary(rewriter.private(sum, 1)?, Binary::Add)?;
    let (mean, epsilon) = match (rewriter.scalar(left), rewriter.scalar(right)) {
        (None, Some(epsilon)) => (left, epsilon),
        (Some(epsilon), None) => (right, epsilon),
        _ => return None,
    };
    let wanted = Reduce { reduction: Reduction::Mean, axes: vec![axis], keep_dimensions: true };
    let square = private_operand(
        rewriter,
        mean,
        |operator| matches!(operator, Operator::Reduce(found) if *found == wanted),
    )?;
    is_square(rewriter, x, rewriter.private(square, 1)?).then_some(epsilon)
}

fn private_operand(
    rewriter: &Rewriter,
    id: ValueId,
    is_wanted: impl Fn(&Operator) -> bool,
) -> Option<ValueId> {
    rewriter.private(id, 1).filter(|node| is_wanted(&node.operator)).and_then(first)
}

fn is_square(rewriter: &Rewriter, x: ValueId, node: &Node) -> bool {
    let is_power = binary(node, Binary::Pow).is_some_and(|(base, exponent)| {
        let exponent = rewriter.elements(exponent).map(|exponent| exponent.to_f32_vec());
        base == x && exponent.as_deref() == Some(&[2.0])
    });
    is_power || binary(node, Binary::Mul) == Some((x, x))
}
