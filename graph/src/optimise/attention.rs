//! Scaled dot-product attention from its parts, with the splitting and merging of heads drawn in.

use super::head_layout::{Heads, scaling, source};
use super::rewriter::{Rewrite, Rewriter, binary, first, plain_product};
use crate::ir::ValueId;
use crate::ops::{Attention, Binary, HeadLayout, Operator, Reshape, Select, Unary};
use crate::tensor::Tensor;

/// `softmax(q · kᵀ · scale + mask) · v`, the scale anywhere, with or without PyTorch's guard against NaN.
/// Nothing in between may have other users.
pub(super) fn fuse(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let (weights, value) = plain_product(rewriter.node)?;
    let (masked, undefined_rows_are_zero) = softmax_operand(rewriter, weights)?;
    let (valid, masked) = unselect(rewriter, masked);
    let (scores, addend) = unmask(rewriter, masked);
    let (factor, product) = unscale(rewriter, scores);
    let (query, key) = plain_product(rewriter.private(product, 1)?)?;
    let [query_heads, key_heads, value_heads] = [
        Heads::of(rewriter.shape(query), false)?,
        Heads::of(rewriter.shape(key), true)?,
        Heads::of(rewriter.shape(value), false)?,
    ];
    let query = source(rewriter, query, query_heads, true)?;
    let key = source(rewriter, key, key_heads, true)?;
    let value = source(rewriter, value, value_heads, false)?;
    let mask = joined(rewriter, valid, addend.filter(|&id| !is_zero(rewriter, id)));
    let attention = Attention {
        heads: query_heads.extents[1],
        key_value_heads: key_heads.extents[1],
        scale: factor * query.scale * key.scale,
        undefined_rows_are_zero,
        query_layout: query.layout,
        key_layout: key.layout,
        value_layout: value.layout,
        output_layout: HeadLayout::HeadsFirst,
    };
    let mut inputs = vec![Some(query.id), Some(key.id), Some(value.id)];
    inputs.extend(mask?.map(Some));
    Some(Rewrite::Replace(Operator::Attention(attention), inputs))
}

/// A mask that forbids nothing.
fn is_zero(rewriter: &Rewriter, mask: ValueId) -> bool {
    let elements = rewriter.elements(mask).and_then(Tensor::as_f32);
    elements.is_some_and(|elements| elements.iter().all(|&element| element == 0.0))
}

/// The operand of the softmax over the last axis, and whether its NaNs are made zeros.
fn softmax_operand(rewriter: &Rewriter, weights: ValueId) -> Option<(ValueId, bool)> {
    let guarded = unguard(rewriter, weights);
    let softmax = match guarded {
        Some(softmax) => rewriter.private(softmax, 2)?,
        None => rewriter.private(weights, 1)?,
    };
    let Operator::Softmax(operator) = softmax.operator else { return None };
    (operator.axis + 1 == rewriter.shape(weights).len()).then_some((first(softmax)?, guarded.is_some()))
}

/// x of `Where(IsNaN(x), 0, x)`.
fn unguard(rewriter: &Rewriter, weights: ValueId) -> Option<ValueId> {
    let select = rewriter.private(weights, 1)?;
    let (Operator::Select(Select), &[Some(condition), Some(zero), Some(x)]) =
        (&select.operator, &select.inputs[..])
    else {
        return None;
    };
    let test = rewriter.private(condition, 1)?;
    let tests_x = test.operator == Operator::Unary(Unary::IsNaN) && first(test) == Some(x);
    (tests_x && rewriter.scalar(zero) == Some(0.0)).then_some(x)
}

/// Condition and x of `Where(condition, x, -∞)`, which forbids what the condition does not allow.
fn unselect(rewriter: &Rewriter, masked: ValueId) -> (Option<ValueId>, ValueId) {
    let parts = rewriter.private(masked, 1).and_then(|node| match (&node.operator, &node.inputs[..]) {
        (Operator::Select(Select), &[Some(condition), Some(x), Some(forbidden)]) => {
            (rewriter.scalar(forbidden) == Some(f32::NEG_INFINITY)).then_some((condition, x))
        }
        _ => None,
    });
    parts.map_or((None, masked), |(condition, x)| (Some(condition), x))
}

