//! Rotary embedding from its parts.

use super::site::{Rewrite, Site, binary, first};
use crate::ir::ValueId;
use crate::ops::{Binary, Operator, RotateHalf, Slice, Unary};

/// `x · cos + Concat(-second half of x, first half of x) · sin`, halves of the last axis.
pub(super) fn fuse(site: &mut Site) -> Option<Rewrite> {
    let (left, right) = binary(site.node, Binary::Add)?;
    let inputs = rotation(site, left, right).or_else(|| rotation(site, right, left))?;
    Some(Rewrite::Replace(Operator::RotateHalf(RotateHalf), inputs.map(Some).to_vec()))
}

/// x, cos and sin, where the first term is by the cosine and the second by the sine.
fn rotation(site: &Site, by_cosine: ValueId, by_sine: ValueId) -> Option<[ValueId; 3]> {
    let (left, right) = binary(site.private(by_sine, 1)?, Binary::Mul)?;
    let turned = |turned: ValueId, sine: ValueId| Some((unturned(site, turned)?, sine));
    let (x, sine) = turned(left, right).or_else(|| turned(right, left))?;
    let (left, right) = binary(site.private(by_cosine, 1)?, Binary::Mul)?;
    match [left, right] {
        [same, cosine] | [cosine, same] if same == x => Some([x, cosine, sine]),
        _ => None,
    }
}

/// The x whose halves are swapped, the new first one negated.
fn unturned(site: &Site, turned: ValueId) -> Option<ValueId> {
    let joined = site.private(turned, 1)?;
    let (Operator::Concat(concat), &[Some(negated), Some(front)]) = (&joined.operator, &joined.inputs[..])
    else {
        return None;
    };
    let negation = site.private(negated, 1)?;
    let is_negation = negation.operator == Operator::Unary(Unary::Neg);
    let back = is_negation.then(|| first(negation)).flatten()?;
    let shape = site.shape(turned);
    let (last, half) = (shape.len().checked_sub(1)?, shape.last()? / 2);
    let x = part(site, front, last, 0, half)?;
    (concat.axis == last && part(site, back, last, half, half)? == x && site.shape(x) == shape).then_some(x)
}

/// What a value is a slice of: `length` elements of the axis from `start` on, all of the others.
fn part(site: &Site, value: ValueId, axis: usize, start: usize, length: usize) -> Option<ValueId> {
    let node = site.private(value, 1)?;
    let (Operator::Slice(Slice { starts, steps, shape }), x) = (&node.operator, first(node)?) else {
        return None;
    };
    let mut wanted = site.shape(x).to_vec();
    *wanted.get_mut(axis)? = length;
    let begins = starts.iter().enumerate().all(|(at, &from)| from == if at == axis { start as _ } else { 0 });
    (begins && steps.iter().all(|&step| step == 1) && *shape == wanted).then_some(x)
}
