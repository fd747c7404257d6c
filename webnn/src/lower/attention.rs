//! Scaled dot-product attention, by its parts: WebNN has no operator for the whole.

use graph::ops::{Attention, HeadLayout};

use super::Operands;
use super::elementwise::scaled;
use crate::element::ElementType;
use crate::plan::OperandId;
use crate::writer::{Lowered, Writer};

/// `softmax(query · keyᵀ · scale + mask) · value`, head by head. Query heads that share a key head lie one after the
/// other, so that they are rows of one product.
pub fn attention(attention: &Attention, w: &mut Writer, operands: &Operands) -> Lowered {
    let Attention { heads, key_value_heads: groups, .. } = *attention;
    let query = heads_first(operands.operand(0)?, attention.query_layout, heads, w)?;
    let key = heads_first(operands.operand(1)?, attention.key_layout, groups, w)?;
    let value = heads_first(operands.operand(2)?, attention.value_layout, groups, w)?;
    let &[batch, _, rows, depth] = w.shape(query).as_slice() else { return Ok(query) };
    let (columns, value_depth) = (w.shape(key)[2], w.shape(value)[3]);

    let query = scaled(query, f64::from(attention.scale), w)?;
    let query = w.reshape(query, &[batch, groups, heads / groups * rows, depth])?;
    let key = w.transpose(key, &[0, 1, 3, 2])?;
    let scores = w.matmul(query, key)?;
    let scores = w.reshape(scores, &[batch, heads, rows, columns])?;
    let scores = match operands.optional(3) {
        Some(mask) => masked(scores, mask, w)?,
        None => scores,
    };
    let shares = shares(scores, attention.undefined_rows_are_zero, w)?;
    let shares = w.reshape(shares, &[batch, groups, heads / groups * rows, columns])?;
    let output = w.matmul(shares, value)?;
    let output = w.reshape(output, &[batch, heads, rows, value_depth])?;
    match attention.output_layout {
        HeadLayout::HeadsFirst => Ok(output),
        HeadLayout::SequenceFirst => {
            let output = w.transpose(output, &[0, 2, 1, 3])?;
            w.reshape(output, &[batch, rows, heads * value_depth])
        }
    }
}

/// `[batch, heads, sequence, depth]`, whatever the layout was.
fn heads_first(x: OperandId, layout: HeadLayout, heads: usize, w: &mut Writer) -> Lowered {
    match (layout, w.shape(x).as_slice()) {
        (HeadLayout::SequenceFirst, &[batch, sequence, width]) => {
            let apart = w.reshape(x, &[batch, sequence, heads, width / heads])?;
            w.transpose(apart, &[0, 2, 1, 3])
        }
        _ => Ok(x),
    }
}

/// A mask is added, or forbids where it is false.
fn masked(scores: OperandId, mask: OperandId, w: &mut Writer) -> Lowered {
    if w.element(mask) == ElementType::Uint8 {
        let forbidden = w.number_like(f64::NEG_INFINITY, scores)?;
        return w.choose(mask, scores, forbidden);
    }
    w.binary("add", scores, mask)
}

fn shares(scores: OperandId, undefined_rows_are_zero: bool, w: &mut Writer) -> Lowered {
    let shares = super::normalization::softmax_over(scores, 3, w)?;
    if !undefined_rows_are_zero {
        return Ok(shares);
    }
    let undefined = w.test("isNaN", shares)?;
    let zero = w.number_like(0.0, shares)?;
    w.choose(undefined, zero, shares)
}
