//! Attention as ONNX Runtime's own operators have it: Attention, MultiHeadAttention, GroupQueryAttention.

use super::Binary;
use super::heads::{self, DotProduct};
use super::rotary_embedding::Rotation;
use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::growth::linear::Integer;
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::onnx::Attributes;
use crate::tensor::DataType;
use crate::writer::{Writer, Written};

/// What hides a key unless `mask_filter_value` says otherwise.
const FILTER: f32 = -10000.0;

fn factor(attributes: &Attributes, depth: usize) -> Result<f32, Error> {
    Ok(heads::scale(attributes.float("scale")?, depth))
}

fn operand(node: &NodeView, index: usize) -> Option<ValueId> {
    node.optional(index).map(|operand| operand.id)
}

fn refuse_operands(node: &NodeView, indices: &[(usize, &str)]) -> Result<(), Error> {
    match indices.iter().find(|(index, _)| node.optional(*index).is_some()) {
        Some((index, what)) => Err(unsupported!("it has {what} (operand {index})")),
        None => Ok(()),
    }
}

/// MultiHeadAttention: query, key, value, bias, key padding mask, attention bias, past key, past value.
pub(crate) fn read_multi_head(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    refuse_operands(node, &[(8, "a past sequence length"), (9, "cache indirection")])?;
    let heads = heads::count(node.attributes, "num_heads")?;
    let write = &Writer::new(node, graph);
    let [query, mut key, mut value] = separate(node, write, heads)?;
    let width = write.shape(query)[2];
    if operand(node, 6).is_some() || node.output_count > 1 {
        key = heads::behind(write, operand(node, 6), heads::split(write, key, heads)?)?;
        value = heads::behind(write, operand(node, 7), heads::split(write, value, heads)?)?;
    }
    let scale = factor(node.attributes, width / heads)?;
    let mut product =
        DotProduct { query, key, value, heads, key_value_heads: heads, scale, softcap: 0.0, mask: None };
    let padding = operand(node, 4).map(|mask| padding(node, write, mask, &product)).transpose()?.flatten();
    product.mask = heads::both(write, operand(node, 5), padding)?;
    if node.attributes.flag("unidirectional", false)? {
        let before = operand(node, 6).map_or(Integer::constant(0), |past| write.length(past, 2));
        product.mask = heads::both(write, product.mask, causal(write, &product, before, None)?)?;
    }
    finish(node, write, &product)
}

/// The result, present keys and values, and where asked for, the weights.
fn finish(node: &NodeView, write: &Writer, product: &DotProduct) -> Result<Vec<ValueId>, Error> {
    let mut results = vec![product.write(write)?, product.key, product.value];
    if node.output_count > 3 {
        results.push(product.steps(write)?.weights);
    }
    Ok(results)
}

/// Query, key and value with their biases; they may come packed into one, or keys with values.
fn separate(node: &NodeView, write: &Writer, heads: usize) -> Result<[ValueId; 3], Error> {
    let first = node.operand(0)?.id;
    let (query, key, value) = match (operand(node, 1), operand(node, 2), &write.shape(first)[..]) {
        (None, _, &[batch, sequence, _, 3, depth]) => {
            let part = |at: usize| {
                let cut = write.slice(first, 3, at, 1)?;
                write.reshape(cut, &[batch, sequence, heads * depth])
            };
            (part(0)?, part(1)?, part(2)?)
        }
        (Some(packed), None, _) => match write.shape(packed)[..] {
            [batch, sequence, _, 2, depth] => {
                let part = |at: usize| {
                    let cut = write.slice(packed, 3, at, 1)?;
                    write.reshape(cut, &[batch, sequence, heads * depth])
                };
                (first, part(0)?, part(1)?)
            }
            ref other => return Err(invalid!("its keys and values {other:?} are not packed together")),
        },
        (Some(key), Some(value), _) => (first, key, value),
        (None, ..) => return Err(invalid!("its keys are missing")),
    };
    if write.shape(query).len() != 3 {
        return Err(unsupported!("its query is of shape {:?}", write.shape(query)));
    }
    let Some(bias) = operand(node, 3) else { return Ok([query, key, value]) };
    let mut start = 0;
    let mut biased = |x: ValueId| {
        let shape = write.shape(x);
        let count = if shape.len() == 4 { shape[1] * shape[3] } else { shape[2] };
        let own = write.slice(bias, 0, start, count)?;
        start += count;
        match shape.len() {
            // Keys and values of an encoder come with heads first and their bias added.
            4 => Ok(x),
            _ => write.add(x, own),
        }
    };
    Ok([biased(query)?, biased(key)?, biased(value)?])
}

