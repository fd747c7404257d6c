//! Attention as ONNX Runtime's own operators have it: Attention, MultiHeadAttention, GroupQueryAttention.

use super::heads::{self, DotProduct};
use super::rotary_embedding::Rotation;
use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::growth::linear::Integer;
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::onnx::Attributes;
use crate::ops::Binary;
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

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        check_near(&[
            (
                "cross attention",
                "a: f32[1,2,4] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3\n\
                 b: f32[1,3,4] = -0.5 -0.6 0.5 0.4 0.1 -0.9 -0 0.7 -1.3 -0.5 -1.9 -1.3\n\
                 c: f32[1,3,4] = -1.8 -0.2 -1.3 0.3 0.2 -0.2 -2.5 -0.5 -0 0.1 -1.5 -0.5\n\
                 y = com.microsoft.MultiHeadAttention(a, b, c, num_heads=2)",
                "f32[1,2,4] = -0.544747 -0.096468 -1.605262 -0.382823 -0.49439 -0.085396 -1.937704 -0.173287",
            ),
            (
                "bias and padding",
                "a: f32[1,2,4] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3\n\
                 b: f32[1,3,4] = -0.5 -0.6 0.5 0.4 0.1 -0.9 -0 0.7 -1.3 -0.5 -1.9 -1.3\n\
                 c: f32[1,3,4] = -1.8 -0.2 -1.3 0.3 0.2 -0.2 -2.5 -0.5 -0 0.1 -1.5 -0.5\n\
                 d: f32[12] = -1 -0.8 1.1 -0.8 -0 0.9 -0.6 -0.1 0.1 0.1 -1.2 0.1\n\
                 e: i32[1,3] = 1 1 0\n\
                 y = com.microsoft.MultiHeadAttention(a, b, c, d, e, num_heads=2)",
                "f32[1,2,4] = -0.85777 -0.1 -2.913356 0.124429 -0.826596 -0.1 -3.005338 0.063108",
            ),
            (
                "lengths",
                "a: f32[1,2,4] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3\n\
                 b: f32[1,3,4] = -0.5 -0.6 0.5 0.4 0.1 -0.9 -0 0.7 -1.3 -0.5 -1.9 -1.3\n\
                 c: f32[1,3,4] = -1.8 -0.2 -1.3 0.3 0.2 -0.2 -2.5 -0.5 -0 0.1 -1.5 -0.5\n\
                 e: i32[1] = 2\n\
                 y = com.microsoft.MultiHeadAttention(a, b, c, _, e, num_heads=2, scale=1.0)",
                "f32[1,2,4] = -0.84497 -0.2 -1.864043 -0.076029 -0.8 -0.2 -2.001029 -0.167352",
            ),
            (
                "attention bias",
                "a: f32[1,2,4] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3\n\
                 b: f32[1,3,4] = -0.5 -0.6 0.5 0.4 0.1 -0.9 -0 0.7 -1.3 -0.5 -1.9 -1.3\n\
                 c: f32[1,3,4] = -1.8 -0.2 -1.3 0.3 0.2 -0.2 -2.5 -0.5 -0 0.1 -1.5 -0.5\n\
                 f: f32[1,2,2,3] = 1.4 -1.5 0.9 0.1 -0.6 2 0.8 -1.2 0.1 0.6 -0.2 0.7\n\
                 y = com.microsoft.MultiHeadAttention(a, b, c, _, _, f, num_heads=2)",
                "f32[1,2,4] = -1.070914 -0.088784 -1.478754 -0.275399 -0.174207 0.05401 -1.710225 -0.047231",
            ),
            (
                "a past",
                "a: f32[1,1,4] = -0.1 0.7 1.4 -0.7\n\
                 b: f32[1,1,4] = 0.2 -0.5 0.1 -1.2\n\
                 c: f32[1,1,4] = -0.6 -0.2 0.9 1.1\n\
                 g: f32[1,2,2,2] = -1.3 -0.8 0.6 -2 -0.5 -0.1 1.3 0.7\n\
                 h: f32[1,2,2,2] = -0.3 -0.4 -0.3 1.5 -0.4 -0.3 0.4 -0.1\n\
                 y, q, r = com.microsoft.MultiHeadAttention(a, b, c, _, _, _, g, h, num_heads=2)",
                "f32[1,1,4] = -0.423909 0.045688 0.493708 0.33671",
            ),
            (
                "present keys",
                "a: f32[1,1,4] = -0.2 -1.1 -0 -0.4\n\
                 b: f32[1,1,4] = 1.2 0.7 -0 0.7\n\
                 c: f32[1,1,4] = -0.3 1.1 -0 0.6\n\
                 g: f32[1,2,2,2] = -1.3 0.3 -1.7 -2 -0.3 -0.9 0.2 2.2\n\
                 h: f32[1,2,2,2] = -0.8 -0.6 0.2 0.5 -0.2 -0.2 0.7 0.5\n\
                 p, y, r = com.microsoft.MultiHeadAttention(a, b, c, _, _, _, g, h, num_heads=2)",
                "f32[1,2,3,2] = -1.3 0.3 -1.7 -2 1.2 0.7 -0.3 -0.9 0.2 2.2 -0 0.7",
            ),
            (
                "projected",
                "a: f32[1,2,2] = -1 -0.1 0 -1.1\n\
                 b: f32[2,12] = 0.3 -0.9 1 0.2 0.1 -0.6 -0.1 -2 -1.1 0.4 -2.1 0.8 -1.7 0.8 -0.8 0.8 0.1 -1.5 1.2 1.4 -0.1 -0.3 -0.2 -1\n\
                 c: f32[12] = 1.1 -0.5 -0.1 -0.8 -0.6 -1.3 1.3 -0.2 1 0 -0.7 -0.3\n\
                 y = com.microsoft.Attention(a, b, c, num_heads=2, unidirectional=1)",
                "f32[1,2,4] = 2.11 -0.37 1.42 -1 1.816455 -0.164518 -0.413833 0.737316",
            ),
            (
                "projected with a past",
                "a: f32[1,1,2] = -0.6 0\n\
                 b: f32[2,12] = -0.4 -0.3 -1.4 -0.8 1.7 -0.7 -1.1 0.3 1.4 -1.5 -0.2 -0.6 -1.8 0.7 -0 0.1 -0.8 0.5 -0.5 -0.1 -1.1 -1.2 1.3 -0.5\n\
                 c: f32[12] = 0.3 -0 -0.4 -0.5 0.6 -0.3 -0.2 0 1.2 0.7 0.4 -0.6\n\
                 d: i32[1,3] = 0 1 1\n\
                 e: f32[2,1,2,2,2] = -1.4 0.9 1 -0.1 0.5 0.8 0.8 0.9 -0.5 1.5 -1.2 0.9 0.5 0.9 1.9 1.5\n\
                 y, q = com.microsoft.Attention(a, b, c, d, e, num_heads=2)",
                "f32[1,1,4] = -0.616236 1.161945 1.241205 0.669345",
            ),
            (
                "present of both",
                "a: f32[1,1,2] = -1.1 -1.7\n\
                 b: f32[2,6] = 0.8 -1 -0 0.8 -1.6 -2.1 0.3 0 -0.2 0 -0.9 -1.5\n\
                 c: f32[6] = -0.2 -1 -1.6 0.5 -0.1 0.4\n\
                 e: f32[2,1,1,2,2] = -1 -0.7 -1 -0.9 0.2 -0.8 0.4 0.3\n\
                 p, y = com.microsoft.Attention(a, b, c, _, e, num_heads=1)",
                "f32[2,1,1,3,2] = -1 -0.7 -1 -0.9 -1.26 -0.38 0.2 -0.8 0.4 0.3 3.19 5.26",
            ),
            (
                "grouped",
                "a: f32[1,2,16] = -0.2 0.1 1.5 0.6 -0.1 -0.6 -0.6 1.6 0.5 0.1 -0.3 -1.1 -0.1 0.9 -0.4 -0.2 -0.2 0.1 -1.6 -0.2 -0.9 0.9 -0.8 0.6 1.5 -0.3 -0.6 0.2 -0 -1 0.5 2\n\
                 b: f32[1,2,8] = -0.3 -0.2 -1 0.3 -1.2 -1.1 1.3 -0.9 1.1 1.5 0.3 0.6 2 -0.2 -0.6 -1.4\n\
                 c: f32[1,2,8] = 0 1.5 1 -0.9 -0.9 -0.5 0.3 -0.2 0.2 0.3 -0.3 -0 0.2 -0.1 0.5 1.9\n\
                 d: f32[1,1,0,8] = \n\
                 e: f32[1,1,0,8] = \n\
                 f: i32[1] = 1\n\
                 g: i32[] = 2\n\
                 y, q, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, num_heads=2, kv_num_heads=1)",
                "f32[1,2,16] = 0 1.5 1 -0.9 -0.9 -0.5 0.3 -0.2 0 1.5 1 -0.9 -0.9 -0.5 0.3 -0.2 0.050097 1.199415 0.674367 -0.674561 -0.624464 -0.399805 0.350097 0.326023 0.066361 1.101835 0.568654 -0.601376 -0.535015 -0.367278 0.366361 0.496789",
            ),
            (
                "a step",
                "a: f32[1,1,16] = 0.6 0.1 -1.7 0.4 -1.9 -1.4 0.9 0.7 -0.1 -1.7 -0.4 -0.7 0.6 2.3 0.2 -0.8\n\
                 b: f32[1,1,8] = -1.2 -0.1 -0.2 -1.2 0.1 -1.2 1.1 1.1\n\
                 c: f32[1,1,8] = 1.1 -0.5 0.5 -0.1 -0.4 -0.3 -1.3 -1.4\n\
                 d: f32[1,1,2,8] = 0.8 -0.2 0.2 1 -1.7 -0.8 0.2 0.4 -0.4 1 0.2 -1.2 -0.9 0.8 0.5 -1.9\n\
                 e: f32[1,1,2,8] = 1.3 0.6 1.3 -0.4 -0.3 -1.1 2.5 -0.2 1.6 -0.6 0.2 -1.7 -0.4 1 -1.3 1.1\n\
                 f: i32[1] = 2\n\
                 g: i32[] = 3\n\
                 y, q, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, num_heads=2, kv_num_heads=1, softcap=2.0)",
                "f32[1,1,16] = 1.26556 0.155123 0.956082 -0.424529 -0.339628 -0.666448 0.994118 -0.451457 1.47877 -0.444912 0.37833 -1.273041 -0.388523 0.5333 -0.863858 0.516805",
            ),
            (
                "a window",
                "a: f32[1,1,8] = 0.3 -1 -0.5 -0.5 -0 -0.5 -0.8 -0.3\n\
                 b: f32[1,1,8] = -1 -1.3 -0 0.9 -1.5 0 -0.6 -1\n\
                 c: f32[1,1,8] = 0.9 -0.5 1.5 -0.8 0.4 -0.2 -0.8 0.6\n\
                 d: f32[1,1,2,8] = -0.2 0.6 -0 -1.1 -0.1 0.1 1 -0.9 -0 -1.7 0.7 -1.1 -1.8 -0.1 1.1 -1.5\n\
                 e: f32[1,1,2,8] = -1.1 -0.7 -1.1 0.4 -0.8 -0.7 0.6 -0.8 0.4 -1 -1.2 -1.8 1.9 -0.3 0.2 -0\n\
                 f: i32[1] = 2\n\
                 g: i32[] = 3\n\
                 y, q, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, num_heads=1, kv_num_heads=1, local_window_size=2)",
                "f32[1,1,8] = 0.641606 -0.758394 0.104674 -1.316787 1.175181 -0.251679 -0.283213 0.289928",
            ),
            (
                "rotated keys",
                "a: f32[1,1,16] = 0.2 0 1.9 -1 -1.6 -1 -1.3 0.7 0.8 -1 -1.4 -0.4 1.4 -2.8 0.5 -1.1\n\
                 b: f32[1,1,16] = 1 -1.1 -0.3 -1.5 -1 1.4 0.8 -0.4 -0.9 -1.9 -0.4 -0 -0.1 -0.1 -1.1 -0.1\n\
                 c: f32[1,1,16] = -0 1.3 1.9 -0.1 -0.8 -0.1 -0.6 -0.7 -0.1 -1 0.6 -0.1 0.3 -0.2 -0.7 -0.9\n\
                 d: f32[1,1,2,16] = -0.2 -0.5 0.2 -0 -1.4 0.1 -1.3 -0.6 -0.3 -2.1 0.1 0.2 -0.2 -0.4 -0.4 -1 -0.3 -0.6 0.1 -1.2 0.2 0.1 -0.1 -0.4 0.6 -1.7 0.5 0.2 0.3 0.4 -0.7 -0.3\n\
                 e: f32[1,1,2,16] = 0.6 0.4 0.2 -1.5 0.5 1.2 1 0.2 -1.6 0.9 -0.1 -2.5 0.4 -1.5 -1.3 -0.6 1.3 -0.4 0.3 1.7 1.6 -0.1 -0.2 -1.3 -0.7 0.4 0.4 0.1 1 -0.8 -0.1 0.7\n\
                 f: i32[1] = 2\n\
                 g: i32[] = 3\n\
                 h: f32[4,8] = 2 -1.4 0.9 -0.1 -0 -1.4 -0.5 0.7 -0.1 0.1 -0.3 1.2 -0 -2.2 -0.7 -2 -3.3 -0.5 1.3 0 -1.2 -0.9 1.1 0.2 0 -0.1 0 0.8 0.6 0.2 -1 0.5\n\
                 i: f32[4,8] = -0.7 1.1 -1.3 -0.1 -0 -1.3 1.7 1.5 -0.5 0.8 0.4 -2.6 0.3 -0.1 0.1 -1.1 -0.3 -0.2 1.2 0.3 -0 1.5 -0.6 -0.4 -1.8 1.6 1 0.9 0.7 0.1 0.2 -0.3\n\
                 p, y, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, h, i, num_heads=1, kv_num_heads=1, do_rotary=1)",
                "f32[1,1,3,16] = -0.2 -0.5 0.2 -0 -1.4 0.1 -1.3 -0.6 -0.3 -2.1 0.1 0.2 -0.2 -0.4 -0.4 -1 -0.3 -0.6 0.1 -1.2 0.2 0.1 -0.1 -0.4 0.6 -1.7 0.5 0.2 0.3 0.4 -0.7 -0.3 -3.57 0.17 0.09 0 1.2 -1.11 0.22 -0.12 2.67 1.17 -0.88 -0.45 0.12 2.19 -1.69 0.14",
            ),
        ]);
    }
}
