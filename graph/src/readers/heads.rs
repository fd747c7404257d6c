//! Parts that all forms of attention in ONNX come down to: heads, masks, the past, and the product itself.

use crate::builder::cache_length::linear::Integer;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::ops::attention::{Attention, HeadLayout};
use crate::ops::{Activation, Binary, Operator, Unary};
use crate::tensor::{DataType, Tensor};
use crate::writer::{Writer, Written};

/// Scaled dot-product attention to be written. Query, key and value are `[batch, sequence, heads · depth]`
/// or `[batch, heads, sequence, depth]`, as their rank says.
#[derive(Debug, Clone, Copy)]
pub(super) struct DotProduct {
    pub query: ValueId,
    pub key: ValueId,
    pub value: ValueId,
    pub heads: usize,
    pub key_value_heads: usize,
    pub scale: f32,
    /// Scores become `softcap · tanh(scores / softcap)`, unless it is 0.
    pub softcap: f32,
    /// Added to the scores if f32; where bool and false, forbids.
    pub mask: Option<ValueId>,
}

/// The product step by step, `[batch, heads, rows, columns]` each but the output, which has heads first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    pub scores: ValueId,
    pub capped: ValueId,
    pub masked: ValueId,
    pub weights: ValueId,
    pub output: ValueId,
}

impl DotProduct {
    /// The output, in the layout of the query.
    pub fn write(&self, write: &Writer) -> Written {
        if self.softcap != 0.0 {
            let output = self.steps(write)?.output;
            return self.like_query(write, output);
        }
        let layout = |id: ValueId| match write.shape(id).len() {
            3 => HeadLayout::SequenceFirst,
            _ => HeadLayout::HeadsFirst,
        };
        let attention = Attention {
            heads: self.heads,
            key_value_heads: self.key_value_heads,
            scale: self.scale,
            undefined_rows_are_zero: self.mask.is_some(),
            query_layout: layout(self.query),
            key_layout: layout(self.key),
            value_layout: layout(self.value),
            output_layout: layout(self.query),
        };
        let operands = [Some(self.query), Some(self.key), Some(self.value), self.mask];
        write.push(Operator::Attention(attention), &operands)
    }

    /// An output with heads first, in the layout of the query.
    pub fn like_query(&self, write: &Writer, output: ValueId) -> Written {
        if write.shape(self.query).len() == 3 { merge(write, output) } else { Ok(output) }
    }

    /// Every step as a value of its own.
    pub fn steps(&self, write: &Writer) -> Result<Steps, Error> {
        let query = split(write, self.query, self.heads)?;
        let key = self.repeated(write, self.key)?;
        let value = self.repeated(write, self.value)?;
        let product = write.matmul(query, write.transpose_last(key)?)?;
        let scores = write.times(product, self.scale)?;
        let capped = match self.softcap {
            0.0 => scores,
            cap => {
                let inner = write.times(scores, cap.recip())?;
                write.times(write.activation(Activation::Tanh, inner)?, cap)?
            }
        };
        let masked = self.mask.map_or(Ok(capped), |mask| hide(write, capped, mask))?;
        let softmax = write.softmax(masked, 3)?;
        let weights = match self.mask {
            None => softmax,
            Some(_) => write.select(write.unary(Unary::IsNaN, softmax)?, write.float(0.0), softmax)?,
        };
        let output = write.matmul(weights, value)?;
        Ok(Steps { scores, capped, masked, weights, output })
    }

    /// Keys or values with as many heads as the query, heads first.
    fn repeated(&self, write: &Writer, x: ValueId) -> Written {
        let x = split(write, x, self.key_value_heads)?;
        let &[batch, found, sequence, depth] = &write.shape(x)[..] else {
            return Err(invalid!("its keys and values are not of rank 4"));
        };
        if found == self.heads {
            return Ok(x);
        }
        let group = self.heads.checked_div(found).filter(|group| group * found == self.heads);
        let group = group.ok_or_else(|| invalid!("{found} key heads do not divide {} heads", self.heads))?;
        let apart = write.reshape(x, &[batch, found, 1, sequence, depth])?;
        let spread = write.expand(apart, &[batch, found, group, sequence, depth])?;
        write.reshape(spread, &[batch, self.heads, sequence, depth])
    }
}

/// Scores with a mask applied.
fn hide(write: &Writer, scores: ValueId, mask: ValueId) -> Written {
    match write.data_type(mask) {
        DataType::Bool => write.select(mask, scores, write.float(f32::NEG_INFINITY)),
        _ => write.add(scores, mask),
    }
}