fn rows(write: &Writer, product: &DotProduct) -> usize {
    let shape = write.shape(product.query);
    if shape.len() == 3 { shape[1] } else { shape[2] }
}

fn columns(write: &Writer, product: &DotProduct) -> Integer {
    let rank = write.shape(product.key).len();
    write.length(product.key, if rank == 3 { 1 } else { 2 })
}

fn causal(
    write: &Writer,
    product: &DotProduct,
    before: Integer,
    window: Option<i64>,
) -> Result<Option<ValueId>, Error> {
    heads::causal(write, rows(write, product), before, columns(write, product), window)
}

/// A mask of integers as a term of the scores: `[batch]` lengths, `[batch, columns]` or
/// `[batch, rows, columns]` where 0 hides.
fn padding(
    node: &NodeView,
    write: &Writer,
    mask: ValueId,
    product: &DotProduct,
) -> Result<Option<ValueId>, Error> {
    let filter = node.attributes.float("mask_filter_value")?.unwrap_or(FILTER);
    let shape = write.shape(mask);
    let batch = write.shape(product.query)[0];
    let shown = match shape[..] {
        [length] if length == batch => {
            let places = write.count_from(Integer::constant(0), columns(write, product))?;
            let lengths = write.cast(write.reshape(mask, &[batch, 1, 1, 1])?, DataType::I64)?;
            write.binary(Binary::Less, places, lengths)?
        }
        [first, columns] => write.reshape(write.cast(mask, DataType::Bool)?, &[first, 1, 1, columns])?,
        [first, rows, columns] => {
            write.reshape(write.cast(mask, DataType::Bool)?, &[first, 1, rows, columns])?
        }
        _ => return Err(unsupported!("its mask is of shape {shape:?}")),
    };
    let all = write.constant_of(shown).and_then(|shown| shown.to_i64_vec());
    if all.is_some_and(|all| all.iter().all(|&element| element != 0)) {
        return Ok(None);
    }
    Ok(Some(write.select(shown, write.float(0.0), write.float(filter))?))
}

/// Attention of com.microsoft: projects its input first. Input, weights, bias, mask, past, attention bias.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    refuse_operands(node, &[(6, "a past sequence length")])?;
    if node.attributes.flag("do_rotary", false)? {
        return Err(unsupported!("it rotates its queries and keys"));
    }
    let heads = heads::count(node.attributes, "num_heads")?;
    let (x, weight) = (node.operand(0)?.id, node.operand(1)?.id);
    let total = *node.shape(1)?.get(1).ok_or_else(|| invalid!("its weights are no matrix"))?;
    let widths = match node.attributes.ints("qkv_hidden_sizes")? {
        Some(&[q, k, v]) => [q, k, v].map(|width| usize::try_from(width).unwrap_or(usize::MAX)),
        _ => [total / 3; 3],
    };
    let write = &Writer::new(node, graph);
    let mut start = 0;
    let mut project = |width: usize| {
        let own = write.matmul(x, write.slice(weight, 1, start, width)?)?;
        let bias = operand(node, 2).map(|bias| write.slice(bias, 0, start, width)).transpose()?;
        start += width;
        bias.map_or(Ok(own), |bias| write.add(own, bias))
    };
    let [query, mut key, mut value] = [project(widths[0])?, project(widths[1])?, project(widths[2])?];
    let past = operand(node, 4);
    if past.is_some() || node.output_count > 1 {
        let of = |at: usize| past.map(|past| half(write, past, at)).transpose();
        key = heads::behind(write, of(0)?, heads::split(write, key, heads)?)?;
        value = heads::behind(write, of(1)?, heads::split(write, value, heads)?)?;
    }
    let scale = factor(node.attributes, widths[0] / heads)?;
    let mut product =
        DotProduct { query, key, value, heads, key_value_heads: heads, scale, softcap: 0.0, mask: None };
    let padding = operand(node, 3).map(|mask| padding(node, write, mask, &product)).transpose()?.flatten();
    product.mask = heads::both(write, operand(node, 5), padding)?;
    if node.attributes.flag("unidirectional", false)? {
        let before = past.map_or(Integer::constant(0), |past| write.length(past, 3));
        product.mask = heads::both(write, product.mask, causal(write, &product, before, None)?)?;
    }
    let result = product.write(write)?;
    if node.output_count == 1 {
        return Ok(vec![result]);
    }
    let lead = |x: ValueId| write.reshape(x, &[&[1], &write.shape(x)[..]].concat());
    Ok(vec![result, write.concat(0, &[lead(key)?, lead(value)?])?])
}

