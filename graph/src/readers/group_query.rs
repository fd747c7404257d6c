//! GroupQueryAttention of com.microsoft: fewer heads of keys than of queries, a cache, and rows of different length.

use super::contrib_attention::{factor, operand, refuse_operands};
use super::heads::{self, DotProduct};
use super::rotary_embedding::Rotation;
use crate::builder::Builder;
use crate::builder::cache_length::linear::Integer;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::scatter_elements::{Scatter, ScatterElements};
use crate::ops::{Binary, Operator};
use crate::tensor::DataType;
use crate::writer::{Writer, Written};

/// GroupQueryAttention: query, key, value, past key, past value, last position of each of the batch, total length,
/// cosines, sines, position ids, attention bias. Outputs are the result, and present keys and values.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    refuse_operands(node, &[(11, "attention sinks"), (12, "a key scale"), (13, "a value scale")])?;
    if node.attributes.flag("smooth_softmax", false)? {
        return Err(unsupported!("its softmax is smoothed"));
    }
    let heads = heads::count(node.attributes, "num_heads")?;
    let key_value_heads = heads::count(node.attributes, "kv_num_heads")?;
    let write = &Writer::new(node, graph);
    let [mut query, mut key, value] = unpacked(node, write, heads, key_value_heads)?;
    let depth = write.shape(query)[2] / heads;
    let cache = Cache::of(node, write)?;
    if node.attributes.flag("do_rotary", false)? {
        let [cos, sin] = angles(node, write, &cache)?;
        let interleaved = node.attributes.flag("rotary_interleaved", false)?;
        let &[_, _, half] = &write.shape(cos)[..] else { return Err(invalid!("its angles are no matrix")) };
        let rotation = Rotation { interleaved, width: 2 * half };
        query = rotation.on_heads(write, query, heads, cos, sin)?;
        key = rotation.on_heads(write, key, key_value_heads, cos, sin)?;
    }
    let present_key = cache.filled(write, operand(node, 3), heads::split(write, key, key_value_heads)?)?;
    let present_value =
        cache.filled(write, operand(node, 4), heads::split(write, value, key_value_heads)?)?;
    let mut product = DotProduct {
        query,
        key: cache.looked_at(write, present_key)?,
        value: cache.looked_at(write, present_value)?,
        heads,
        key_value_heads,
        scale: factor(node.attributes, depth)?,
        softcap: node.attributes.float("softcap")?.unwrap_or(0.0),
        mask: operand(node, 10),
    };
    let window = node.attributes.int("local_window_size")?.filter(|&window| window > 0);
    let columns = write.length(product.key, 2);
    product.mask = heads::both(write, product.mask, cache.seen(write, columns, window)?)?;
    let mut results = vec![product.write(write)?, present_key, present_value];
    if node.output_count > 3 {
        results.push(product.steps(write)?.weights);
    }
    Ok(results)
}

/// The number of positions of the past that count.
#[derive(Debug, Clone, Copy)]
enum Past {
    /// As many in each of the batch.
    Same(Integer),
    /// i64 `[batch, 1, 1, 1]`.
    Each(ValueId),
}

/// The place among the keys and values where new rows go.
#[derive(Debug, Clone, Copy)]
struct Cache {
    rows: usize,
    past: Past,
    /// The number of positions that count in all, i64 `[batch, 1, 1, 1]`; `None` where those of the past and the new
    /// rows do.
    ends: Option<ValueId>,
    /// Positions that are looked at, and those there are; `None` where they grow.
    extents: Option<(usize, usize)>,
}