/// One mask of what allows and what is added; `None` where there can be none.
fn joined(
    rewriter: &mut Rewriter,
    valid: Option<ValueId>,
    addend: Option<ValueId>,
) -> Option<Option<ValueId>> {
    let (Some(valid), Some(addend)) = (valid, addend) else { return Some(valid.or(addend)) };
    let forbidden = rewriter.add_constant(Tensor::scalar(f32::NEG_INFINITY));
    let inputs = vec![Some(valid), Some(addend), Some(forbidden)];
    rewriter.add(Operator::Select(Select), inputs).map(Some)
}

/// Scores and mask of a sum of the two; the scores are the side that comes from a product.
fn unmask(rewriter: &Rewriter, masked: ValueId) -> (ValueId, Option<ValueId>) {
    let sum = rewriter.private(masked, 1).and_then(|node| binary(node, Binary::Add));
    let is_product = |id| rewriter.private(unscale(rewriter, id).1, 1).and_then(plain_product).is_some();
    match sum {
        Some((left, right)) if is_product(left) => (left, Some(right)),
        Some((left, right)) if is_product(right) => (right, Some(left)),
        Some(_) | None => (masked, None),
    }
}

/// The constant factor of a value that nobody else uses, and the rest.
fn unscale(rewriter: &Rewriter, value: ValueId) -> (f32, ValueId) {
    rewriter.private(value, 1).and_then(|node| scaling(rewriter, node)).unwrap_or((1.0, value))
}

/// A transpose that brings the heads beside the depth is what the sequence-first layout is.
pub(super) fn absorb_transpose(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Transpose(transpose) = &rewriter.node.operator else { return None };
    let node = rewriter.private(first(rewriter.node)?, 1)?;
    let Operator::Attention(attention) = node.operator else { return None };
    if transpose.permutation != [0, 2, 1, 3] || attention.output_layout != HeadLayout::HeadsFirst {
        return None;
    }
    let attention = Attention { output_layout: HeadLayout::SequenceFirst, ..attention };
    let shape = rewriter.shape(*rewriter.node.outputs.first()?).to_vec();
    let merged = rewriter.add(Operator::Attention(attention), node.inputs.clone())?;
    Some(Rewrite::Replace(Operator::Reshape(Reshape { shape }), vec![Some(merged)]))
}

/// Keys and values whose heads were repeated for the heads of the query are read as they were before.
pub(super) fn share_heads(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Attention(attention) = rewriter.node.operator else { return None };
    let layouts = [attention.key_layout, attention.value_layout];
    if attention.key_value_heads != attention.heads || layouts != [HeadLayout::HeadsFirst; 2] {
        return None;
    }
    let mut inputs = rewriter.node.inputs.clone();
    let [_, Some(key), Some(value), ..] = inputs[..] else { return None };
    let ((key, key_shape), (value, value_shape)) = (unrepeated(rewriter, key)?, unrepeated(rewriter, value)?);
    if key_shape[1] != value_shape[1] {
        return None;
    }
    let attention = Attention { key_value_heads: key_shape[1], ..attention };
    inputs[1] = rewriter.add(Operator::Reshape(Reshape { shape: key_shape }), vec![Some(key)]);
    inputs[2] = rewriter.add(Operator::Reshape(Reshape { shape: value_shape }), vec![Some(value)]);
    Some(Rewrite::Replace(Operator::Attention(attention), inputs))
}

/// Of `[batch, heads, 1, sequence, depth]` expanded to several copies of each head, flattened to one axis of
/// heads: what is expanded, and its shape without the axis of copies.
fn unrepeated(rewriter: &Rewriter, heads: ValueId) -> Option<(ValueId, Vec<usize>)> {
    let flattened = rewriter.producer(heads)?;
    let Operator::Reshape(_) = flattened.operator else { return None };
    let copied = rewriter.producer(first(flattened)?)?;
    let (Operator::Expand(expand), Some(single)) = (&copied.operator, first(copied)) else { return None };
    let (&[batch, heads, 1, sequence, depth], &[_, _, copies, ..]) =
        (rewriter.shape(single), &expand.shape[..])
    else {
        return None;
    };
    let is_flat = rewriter.shape(flattened.outputs[0]) == [batch, heads * copies, sequence, depth];
    let only_copies = expand.shape == [batch, heads, copies, sequence, depth];
    (is_flat && only_copies).then(|| (single, vec![batch, heads, sequence, depth]))
}
