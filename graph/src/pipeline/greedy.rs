//! The best token of the last row of logits, computed where the logits are.

use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::ops::{Binary, Cast, Operator, Reduce, Reduction, Reshape, Select, Slice};
use crate::tensor::{DataType, Tensor};

/// The first of the largest of the last row of `logits [1, n, vocabulary]`, as i64 `[1, 1]`.
pub(super) fn token(graph: &mut Builder, logits: ValueId) -> Result<ValueId, Error> {
    let shape = graph.tensor_type(logits).shape.clone();
    let (rows, vocabulary) = match shape[..] {
        [1, rows, vocabulary] if rows > 0 && vocabulary > 0 => (rows, vocabulary),
        _ => return Err(invalid!("logits are of shape {shape:?}, not [1, tokens, vocabulary]")),
    };
    let mut push = |operator: Operator, operands: &[ValueId]| {
        let operands: Vec<_> = operands.iter().copied().map(Some).collect();
        graph.push("greedy", operator, &operands)
    };
    let last = Slice { starts: vec![0, rows - 1, 0], steps: vec![1; 3], shape: vec![1, 1, vocabulary] };
    let last = push(Operator::Slice(last), &[logits])?;
    let row = push(Operator::Reshape(Reshape { shape: vec![vocabulary] }), &[last])?;
    let reduce = |reduction| Operator::Reduce(Reduce { reduction, axes: vec![0], keep_dimensions: true });
    let best = push(reduce(Reduction::Max), &[row])?;
    let is_best = push(Operator::Binary(Binary::Equal), &[row, best])?;
    // f32 holds every integer of a vocabulary exactly.
    let places: Vec<f32> = (0..vocabulary).map(|place| place as f32).collect();
    let (places, beyond) =
        (graph.constant("places", Tensor::vector(places)), graph.constant("none", Tensor::scalar(f32::MAX)));
    let mut push = |operator: Operator, operands: &[ValueId]| {
        let operands: Vec<_> = operands.iter().copied().map(Some).collect();
        graph.push("greedy", operator, &operands)
    };
    let candidates = push(Operator::Select(Select), &[is_best, places, beyond])?;
    let first = push(reduce(Reduction::Min), &[candidates])?;
    let token = push(Operator::Cast(Cast { to: DataType::I64 }), &[first])?;
    push(Operator::Reshape(Reshape { shape: vec![1, 1] }), &[token])
}