impl Cache {
    fn of(node: &NodeView, write: &Writer) -> Result<Cache, Error> {
        let &[batch, rows, _] = node.shape(0)? else { return Err(invalid!("its query is not of rank 3")) };
        let past = node.optional(3);
        if let Some(past) = past.filter(|past| past.axes.is_some()) {
            let past = Past::Same(write.length(past.id, 2));
            return Ok(Cache { rows, past, ends: None, extents: None });
        }
        let there = past.map_or(0, |past| past.tensor_type.shape.get(2).copied().unwrap_or(0));
        let total = node.integers(6, "total sequence length")?.and_then(|total| total.first().copied());
        let total = total.and_then(|total| usize::try_from(total).ok()).unwrap_or(there + rows);
        if total < rows || total > there + rows {
            return Err(invalid!("{rows} rows behind a past of {there} are not {total} in all"));
        }
        let lasts = node.operand(5)?;
        let known = lasts.constant.as_ref().and_then(|lasts| lasts.to_i64_vec());
        let filled =
            known.is_some_and(|lasts| lasts.iter().all(|&last| last.saturating_add(1) == total as i64));
        let ends =
            || write.plus(write.reshape(write.cast(lasts.id, DataType::I64)?, &[batch, 1, 1, 1])?, 1.0);
        let ends = if filled { None } else { Some(ends()?) };
        let past = match ends {
            Some(ends) if total > rows => Past::Each(write.plus(ends, -(rows as f32))?),
            Some(_) | None => Past::Same(Integer::constant((total - rows) as i64)),
        };
        Ok(Cache { rows, past, ends, extents: Some((total, total.max(there))) })
    }

    /// Past and new rows, heads first each, as one; zeros behind them.
    fn filled(&self, write: &Writer, past: Option<ValueId>, new: ValueId) -> Written {
        let Some((total, extent)) = self.extents else { return heads::behind(write, past, new) };
        if let Some(rank) = past.map(|past| write.shape(past).len()).filter(|&rank| rank != 4) {
            return Err(invalid!("its past is of rank {rank}, not 4"));
        }
        match self.past {
            Past::Same(_) => {
                let old = past.map(|past| write.slice(past, 2, 0, total - self.rows)).transpose()?;
                lengthened(write, heads::behind(write, old, new)?, extent)
            }
            Past::Each(before) => {
                let past = past.ok_or_else(|| invalid!("it has a past length and no past"))?;
                let rows = write.integers(0..self.rows as i64);
                let places = write.add(write.trailing(rows, 2)?, before)?;
                let places = write.expand(places, &write.shape(new))?;
                let scatter = ScatterElements { axis: 2, scatter: Scatter::Replace };
                let operands = [Some(lengthened(write, past, extent)?), Some(places), Some(new)];
                let filled = write.push(Operator::ScatterElements(scatter), &operands)?;
                let there = self.there(write, Integer::constant(extent as i64), 2)?;
                there.map_or(Ok(filled), |there| write.select(there, filled, write.like(filled, 0.0)))
            }
        }
    }

    /// The mask of which of so many positions count, with them along the last or last but one of the axes.
    fn there(&self, write: &Writer, positions: Integer, rank: usize) -> Result<Option<ValueId>, Error> {
        let Some(ends) = self.ends else { return Ok(None) };
        let places = write.trailing(write.count_from(Integer::constant(0), positions)?, rank)?;
        write.binary(Binary::Less, places, ends).map(Some)
    }

    /// The positions that queries look at.
    fn looked_at(&self, write: &Writer, x: ValueId) -> Written {
        self.extents.map_or(Ok(x), |(total, _)| write.slice(x, 2, 0, total))
    }

    /// The mask of which row may look at which position; `None` where every row may look at all.
    fn seen(&self, write: &Writer, columns: Integer, window: Option<i64>) -> Result<Option<ValueId>, Error> {
        match self.past {
            Past::Same(before) => {
                let seen = heads::causal(write, self.rows, before, columns, window)?;
                heads::both(write, seen, self.there(write, columns, 1)?)
            }
            Past::Each(before) => {
                let rows = write.trailing(write.integers(0..self.rows as i64), 2)?;
                heads::up_to(write, write.add(rows, before)?, columns, window).map(Some)
            }
        }
    }
}