/// Keys (0) or values (1) of a past that holds both.
fn half(write: &Writer, past: ValueId, at: usize) -> Written {
    let own = write.slice(past, 0, at, 1)?;
    write.reshape(own, &write.shape(past)[1..])
}

/// GroupQueryAttention: query, key, value, past key, past value, last position of each row, total length,
/// cosines, sines, position ids, attention bias. New rows come right behind those of the past.
pub(crate) fn read_group_query(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    refuse_operands(node, &[(11, "attention sinks"), (12, "a key scale"), (13, "a value scale")])?;
    if node.attributes.flag("smooth_softmax", false)? {
        return Err(unsupported!("its softmax is smoothed"));
    }
    let heads = heads::count(node.attributes, "num_heads")?;
    let key_value_heads = heads::count(node.attributes, "kv_num_heads")?;
    let write = &Writer::new(node, graph);
    let [mut query, mut key, value] = unpacked(node, write, heads, key_value_heads)?;
    let depth = write.shape(query)[2] / heads;
    let before = operand(node, 3).map_or(Integer::constant(0), |past| write.length(past, 2));
    if node.attributes.flag("do_rotary", false)? {
        let [cos, sin] = angles(node, write, before)?;
        let interleaved = node.attributes.flag("rotary_interleaved", false)?;
        let width = 2 * write.shape(cos)[2];
        let rotation = Rotation { interleaved, width };
        query = rotation.on_heads(write, query, heads, cos, sin)?;
        key = rotation.on_heads(write, key, key_value_heads, cos, sin)?;
    }
    let key = heads::behind(write, operand(node, 3), heads::split(write, key, key_value_heads)?)?;
    let value = heads::behind(write, operand(node, 4), heads::split(write, value, key_value_heads)?)?;
    let scale = factor(node.attributes, depth)?;
    let softcap = node.attributes.float("softcap")?.unwrap_or(0.0);
    let mut product =
        DotProduct { query, key, value, heads, key_value_heads, scale, softcap, mask: operand(node, 10) };
    let window = node.attributes.int("local_window_size")?.filter(|&window| window > 0);
    product.mask = heads::both(write, product.mask, causal(write, &product, before, window)?)?;
    finish(node, write, &product)
}

/// Query, key and value, which may come packed into one.
fn unpacked(
    node: &NodeView,
    write: &Writer,
    heads: usize,
    key_value_heads: usize,
) -> Result<[ValueId; 3], Error> {
    let query = node.operand(0)?.id;
    let &[_, _, width] = &write.shape(query)[..] else {
        return Err(invalid!("its query is not of rank 3"));
    };
    if let (Some(key), Some(value)) = (operand(node, 1), operand(node, 2)) {
        return Ok([query, key, value]);
    }
    let depth = width / (heads + 2 * key_value_heads);
    let (own, other) = (heads * depth, key_value_heads * depth);
    Ok([
        write.slice(query, 2, 0, own)?,
        write.slice(query, 2, own, other)?,
        write.slice(query, 2, own + other, other)?,
    ])
}

/// Cosines and sines `[batch or 1, sequence, half]` at the positions of the new rows.
fn angles(node: &NodeView, write: &Writer, before: Integer) -> Result<[ValueId; 2], Error> {
    let (cos, sin) = (node.operand(7)?.id, node.operand(8)?.id);
    let sequence = node.shape(0)?[1];
    let places = match operand(node, 9) {
        Some(positions) => positions,
        None => {
            let places = write.count_from(before, Integer::constant(sequence as i64))?;
            write.reshape(places, &[1, sequence])?
        }
    };
    Ok([write.gather(cos, 0, places)?, write.gather(sin, 0, places)?])
}
