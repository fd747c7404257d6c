//! LinearAttention, since opset 27: a state per head, unrolled over the sequence.

use super::heads::{self, split};
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::Unary;
use crate::tensor::DataType;
use crate::writer::{Writer, Written};

/// One position of a value with heads first, `[batch, heads, 1, depth]`.
fn position(write: &Writer, x: ValueId, at: usize) -> Written {
    write.slice(x, 2, at, 1)
}

/// LinearAttention: query, key, value `[batch, sequence, heads · depth]`, the state `[batch, heads, depth of keys,
/// depth of values]` before, decay, beta. Outputs are the result and the state behind.
///
/// At each position the state decays, what it gives for the key is taken from the value (where there is a beta),
/// the outer product of key and value is added, and the query reads it.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let heads = heads::count(node.attributes, "q_num_heads")?;
    let key_heads = heads::count(node.attributes, "kv_num_heads")?;
    let operand = |index: usize| node.optional(index).map(|operand| operand.id);
    let rule = node.attributes.text("update_rule")?.unwrap_or("gated_delta");
    let wanted = match rule {
        "linear" => (false, false),
        "gated" => (true, false),
        "delta" => (false, true),
        "gated_delta" => (true, true),
        other => return Err(invalid!("update_rule is {other:?}")),
    };
    if (operand(4).is_some(), operand(5).is_some()) != wanted || !heads.is_multiple_of(key_heads) {
        return Err(invalid!("its decay, beta and {heads} and {key_heads} heads do not fit rule {rule:?}"));
    }
    let (query, key, value) = (node.operand(0)?.id, node.operand(1)?.id, node.operand(2)?.id);
    let write = &Writer::new(node, graph);
    let data_type = write.data_type(query);
    // The state adds up many small terms: in f32, whatever the operands are kept in.
    let apart = |x: ValueId, heads: usize| split(write, write.cast(x, DataType::F32)?, heads);
    let (query, key, value) = (apart(query, heads)?, apart(key, key_heads)?, apart(value, key_heads)?);
    let (&[batch, _, length, depth], &[.., width]) = (&write.shape(query)[..], &write.shape(value)[..])
    else {
        return Err(invalid!("its operands are not of rank 3"));
    };
    let scale = heads::scale(node.attributes.float("scale")?, depth);
    let decay = operand(4).map(|decay| write.unary(Unary::Exp, apart(decay, key_heads)?)).transpose()?;
    let beta = operand(5).map(|beta| apart(beta, *write.shape(beta).last().unwrap_or(&1))).transpose()?;
    let mut state = match operand(3) {
        Some(state) => write.cast(state, DataType::F32)?,
        None => write.expand(write.float(0.0), &[batch, key_heads, depth, width])?,
    };
    let mut read = Vec::new();
    for at in 0..length {
        let key = position(write, key, at)?;
        let mut value = position(write, value, at)?;
        if let Some(decay) = decay {
            state = write.mul(state, write.transpose_last(position(write, decay, at)?)?)?;
        }
        if let Some(beta) = beta {
            let known = write.matmul(key, state)?;
            value = write.mul(position(write, beta, at)?, write.sub(value, known)?)?;
        }
        state = write.add(state, write.mul(write.transpose_last(key)?, value)?)?;
        // Query heads that share a state are rows of one product.
        let rows =
            write.reshape(position(write, query, at)?, &[batch, key_heads, heads / key_heads, depth])?;
        let found = write.times(write.matmul(rows, state)?, scale)?;
        read.push(write.reshape(found, &[batch, heads, 1, width])?);
    }
    let kept = operand(3).map_or(data_type, |state| write.data_type(state));
    let result = heads::merge(write, write.concat(2, &read)?)?;
    Ok(vec![write.cast(result, data_type)?, write.cast(state, kept)?])
}
