//! The best token of the last row of logits, computed where the logits are.

use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::ops::{ArgReduce, Operator, Reshape, Slice};

/// The first of the largest of the last row of `logits [1, n, vocabulary]`, as i64 `[1, 1]`.
pub(super) fn token(graph: &mut Builder, logits: ValueId) -> Result<ValueId, Error> {
    let shape = graph.tensor_type(logits).shape.clone();
    let (rows, vocabulary) = match shape[..] {
        [1, rows, vocabulary] if rows > 0 && vocabulary > 0 => (rows, vocabulary),
        _ => return Err(invalid!("logits are of shape {shape:?}, not [1, tokens, vocabulary]")),
    };
    let mut push = |operator: Operator, operand| graph.push("greedy", operator, &[Some(operand)]);
    let last = Slice { starts: vec![0, rows - 1, 0], steps: vec![1; 3], shape: vec![1, 1, vocabulary] };
    let last = push(Operator::Slice(last), logits)?;
    let token = push(Operator::ArgReduce(ArgReduce { axis: 2, largest: true, last: false }), last)?;
    push(Operator::Reshape(Reshape { shape: vec![1, 1] }), token)
}
