//! Attention as ONNX Runtime's own operators have it: Attention and MultiHeadAttention.

use super::heads::{self, DotProduct};
use super::quantization;
use crate::builder::Builder;
use crate::builder::cache_length::linear::Integer;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::onnx::Attributes;
use crate::ops::{Binary, CacheUpdate, Operator};
use crate::tensor::DataType;
use crate::writer::{Writer, Written};

/// The addend that hides a key unless `mask_filter_value` says otherwise.
const FILTER: f32 = -10000.0;

pub(super) fn factor(attributes: &Attributes, depth: usize) -> Result<f32, Error> {
    Ok(heads::scale(attributes.float("scale")?, depth))
}

pub(super) fn operand(node: &NodeView, index: usize) -> Option<ValueId> {
    node.optional(index).map(|operand| operand.id)
}

pub(super) fn refuse_operands(node: &NodeView, indices: &[(usize, &str)]) -> Result<(), Error> {
    match indices.iter().find(|(index, _)| node.optional(*index).is_some()) {
        Some((index, what)) => Err(unsupported!("it has {what} (operand {index})")),
        None => Ok(()),
    }
}

/// MultiHeadAttention: query, key, value, bias, key padding mask, attention bias, past key, past value, and how many
/// positions of the past count where it is a buffer that new rows are written into.
pub(crate) fn read_multi_head(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    refuse_operands(node, &[(9, "cache indirection")])?;
    let heads = heads::count(node.attributes, "num_heads")?;
    let write = &Writer::new(node, graph);
    let [query, mut key, mut value] = separate(node, write, heads)?;
    let width = write.shape(query)[2];
    if operand(node, 6).is_some() || node.output_count > 1 {
        key = joined(node, write, 6, heads::split(write, key, heads)?)?;
        value = joined(node, write, 7, heads::split(write, value, heads)?)?;
    }
    let scale = factor(node.attributes, width / heads)?;
    let mut product =
        DotProduct { query, key, value, heads, key_value_heads: heads, scale, softcap: 0.0, mask: None };
    let padding = operand(node, 4).map(|mask| padding(node, write, mask, &product)).transpose()?.flatten();
    product.mask = heads::both(write, operand(node, 5), padding)?;
    if let Some(start) = operand(node, 8) {
        let places = write.along(write.integers(0..rows(write, &product) as i64), 0, 2)?;
        let places = write.add(places, write.reshape(write.cast(start, DataType::I64)?, &[1, 1])?)?;
        let seen = heads::up_to(write, places, columns(write, &product), None)?;
        product.mask = heads::both(write, product.mask, Some(seen))?;
    } else if node.attributes.flag("unidirectional", false)? {
        let before = operand(node, 6).map_or(Integer::constant(0), |past| write.length(past, 2));
        product.mask = heads::both(write, product.mask, causal(write, &product, before, None)?)?;
    }
    finish(node, write, &product)
}