/// Zeros behind the positions there are, up to as many as wanted.
fn lengthened(write: &Writer, x: ValueId, extent: usize) -> Written {
    let mut shape = write.shape(x);
    let missing = extent.saturating_sub(shape[2]);
    if missing == 0 {
        return Ok(x);
    }
    shape[2] = missing;
    let zeros = write.expand(write.like(x, 0.0), &shape)?;
    write.concat(2, &[x, write.cast(zeros, write.data_type(x))?])
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
fn angles(node: &NodeView, write: &Writer, cache: &Cache) -> Result<[ValueId; 2], Error> {
    let (cos, sin) = (node.operand(7)?.id, node.operand(8)?.id);
    let places = match (operand(node, 9), cache.past) {
        (Some(positions), _) => positions,
        (None, Past::Same(before)) => {
            let places = write.count_from(before, Integer::constant(cache.rows as i64))?;
            write.reshape(places, &[1, cache.rows])?
        }
        (None, Past::Each(before)) => {
            let first = write.reshape(before, &[write.shape(before)[0], 1])?;
            write.add(first, write.integers(0..cache.rows as i64))?
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
            (
                "rows of different lengths",
                "a: f32[2,1,8] = 0.1 -0.1 0.6 0.1 -0.5 0.4 1.3 0.9 -0.7 -1.3 -0.6 0 -2.3 -0.2 -1.2 -0.7\n\
                 b: f32[2,1,8] = -0.5 -0.3 0.4 1 -0.1 1.4 -0.7 0.4 0.9 0.1 -0.7 -0.9 -0.5 0.2 -1 -0.2\n\
                 c: f32[2,1,8] = -0.2 0.5 0.2 0.4 -0.7 -0.1 0.8 1.5 -1.3 1.5 1.3 0.8 0.3 -0.3 1.5 2\n\
                 d: f32[2,1,3,8] = 1.8 1.3 0.4 -1.2 -0 0.7 -1.3 0.4 0.4 0.7 -1.2 -0.7 -0.4 -1.2 1.7 -0.5 0.3 -0.3 1.6 1.3 0.6 -2.2 0.1 0.7 1 -0.6 1.8 -1.3 -0.7 0.9 0 2 0.2 -0.6 -0.4 -1.1 -1.3 0.6 0.6 1.3 -0.8 1.7 -0.3 1.6 -0.4 -0.7 0.2 1\n\
                 e: f32[2,1,3,8] = 0.2 -0.6 -1.3 -1.4 0.5 1 -0.2 -1.1 0.9 -1.3 -0.7 0.6 -2.3 0.4 -0.6 0.1 -0.1 0.2 0.7 -0.8 1.4 0.7 0.8 1.2 0.8 0.8 0.1 -1.4 -0.1 -0.8 -1.4 0.3 -0.6 -1 -1 0.3 0.4 1.3 -0 1 1.4 1.2 -2.4 1.2 0.3 0.4 0.4 0.4\n\
                 f: i32[2] = 3 1\n\
                 g: i32[] = 4\n\
                 y, q, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, num_heads=1, kv_num_heads=1)",
                "f32[2,1,8] = 0.208597 -0.282033 -0.15822 -0.190818 -0.344314 0.457743 0.236008 0.584037 -0.771184 1.32373 0.99782 0.246002 0.199273 -0.425909 0.76973 1.57191",
            ),
            (
                "present keys of different lengths",
                "a: f32[2,1,8] = 0.3 -0.4 -1.9 -0.1 -0.8 1.1 -0.3 0.1 -0.8 -0.5 -0 -1.5 0.3 -0.1 -1.2 -2.4\n\
                 b: f32[2,1,8] = 0.5 -0.3 -0.5 -0.2 1.8 -0 0.1 -1.5 1.6 0.9 1.1 0 0.9 0.4 0.6 -0.2\n\
                 c: f32[2,1,8] = -1.5 1 -1.9 -0.2 -0.2 -1 0.6 -0.2 -0.4 0.5 -0.5 1.4 0.4 -0.5 -1.9 -1.3\n\
                 d: f32[2,1,2,8] = 1.1 -0.1 -0.3 1.6 -1.3 -0.6 -0.5 0.6 -0.7 -0.6 -1.6 0.7 0.8 -0.5 0.2 -1.3 -0.5 1.4 0.1 2.3 -0.8 0.6 -0.2 0.6 -0 -0.6 -0.9 3.1 -0.1 -2 -0.6 0.7\n\
                 e: f32[2,1,2,8] = -0.5 1.4 1 -0.2 -0.5 -1 -0.7 -1.5 1.2 1.6 -1.3 -1.2 -1.8 -1 -3.1 -1.1 1.3 -0.3 0.9 -0.5 1.8 0.2 -0.4 2.6 -0.3 -1.2 0.2 -0 1.1 -0.9 0.8 0.9\n\
                 f: i32[2] = 2 1\n\
                 g: i32[] = 3\n\
                 p, y, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, num_heads=1, kv_num_heads=1)",
                "f32[2,1,3,8] = 1.1 -0.1 -0.3 1.6 -1.3 -0.6 -0.5 0.6 -0.7 -0.6 -1.6 0.7 0.8 -0.5 0.2 -1.3 0.5 -0.3 -0.5 -0.2 1.8 -0 0.1 -1.5 -0.5 1.4 0.1 2.3 -0.8 0.6 -0.2 0.6 1.6 0.9 1.1 0 0.9 0.4 0.6 -0.2 0 0 0 0 0 0 0 0",
            ),
            (
                "a buffer that is not full",
                "a: f32[1,1,8] = -0.7 0.2 -0.8 2.3 -0.7 -0.5 -1.1 -0.3\n\
                 b: f32[1,1,8] = -0 0.8 -0.6 -0.2 -1.4 -0.8 2.8 1\n\
                 c: f32[1,1,8] = -0.8 -1.3 -1 -0 0 -0.7 -1.3 1.4\n\
                 d: f32[1,1,4,8] = 0.5 -0.4 -0.2 -0.5 -2.9 0.1 -1.1 -1 -0.6 0.7 -1.2 -1.4 0.6 0.8 -1 0.6 -0.3 0.3 -1.3 0.8 1.2 0.6 0.6 -3.8 0.3 -0 -0.1 -0.6 0.1 0.4 -0.3 -0.5\n\
                 e: f32[1,1,4,8] = 1.2 -1.1 1 0.2 -0.8 -0.3 -0.9 0.7 0.3 -0.6 -1.1 0.3 1 -0.1 0.4 -0.4 0.1 -0.3 0.3 -1.5 0.6 -0.2 0.4 -0.3 0.3 -1.1 1.2 -1.7 -1 0.2 1.5 0.3\n\
                 f: i32[1] = 2\n\
                 g: i32[] = 3\n\
                 y, q, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, num_heads=1, kv_num_heads=1)",
                "f32[1,1,8] = 0.70759 -1.04361 0.292746 0.184776 -0.345223 -0.330448 -0.733508 0.619007",
            ),
            (
                "present keys of a buffer",
                "a: f32[2,1,8] = -0.2 -1.4 -0.2 -0 1.7 0.6 -1.5 2 -0.4 -0.9 1.5 -0 -0.4 0.2 0.8 1\n\
                 b: f32[2,1,8] = -1.4 2 0.9 -0.4 -0.8 -1 0.1 -0.6 -0.8 0.8 0.4 -0.4 0.7 1.4 -1.1 -0.6\n\
                 c: f32[2,1,8] = 0.9 0.7 0.2 1.2 -1.1 -1.5 -0.9 0.1 -0.8 -0.5 -1 -0.6 -1 0.4 0.8 -0.5\n\
                 d: f32[2,1,3,8] = -0.2 -0.6 0.5 0.1 1.6 -1.1 0.4 0.4 -0.4 0.6 -1.4 2.1 -1.3 0.9 -1.1 1.2 -0.4 0.2 0.1 1.1 -0.3 -3 -0.8 0.2 -0.4 0.8 1 -0.1 -1.5 1.4 1.1 -0.3 2.1 -0.3 -1.1 -0.2 1.1 -0.9 2 -0.9 1 0.5 -0.2 1.1 -1.5 1.4 -0.1 -0.5\n\
                 e: f32[2,1,3,8] = 0.7 1.1 0.8 2 1.1 1.3 -0.5 0.1 0.6 -0 0.3 0.4 0.8 -0.1 -0.3 -0.8 -0.9 1.2 -0.1 0.8 -1.3 -1.9 -1 1.1 1.1 0.3 -0.8 -0.1 -0.3 -0.3 -2.5 -0.9 -0.2 1.5 0.2 1.4 -0.4 -0.3 -3.9 0.5 0.5 1.8 -0.5 0.1 -0.7 -1.2 -0.7 -0.3\n\
                 f: i32[2] = 1 2\n\
                 g: i32[] = 3\n\
                 p, y, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, num_heads=1, kv_num_heads=1)",
                "f32[2,1,3,8] = -0.2 -0.6 0.5 0.1 1.6 -1.1 0.4 0.4 -1.4 2 0.9 -0.4 -0.8 -1 0.1 -0.6 0 0 0 0 0 0 0 0 -0.4 0.8 1 -0.1 -1.5 1.4 1.1 -0.3 2.1 -0.3 -1.1 -0.2 1.1 -0.9 2 -0.9 -0.8 0.8 0.4 -0.4 0.7 1.4 -1.1 -0.6",
            ),
            (
                "a prompt with padding",
                "a: f32[2,3,8] = 1.4 0 -0.8 0.1 0.2 -0.7 1.1 -1.9 -0.2 0.7 -1.3 0.4 1.3 0.5 -1.7 -0.7 1.2 0.3 -0 0.4 0.7 -0.7 -0.3 0.1 -0.5 -0.1 1.3 -1 1.9 1.9 -1.7 -0.1 0.3 -0.8 -0.7 -0.2 0.7 -0.5 1.8 0.3 -0.1 1.4 0.6 0.4 -0.3 1.8 0.8 -0.2\n\
                 b: f32[2,3,8] = -1.6 0.4 -1.1 -1.7 -0.3 0.3 1.3 0.3 0.8 -1.2 -0 0.1 0.9 0.1 0.8 -0.5 0.4 0.4 -1.2 0.2 -0.3 -1.9 1 -0.4 -0.9 -0.4 0.1 1.5 -0.2 0.5 1.4 0.5 1.1 -0.5 0.8 -0.1 1.1 -1 -0.8 1.3 -0.2 -0.4 0.1 -0.7 1.3 -1.2 -0.2 0.3\n\
                 c: f32[2,3,8] = -0.1 -0.8 -0.9 0.4 -1 0.6 -1.5 -0.6 0 -1.3 0.7 -0 -1 -1.5 -1.6 0.1 -1.2 -1.4 -0.2 2.3 0.3 0.8 0.2 0.8 -1.3 -0.4 0.3 -0 -0.2 -0.7 -0.3 -0.8 -2.4 -1.2 0.5 1.6 1.8 0.1 0.9 0.9 -0.7 -1.7 0 -1.8 -0.3 0.6 -1.4 0\n\
                 f: i32[2] = 2 1\n\
                 g: i32[] = 3\n\
                 y, q, r = com.microsoft.GroupQueryAttention(a, b, c, _, _, f, g, num_heads=1, kv_num_heads=1)",
                "f32[2,3,8] = -0.1 -0.8 -0.9 0.4 -1 0.6 -1.5 -0.6 -0.045066 -1.07467 -0.021062 0.180265 -1 -0.553606 -1.55493 -0.215465 -0.605861 -1.30286 0.10273 1.18075 -0.3538 -0.159978 -0.695893 0.382372 -1.3 -0.4 0.3 0 -0.2 -0.7 -0.3 -0.8 -1.70296 -0.693061 0.373265 0.586123 0.532653 -0.406939 0.139592 -0.177245 -1.43471 -0.497972 0.324493 0.195944 0.04493 -0.602028 -0.153042 -0.59181",
            ),
            (
                "a prompt into a buffer",
                "a: f32[1,2,8] = 1.2 0.4 0.5 0.9 1.7 0.2 1.2 -0.1 -0.5 0.3 -0.6 -0.6 -0.6 -2.3 0.1 -1.3\n\
                 b: f32[1,2,8] = -0.1 1.4 -0.5 -0.5 1.4 0.5 1 -0.4 0.7 -0.7 -0.7 0.6 -0.6 0.8 2.4 -1.7\n\
                 c: f32[1,2,8] = -0.8 1.1 -0.1 1.2 -1 0.3 -0.2 0.1 0.3 -1.2 -1.1 1.4 0.3 0.1 -0 0.4\n\
                 d: f32[1,1,3,8] = -1.2 -1 1.3 0.2 0.9 -0.6 1.4 0.3 0.5 0.5 -0.8 -1.9 -1.1 1.6 1.3 -0.3 -0.3 1 -0.2 -1.3 1.3 0.5 -2.5 -0.3\n\
                 e: f32[1,1,3,8] = 0.1 0.5 0.2 -0.6 -0.1 0.3 -0.3 -0.4 1.3 -0.9 -0.3 -2 0.5 0.8 0.5 0.9 0.4 0.3 0.5 -0.3 1.2 -0.3 -1.5 0.8\n\
                 f: i32[1] = 1\n\
                 g: i32[] = 2\n\
                 p, y, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, num_heads=1, kv_num_heads=1)",
                "f32[1,1,3,8] = -0.1 1.4 -0.5 -0.5 1.4 0.5 1 -0.4 0.7 -0.7 -0.7 0.6 -0.6 0.8 2.4 -1.7 0 0 0 0 0 0 0 0",
            ),
            (
                "several rows into a buffer",
                "a: f32[1,2,8] = 1.9 -1 -0.1 -0.7 -0.4 0 -1.2 -0.3 -1.5 -0.6 -1.2 -1.1 -1.7 1.2 0.5 -1.9\n\
                 b: f32[1,2,8] = -0.6 -0.7 -0.7 -1.4 0.8 -0.4 0.5 0.5 1.4 -1.8 1.7 1.3 0.6 2.4 0.2 0.8\n\
                 c: f32[1,2,8] = -0.7 1.1 0.2 -0.5 2.1 -0.3 0 -0.2 -0.8 0.5 0.7 0.4 -2.4 1 -0.4 -1.2\n\
                 d: f32[1,1,4,8] = 0.6 0.6 -1 2.5 -1.2 -1.7 -1.2 1.4 -0.2 -0.4 -0.1 -0.6 -0.7 -0.6 0.7 1 -1.1 0.2 0.8 -1.1 -0.5 -1 -1.3 0.1 -0.7 0.6 -0 0.4 -0.3 -0.6 -0.1 -0\n\
                 e: f32[1,1,4,8] = -0.7 0.4 0.7 0.2 1.7 -0.6 0.5 -0.4 0.2 -0.8 1.1 0.2 1.2 -1.3 -0.5 -0.9 -0.5 -0.7 -0.1 -0 -0 -0.6 0.2 0.9 -0.9 0 -0.1 0.5 -0.1 -0 -1 0\n\
                 f: i32[1] = 2\n\
                 g: i32[] = 3\n\
                 y, q, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, num_heads=1, kv_num_heads=1)",
                "f32[1,2,8] = -0.7 0.697801 0.487285 -0.097801 1.87017 -0.472371 0.287285 -0.314914 -0.712822 0.979121 0.295501 -0.340653 1.49788 -0.152142 -0.019901 -0.34078",
            ),
            (
                "rotated, of different lengths",
                "a: f32[2,1,16] = -0.9 0.5 -0.1 0 -0.9 0.8 0.7 0.9 2.2 -0.1 1.2 -0.1 0.4 0.4 0.3 0.7 -0.3 0 0.5 1.7 -0.8 -1.8 -0.5 0.1 0.2 0.1 1.2 1 -0 -0.5 -0.3 -0.4\n\
                 b: f32[2,1,16] = -0.2 -1.6 -0.5 -0.4 -0.2 -0.3 0.7 -0.5 -0.4 0.5 -0.2 0.2 0.7 0.4 0.3 -0.2 0.7 0.2 -0.5 -0.2 -1.2 -1 -1.9 -0.7 1.3 -0.6 0.8 -0 -0.7 1.3 0.6 -1.8\n\
                 c: f32[2,1,16] = 1 -1.1 -0.2 0.7 -0.3 1.1 0.8 -1.6 -0.5 0.3 -0.6 -0.2 0.8 0.3 -0.9 0.2 -0.6 -1.2 -1.1 0.3 -0 0 -1.1 -0.2 -1 -0.9 -0.2 -1.4 0.7 2.5 0.5 -1\n\
                 d: f32[2,1,2,16] = -0.3 -1.6 -0.4 0.5 0.6 -1 0.3 1.2 1.8 -0.7 -0.9 0.1 -2.9 -0.5 -0.3 -0.5 -1.6 -0.2 -0.8 0.8 -0.9 -0.3 -0.2 0.6 -2.5 -0.3 0.8 -0.4 -1.5 0.3 0.3 -0.3 -1.2 -0.7 -0.3 -0.9 -1.9 -0.8 -0.1 -0.5 -0.1 0.1 0.9 2.2 0.7 -1.4 -2.7 -0.1 0.1 -1.2 0.3 -0.8 0.4 -0.3 0.4 -1.7 -0.4 -0.1 -1.4 1.9 -0.5 1.4 -0.7 -0.2\n\
                 e: f32[2,1,2,16] = 1.2 0.3 0.2 0.3 -1.4 -0.4 -1 0.2 -0.5 -0 -0.1 -0 -0 -0.7 -1.1 -0.7 1.1 0.4 0.6 1.4 -1.2 0.5 -1.1 -0.3 0.5 1.6 -0.8 -0.1 1.2 -1.5 0.4 -0.3 -0.9 0.1 0.6 -0.9 0.4 0.2 -1.2 1.6 1.1 -0.9 -0.6 0.8 -0.5 -1.8 1 0 1.9 0.4 0.2 2.9 -0.2 -1 0.2 1.1 -1.2 -0.9 0.4 -3.2 -1.1 0.8 -0.6 -1.6\n\
                 f: i32[2] = 2 1\n\
                 g: i32[] = 3\n\
                 h: f32[8,8] = 1.9 -1.4 -0.5 -0.4 0.1 -0.4 -0.1 0.1 -0.1 0.1 -2.4 0.4 -1.4 -2.2 1.4 -1.3 0.2 -0.8 -0.7 0.5 -1 0.4 0.4 1.2 -0.3 1 1.7 1.6 0.6 0.4 2.8 2.2 -0.8 0.9 0.6 0.1 0.2 0.5 0.9 0.2 0.3 1.4 0.3 0.5 1 1.6 1.2 0.4 0.2 -1.2 0.3 -1 -1 0.7 -0.1 0.5 -0.6 1.2 0.1 1.2 0.7 0.2 -0.5 0\n\
                 i: f32[8,8] = 0.8 0.7 -1.2 1 -0.2 0.8 -0.7 0.6 -0.8 0.1 -0.3 -0.3 -0.6 -0.2 -1.7 0.9 1 -0.4 -1.4 -0.6 0.9 0.6 -0.3 0.9 -1 -0.6 0.5 -0.1 -0.6 -2.5 0.7 0.3 -1.7 0.6 -0 0.3 0.9 -0.7 0.7 0.7 0.8 1.6 0.7 -0.6 1.8 -1.1 -0.5 -1 -0.1 1.1 1.3 0.5 -0.6 -0.6 -0.6 1 -0.9 0.9 -0 0.2 1.5 -0.5 1.7 -1.4\n\
                 p, y, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, h, i, num_heads=1, kv_num_heads=1, do_rotary=1)",
                "f32[2,1,3,16] = -0.3 -1.6 -0.4 0.5 0.6 -1 0.3 1.2 1.8 -0.7 -0.9 0.1 -2.9 -0.5 -0.3 -0.5 -1.6 -0.2 -0.8 0.8 -0.9 -0.3 -0.2 0.6 -2.5 -0.3 0.8 -0.4 -1.5 0.3 0.3 -0.3 0.36 1.48 0.07 -0.08 -0.43 -0.36 0.37 -0.42 -0.28 0.24 0.84 0.34 -0.88 -0.02 -0.09 -0.69 -1.2 -0.7 -0.3 -0.9 -1.9 -0.8 -0.1 -0.5 -0.1 0.1 0.9 2.2 0.7 -1.4 -2.7 -0.1 0.97 0.08 1.44 -0.08 1.26 2.46 -1.64 2.53 -0.69 -0.04 -1.77 0.06 1.7 -2.66 4.07 1.71 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
            ),
            (
                "a window, of different lengths",
                "a: f32[2,1,8] = -0.8 -1.6 -0.7 0.6 0.7 0.3 0.3 -1.2 -1.3 0.3 1.3 -0.4 -1.3 -1.5 -0.7 1.6\n\
                 b: f32[2,1,8] = -0.2 -1 -0.6 -0.5 0.3 -0.7 -0.9 -0.2 0.5 0.7 0.6 -0.5 -1.7 -0.8 0.3 -1.3\n\
                 c: f32[2,1,8] = 0.3 -0.6 -0.6 1.1 0.2 1.4 -0.9 1.1 0.9 -3 -0.1 1.5 0.8 -0.4 -0.2 -1.3\n\
                 d: f32[2,1,3,8] = 0.2 -1.8 -1 1.1 -0 -0.4 -0.1 2.7 1 -0.8 1.7 -0.1 0.7 -0.6 -0.9 0.8 -0.8 -0.8 0.9 -1.2 -1.4 0.5 -2 -0.8 -0.4 -1.3 -1.1 0.7 0.3 -0.9 0.5 1.5 -1.3 0.1 2 0.6 0.8 -0.2 -0.8 1.1 0.7 -0.1 -0.5 -1.7 0.2 -0.7 -0.1 0.7\n\
                 e: f32[2,1,3,8] = 0.8 0.7 2.3 1.2 -0.7 -0.8 2.3 -0.7 -0 1.7 1.7 -0.1 0.2 -1.6 -0.9 -0.4 -0 -0.3 0.2 2.2 0.5 0.3 0 -0.2 1.2 -1 -0.1 -1.1 0.1 0.1 0.9 1.2 0.7 1.6 1.6 0.3 0.4 -1.9 0.3 -0 -1.7 -0.4 1 -1.2 1.3 0.5 -0.2 -0.1\n\
                 f: i32[2] = 3 2\n\
                 g: i32[] = 4\n\
                 y, q, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, num_heads=1, kv_num_heads=1, local_window_size=2)",
                "f32[2,1,8] = 0.194978 -0.494978 -0.319942 1.48508 0.305022 1.01492 -0.584934 0.644905 0.739114 0.700376 1.26753 0.534684 0.478228 -1.60664 0.202215 -0.254241",
            ),
            (
                "a bias, of different lengths",
                "a: f32[2,1,8] = 0.8 -1.4 2 -0.8 -0.8 1.2 0.8 1.3 1 0.4 -1.3 -0.5 0.2 -0 -2.1 1\n\
                 b: f32[2,1,8] = 1.7 1.5 -1 0.4 -2.1 1.7 -1.9 0.4 1.2 1.3 0.3 -1.4 -0.1 -0.3 0.4 1\n\
                 c: f32[2,1,8] = 0.7 2.1 0.7 -0.4 1.6 -0.3 0.3 0.2 -2.3 0.3 0.3 -0.2 -0.1 -1.3 0.1 1.5\n\
                 d: f32[2,1,2,8] = -0.2 -0.5 -0.6 2 -1.4 0.8 0.1 1.9 1.3 -0.1 -1.5 1.4 1.5 -1.1 0.7 -0.8 -0.8 -1.6 0.9 0.3 0.5 1.5 0.7 0.6 0.7 -1.1 -0 -1.2 -0.9 -0.1 1.1 2.1\n\
                 e: f32[2,1,2,8] = -1.1 0.2 -0.1 0.5 0.6 0.4 -1 0.4 0.9 -0.5 2 -0.2 -0.6 0.3 -0.3 -1.4 -0 1.6 2 -0.6 0.9 0.1 0.3 1.3 0.9 0.2 -0.9 -1.1 -0.1 0.3 0.5 0.8\n\
                 f: i32[2] = 2 1\n\
                 g: i32[] = 3\n\
                 k: f32[1,1,1,3] = 1 -2.4 0.9\n\
                 y, q, r = com.microsoft.GroupQueryAttention(a, b, c, d, e, f, g, _, _, _, k, num_heads=1, kv_num_heads=1)",
                "f32[2,1,8] = -0.634186 0.688008 0.108616 0.267486 0.855757 0.219738 -0.664554 0.346175 -0.46057 1.33968 1.65958 -0.519901 0.699752 -0.180347 0.25995 1.34005",
            ),
        ]);
    }
}