/// `[batch, sequence, heads · depth]` as `[batch, heads, sequence, depth]`, which rank 4 is already.
pub(super) fn split(write: &Writer, x: ValueId, heads: usize) -> Written {
    match write.shape(x)[..] {
        [_, _, _, _] => Ok(x),
        [batch, sequence, width] if heads > 0 && width.is_multiple_of(heads) => {
            let apart = write.reshape(x, &[batch, sequence, heads, width / heads])?;
            write.transpose(apart, &[0, 2, 1, 3])
        }
        ref shape => Err(invalid!("{shape:?} does not split into {heads} heads")),
    }
}

/// The other way round.
pub(super) fn merge(write: &Writer, x: ValueId) -> Written {
    let [batch, heads, sequence, depth] = write.shape(x)[..] else {
        return Err(invalid!("heads that are not of rank 4 are merged"));
    };
    let turned = write.transpose(x, &[0, 2, 1, 3])?;
    write.reshape(turned, &[batch, sequence, heads * depth])
}

/// New rows, heads first, behind those of the past; nothing is joined to a past of no rows.
pub(super) fn behind(write: &Writer, past: Option<ValueId>, new: ValueId) -> Written {
    match past {
        Some(past) if write.length(past, 2) != Integer::constant(0) => write.concat(2, &[past, new]),
        Some(_) | None => Ok(new),
    }
}

/// The mask of where row `i` may look at column `j`: `j ≤ i + offset`, and no further back than a window of that many
/// columns. `None` where it may look everywhere.
pub(super) fn causal(
    write: &Writer,
    rows: usize,
    offset: Integer,
    columns: Integer,
    window: Option<i64>,
) -> Result<Option<ValueId>, Error> {
    if rows == 1 && window.is_none() && offset + Integer::constant(1) == columns {
        return Ok(None);
    }
    let rows = write.count_from(offset, Integer::constant(rows as i64))?;
    let seen = up_to(write, write.trailing(rows, 2)?, columns, window)?;
    let everywhere = write.constant_of(seen).is_some_and(|seen| is_all_true(&seen));
    Ok((!everywhere).then_some(seen))
}

/// The causal mask of rows at these positions, `[…, rows, 1]`.
pub(super) fn up_to(write: &Writer, rows: ValueId, columns: Integer, window: Option<i64>) -> Written {
    let columns = write.count_from(Integer::constant(0), columns)?;
    let seen = write.binary(Binary::LessOrEqual, columns, rows)?;
    let Some(window) = window else { return Ok(seen) };
    let from = write.plus(rows, -(window as f32))?;
    write.binary(Binary::And, seen, write.binary(Binary::Greater, columns, from)?)
}

fn is_all_true(mask: &Tensor) -> bool {
    mask.elements::<bool>().is_some_and(|elements| elements.iter().all(|&element| element))
}

/// Two masks as one.
pub(super) fn both(
    write: &Writer,
    left: Option<ValueId>,
    right: Option<ValueId>,
) -> Result<Option<ValueId>, Error> {
    let (Some(left), Some(right)) = (left, right) else { return Ok(left.or(right)) };
    let forbidden = write.float(f32::NEG_INFINITY);
    Ok(Some(match (write.data_type(left), write.data_type(right)) {
        (DataType::Bool, DataType::Bool) => write.binary(Binary::And, left, right)?,
        (DataType::Bool, _) => write.select(left, right, forbidden)?,
        (_, DataType::Bool) => write.select(right, left, forbidden)?,
        _ => write.add(left, right)?,
    }))
}

/// The number of heads that an attribute says.
pub(super) fn count(attributes: &crate::onnx::Attributes, name: &str) -> Result<usize, Error> {
    let count = attributes.int(name)?.unwrap_or(0);
    usize::try_from(count).ok().filter(|&count| count > 0).ok_or_else(|| invalid!("{name} is {count}"))
}

/// A factor of scores, by default one over the root of the depth.
pub(super) fn scale(given: Option<f32>, depth: usize) -> f32 {
    given.filter(|&scale| scale != 0.0).unwrap_or_else(|| (depth as f32).sqrt().recip())
}

/// Refuses a mask of another type than f32 and bool.
pub(super) fn check_mask(write: &Writer, mask: ValueId) -> Result<(), Error> {
    match write.data_type(mask) {
        DataType::F32 | DataType::F16 | DataType::Bool => Ok(()),
        other => Err(unsupported!("its mask is of {other}")),
    }
}