/// New rows behind the past, or where it is a buffer, written into it.
fn joined(node: &NodeView, write: &Writer, past: usize, new: ValueId) -> Written {
    match (operand(node, 8), operand(node, past)) {
        (Some(start), Some(buffer)) => {
            let start = write.cast(start, DataType::I64)?;
            let update = Operator::CacheUpdate(CacheUpdate { axis: 2 });
            write.push(update, &[Some(buffer), Some(new), Some(start)])
        }
        (Some(_), None) => Err(invalid!("it has a past sequence length and no past")),
        (None, past) => heads::behind(write, past, new),
    }
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

/// A mask of integers as a term of the scores: `[batch]` ends, `[2 · batch]` ends and starts, `[batch, columns]`
/// or `[batch, rows, columns]` where 0 hides.
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
        [length] if length == batch || length == 2 * batch => {
            let places = write.count_from(Integer::constant(0), columns(write, product))?;
            let bounds = write.cast(mask, DataType::I64)?;
            let bound =
                |at: usize| write.reshape(write.slice(bounds, 0, at * batch, batch)?, &[batch, 1, 1, 1]);
            let before = write.binary(Binary::Less, places, bound(0)?)?;
            match length == batch {
                true => before,
                false => {
                    let behind = write.binary(Binary::GreaterOrEqual, places, bound(1)?)?;
                    write.binary(Binary::And, before, behind)?
                }
            }
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

/// QAttention: Attention with quantised input and weights. Both, bias, their scales, mask, their zero points, past.
pub(crate) fn read_quantized(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let write = Writer::new(node, graph);
    let x = quantization::dequantised(node, &write, [0, 3, 6])?;
    let mut weight = write.cast(node.operand(1)?.id, DataType::F32)?;
    if let Some(zero) = operand(node, 7) {
        weight = write.sub(weight, write.cast(zero, DataType::F32)?)?;
    }
    let weight = write.mul(weight, node.operand(4)?.id)?;
    let operands = [Some(x), Some(weight), operand(node, 2), operand(node, 5), operand(node, 8)];
    read(&node.over(graph, &operands), graph)
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

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        check_near(&[
            (
                "quantised",
                "a: u8[1,2,4] = 241 160 175 229 148 198 213 57\n\
                 b: i8[4,12] = -114 -52 -56 95 105 -127 -1 82 -95 76 -98 -9 81 -51 -41 -57 56 -63 125 -15 -6 1 21 13 2 126 78 74 51 31 -41 125 -9 -73 88 -87 91 28 -99 -117 -15 -119 -92 3 120 -9 78 106\n\
                 c: f32[12] = -0 0.1 -1.5 -0.5 -1 -0.8 1.1 -0.8 -0 0.9 -0.6 -0.1\n\
                 d: f32[] = 0.02\n\
                 e: f32[] = 0.01\n\
                 g: u8[] = 120\n\
                 h: i8[] = 2\n\
                 y = com.microsoft.QAttention(a, b, c, d, e, _, g, h, num_heads=2)",
                "f32[1,2,4] = -1.894215 0.34787 -0.2652 1.009984 -2.33118 0.060931 -0.248302 -0.527042",
            ),
            (
                "quantised, masked, columns",
                "a: u8[1,2,4] = 247 225 47 130 240 216 181 163\n\
                 b: i8[4,12] = -118 61 -7 -105 -66 10 58 1 28 95 47 -36 36 25 -101 -113 41 -29 25 -46 -71 -90 -31 80 -26 -31 19 122 -28 23 -16 26 -14 35 12 45 116 -90 15 -16 -37 -67 -115 -25 83 -104 -25 119\n\
                 c: f32[12] = -1.3 -0.8 0.6 -2 -0.5 -0.1 1.3 0.7 -0.3 -0.4 -0.3 1.5\n\
                 d: f32[] = 0.02\n\
                 e: f32[12] = 0.005 0.006 0.007 0.008 0.009 0.01 0.011 0.012 0.013 0.014 0.015 0.016\n\
                 f: i32[1] = 1\n\
                 g: u8[] = 120\n\
                 h: i8[12] = 0 0 0 0 0 0 0 0 0 0 0 0\n\
                 y = com.microsoft.QAttention(a, b, c, d, e, f, g, h, num_heads=2, unidirectional=0)",
                "f32[1,2,4] = -0.83222 -0.6744 0.1764 2.05456 -0.83222 -0.6744 0.1764 2.05456",
            ),
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
                "a past of some length",
                "a: f32[2,1,4] = -1 1.1 0.3 0.6 -0.5 0.3 -1.9 1.1\n\
                 b: f32[2,1,4] = -0.3 -2.6 1.1 1.7 -0.9 1.2 -0.7 -2.3\n\
                 c: f32[2,1,4] = -0.4 0.3 0.1 0.1 0.3 0.2 -0.2 -0.6\n\
                 g: f32[2,2,4,2] = -0.3 -0.4 -0.3 -1.1 -0.5 0.1 0.3 -0.1 -0.2 0.5 0.8 0.7 -1.7 -0.5 0.7 0.5 0.7 0.3 -0.9 1.2 -1.4 1 -0 -1.5 -0.4 1.2 -0.6 -1.2 -0.3 -0.8 -1.3 0.4\n\
                 h: f32[2,2,4,2] = 0.8 -0.6 0.5 -0.4 -0.1 0.1 1.5 0.5 -1 0.5 -0.2 -0.5 -0.8 -0 -0.1 -0.4 -1.4 -1.7 0.1 0.2 2.2 -0.2 1 1.2 -0.1 0.1 -0.4 1.8 -1.5 -0 1.4 -0.1\n\
                 i: i32[1] = 2\n\
                 y, q, r = com.microsoft.MultiHeadAttention(a, b, c, _, _, _, g, h, i, num_heads=2)",
                "f32[2,1,4] = 0.578042 -0.441768 -0.231369 0.010207 -0.104064 -0.161076 -0.15422 0.311475",
            ),
            (
                "present keys in a buffer",
                "a: f32[1,1,4] = -0.6 0.2 0.5 0.6\n\
                 b: f32[1,1,4] = 0.3 0.8 0.9 -1.1\n\
                 c: f32[1,1,4] = -0.4 0.9 0.5 0.2\n\
                 g: f32[1,2,3,2] = 0.7 1 -0.9 -1.2 -1.2 1.9 -1.1 -0.2 -0.2 1 -1.7 -0\n\
                 h: f32[1,2,3,2] = 1.2 1.1 0.4 -0.3 1.8 -1.7 1 0.5 0.6 0.3 0.2 0.9\n\
                 i: i32[1] = 1\n\
                 p, y, r = com.microsoft.MultiHeadAttention(a, b, c, _, _, _, g, h, i, num_heads=2)",
                "f32[1,2,3,2] = 0.7 1 0.3 0.8 -1.2 1.9 -1.1 -0.2 0.9 -1.1 -1.7 -0",
            ),
            (
                "lengths with a past",
                "a: f32[2,1,4] = -1.2 -1.2 0.2 0.1 0.2 1.6 -0.6 0.8\n\
                 b: f32[2,1,4] = 0.4 2.4 -1.4 -0.5 -0.5 1.3 -0.8 1.7\n\
                 c: f32[2,1,4] = 1.6 0.9 0.4 -1.6 0.2 -1.4 -0.4 0.2\n\
                 e: i32[2] = 3 2\n\
                 g: f32[2,2,2,2] = -0.3 1 -0.1 -1.5 -1.1 -1.3 -0.3 1.2 0.5 0.3 -1.3 2.4 -0 2.4 -0.9 -0.6\n\
                 h: f32[2,2,2,2] = 2.6 -1.1 0.4 -0.3 -0.8 2.2 -1 0.9 1.1 -1 -1.9 -1.8 -0.8 0.2 0.3 -0.2\n\
                 y, q, r = com.microsoft.MultiHeadAttention(a, b, c, _, e, _, g, h, num_heads=2)",
                "f32[2,1,4] = 0.692626 -0.372855 -0.516516 0.531223 -1.57887 -1.71437 -0.567224 0.115354",
            ),
            (
                "ends and starts",
                "a: f32[2,3,2] = -0.1 1 0.8 0.4 -0.6 0.8 0.2 -0.7 -0.6 1.2 1.8 -0.5\n\
                 b: f32[2,12] = -2.1 0.6 -0.9 0.7 -0.4 2.2 0.1 0.9 -1.2 -2.8 0.1 0.3 0.7 -0.6 -1.3 -1.6 0.6 0.7 -0.9 -0.5 -0.7 -1.9 0.2 0.8\n\
                 c: f32[12] = -0.2 -1.4 -0.2 1.4 2.1 0.3 -0.8 -2 -1.5 -0.1 0.2 0.3\n\
                 d: i32[4] = 3 2 1 0\n\
                 y = com.microsoft.Attention(a, b, c, d, num_heads=2)",
                "f32[2,3,4] = -1.35568 0.024596 0.318895 0.791491 -1.61882 -0.569329 0.34208 0.830133 -1.34661 0.045087 0.321852 0.79642 -1.35813 0.269608 0.086488 -0.172317 -1.59704 -0.614977 0.360281 0.995864 -1.25421 0.654404 0.100647 -0.111907",
            ),
        ]);
    }
}
