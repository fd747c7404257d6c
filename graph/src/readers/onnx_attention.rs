//! ONNX Attention, since opset 23.

use super::heads::{self, DotProduct};
use crate::builder::Builder;
use crate::builder::cache_length::linear::Integer;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::Binary;
use crate::tensor::{Data, DataType, Tensor};
use crate::writer::{Writer, Written};

/// Attention: outputs are the result, present keys and values, and a step of the product.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    check(node)?;
    let (query, key, value) = (node.operand(0)?.id, node.operand(1)?.id, node.operand(2)?.id);
    let (heads, key_value_heads) = head_counts(node)?;
    let write = &Writer::new(node, graph);
    let width = *write.shape(query).last().unwrap_or(&0);
    let depth = if write.shape(query).len() == 3 { width / heads } else { width };
    let mut product = DotProduct {
        query,
        key,
        value,
        heads,
        key_value_heads,
        scale: heads::scale(node.attributes.float("scale")?, depth),
        softcap: node.attributes.float("softcap")?.unwrap_or(0.0),
        mask: None,
    };
    let past = |index: usize| node.optional(index).map(|past| past.id);
    if past(4).is_some() || node.output_count > 1 {
        product.key = heads::behind(write, past(4), heads::split(write, key, key_value_heads)?)?;
        product.value = heads::behind(write, past(5), heads::split(write, value, key_value_heads)?)?;
    }
    product.mask = mask(node, write, &product)?;
    let (key, value) = (product.key, product.value);
    if node.output_count < 4 {
        return Ok(vec![product.write(write)?, key, value]);
    }
    let steps = product.steps(write)?;
    let wanted = match node.attributes.int("qk_matmul_output_mode")?.unwrap_or(0) {
        0 => steps.scores,
        1 => steps.capped,
        2 => steps.masked,
        3 => steps.weights,
        other => return Err(invalid!("qk_matmul_output_mode is {other}")),
    };
    Ok(vec![product.like_query(write, steps.output)?, key, value, wanted])
}

fn check(node: &NodeView) -> Result<(), Error> {
    let precision = node.attributes.int("softmax_precision")?.unwrap_or(1);
    if precision != 1 {
        return Err(unsupported!("its softmax_precision is {precision}, not f32"));
    }
    for name in ["left_window_size", "right_window_size"] {
        if node.attributes.int(name)?.is_some_and(|size| size >= 0) {
            return Err(unsupported!("it has a {name}"));
        }
    }
    Ok(())
}

fn head_counts(node: &NodeView) -> Result<(usize, usize), Error> {
    match (node.shape(0)?, node.shape(1)?) {
        (&[_, heads, _, _], &[_, key_value_heads, _, _]) => Ok((heads, key_value_heads)),
        _ => Ok((
            heads::count(node.attributes, "q_num_heads")?,
            heads::count(node.attributes, "kv_num_heads")?,
        )),
    }
}

/// The mask that hides keys from queries: the one given, the order of positions, and padding behind the keys.
fn mask(node: &NodeView, write: &Writer, product: &DotProduct) -> Result<Option<ValueId>, Error> {
    let sequence = |id: ValueId| if write.shape(id).len() == 3 { 1 } else { 2 };
    let columns = write.length(product.key, sequence(product.key));
    let rows = write.shape(product.query)[sequence(product.query)];
    let mut mask = node.optional(3).map(|mask| lengthened(write, mask.id, product)).transpose()?;
    let padded = node.optional(6).map(|lengths| write.trailing(lengths.id, 4)).transpose()?;
    let is_causal = node.attributes.flag("is_causal", false)?;
    if let Some(lengths) = padded {
        let places = write.count_from(Integer::constant(0), columns)?;
        let there = write.binary(Binary::Less, places, lengths)?;
        mask = heads::both(write, mask, Some(there))?;
        if is_causal {
            let behind =
                write.count_from(Integer::constant(-(rows as i64)), Integer::constant(rows as i64))?;
            let last = write.add(lengths, write.trailing(behind, 2)?)?;
            let seen = write.binary(Binary::LessOrEqual, places, last)?;
            mask = heads::both(write, mask, Some(seen))?;
        }
    } else if is_causal {
        let before = node.optional(4).map_or(Integer::constant(0), |past| write.length(past.id, 2));
        mask = heads::both(write, mask, heads::causal(write, rows, before, columns, None)?)?;
    }
    Ok(mask)
}

/// A mask may be shorter than the keys: what it does not reach is forbidden.
fn lengthened(write: &Writer, mask: ValueId, product: &DotProduct) -> Written {
    heads::check_mask(write, mask)?;
    let (mut shape, key) = (write.shape(mask), write.shape(product.key));
    let columns = if key.len() == 3 { key[1] } else { key[2] };
    let Some(last) = shape.last_mut().filter(|last| **last < columns) else { return Ok(mask) };
    *last = columns - *last;
    let count = shape.iter().product();
    let data = match write.data_type(mask) {
        DataType::Bool => Data::from(vec![false; count]),
        _ => Data::from(vec![f32::NEG_INFINITY; count]),
    };
    let axis = shape.len() - 1;
    let rest = write.constant(Tensor { shape, data });
    write.concat(axis, &[mask, rest])
}
