//! Rotary embedding from its parts.

use super::rewriter::{Rewrite, Rewriter, binary, first};
use crate::ir::ValueId;
use crate::ops::{Binary, Operator, RotateHalf, Slice, Unary};

/// `x · cos + Concat(-second half of x, first half of x) · sin`, halves of the last axis.
pub(super) fn fuse(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let (left, right) = binary(rewriter.node, Binary::Add)?;
    let inputs = rotation(rewriter, left, right).or_else(|| rotation(rewriter, right, left))?;
    Some(Rewrite::Replace(Operator::RotateHalf(RotateHalf), inputs.map(Some).to_vec()))
}

/// x, cos and sin, where the first term is by the cosine and the second by the sine.
fn rotation(rewriter: &Rewriter, by_cosine: ValueId, by_sine: ValueId) -> Option<[ValueId; 3]> {
    let (left, right) = binary(rewriter.private(by_sine, 1)?, Binary::Mul)?;
    let turned = |turned: ValueId, sine: ValueId| Some((unturned(rewriter, turned)?, sine));
    let (x, sine) = turned(left, right).or_else(|| turned(right, left))?;
    let (left, right) = binary(rewriter.private(by_cosine, 1)?, Binary::Mul)?;
    match [left, right] {
        [same, cosine] | [cosine, same] if same == x => Some([x, cosine, sine]),
        _ => None,
    }
}

/// The x whose halves are swapped, the new first one negated.
fn unturned(rewriter: &Rewriter, turned: ValueId) -> Option<ValueId> {
    let joined = rewriter.private(turned, 1)?;
    let (Operator::Concat(concat), &[Some(negated), Some(front)]) = (&joined.operator, &joined.inputs[..])
    else {
        return None;
    };
    let negation = rewriter.private(negated, 1)?;
    let is_negation = negation.operator == Operator::Unary(Unary::Neg);
    let back = is_negation.then(|| first(negation)).flatten()?;
    let shape = rewriter.shape(turned);
    let (last, half) = (shape.len().checked_sub(1)?, shape.last()? / 2);
    let x = part(rewriter, front, last, 0, half)?;
    (concat.axis == last && part(rewriter, back, last, half, half)? == x && rewriter.shape(x) == shape)
        .then_some(x)
}

/// The value that one is a slice of: `length` elements of the axis from `start` on, all of the others.
fn part(rewriter: &Rewriter, value: ValueId, axis: usize, start: usize, length: usize) -> Option<ValueId> {
    let node = rewriter.private(value, 1)?;
    let (Operator::Slice(Slice { starts, steps, shape }), x) = (&node.operator, first(node)?) else {
        return None;
    };
    let mut wanted = rewriter.shape(x).to_vec();
    *wanted.get_mut(axis)? = length;
    let begins = starts.iter().enumerate().all(|(at, &from)| from == if at == axis { start as _ } else { 0 });
    (begins && steps.iter().all(|&step| step == 1) && *shape == wanted).then_some(x)
}
