//! The table of operators: each with the function that computes it in Burn's backend operations, which need no rank at
//! compile time.

use burn::backend::ops::ActivationOps;
use burn::backend::{Dispatch, DispatchDevice};
use graph::ops::{Binary, CacheUpdate, Slice, Unary};
use graph::{DataType, Operator, Tensor, TensorType};

use crate::elementwise::{apply, combine, convert};
use crate::reductions::{fold, normalise, running_sum};
use crate::value::Value;
use crate::{indices, products, windows};

/// A node's operands, each taken once.
pub struct Operands(pub Vec<Option<Value>>);

impl Operands {
    fn optional(&mut self, index: usize) -> Option<Value> {
        self.0.get_mut(index).and_then(Option::take)
    }

    fn take(&mut self, index: usize) -> Result<Value, String> {
        self.optional(index).ok_or_else(|| format!("operand {index} is missing"))
    }
}

/// The result of one node, in the shape that the graph says.
///
/// # Errors
/// Operators that Burn has no operation for.
///
/// # Panics
/// As Burn does: for an index outside its axis, say.
pub fn compute(
    operator: &Operator,
    mut operands: Operands,
    result: &TensorType,
    device: &DispatchDevice,
) -> Result<Value, String> {
    let shape = result.shape.as_slice();
    let first = operands.take(0)?;
    let value = match operator {
        // Burn's kernels expect elements.
        _ if result.element_count() == 0 => empty(result, device)?,
        Operator::ArgReduce(search) => indices::arg_reduce(search, first, device),
        Operator::Attention(attention) => {
            let [key, value] = [operands.take(1)?, operands.take(2)?];
            products::attention(attention, [first, key, value], operands.optional(3))
        }
        Operator::Binary(binary) => combine(*binary, first, operands.take(1)?, result)?,
        Operator::CacheUpdate(update) => {
            let [rows, position] = [operands.take(1)?, operands.take(2)?];
            update_rows(update, first, rows, position)?
        }
        Operator::Cast(cast) => convert(*cast, first, device)?,
        Operator::Concat(concat) => {
            let all = std::iter::once(first).chain(operands.0.into_iter().flatten());
            Value::concatenate(all.filter(|value| !value.shape().contains(&0)).collect(), concat.axis)
        }
        Operator::Conv(conv) => windows::conv(conv, first, operands.take(1)?, operands.optional(2))?,
        Operator::ConvTranspose(conv) => {
            windows::conv_transpose(conv, first, operands.take(1)?, operands.optional(2), shape)?
        }
        Operator::CumulativeSum(sum) => running_sum(sum, first, result, device),
        Operator::Expand(_) => first.expand(shape),
        Operator::Gather(gather) => indices::gather(gather, first, operands.take(1)?),
        Operator::GatherElements(gather) => {
            indices::gather_elements(gather, first, operands.take(1)?, device)
        }
        Operator::GatherNd(gather) => indices::gather_nd(gather, first, operands.take(1)?, device),
        Operator::Gemm(gemm) => products::gemm(gemm, first, operands.take(1)?, operands.optional(2), shape),
        Operator::LayerNormalization(norm) => normalise(norm, first, operands.take(1)?, operands.optional(2)),
        Operator::MatMul(matmul) => {
            products::matmul(matmul, first, operands.take(1)?, operands.optional(2), shape)
        }
        Operator::MatMulNBits(matmul) => {
            let [packed, scales] = [operands.take(1)?, operands.take(2)?];
            products::matmul_n_bits(matmul, first, packed, scales, operands.optional(3))
        }
        Operator::Order(_) => indices::order(operator, first, device)?,
        Operator::Pad(pad) => windows::pad(pad, first, operands.optional(1), result, device),
        Operator::Pool(pool) => windows::pool(pool, first, result, device)?,
        Operator::Reduce(_) if first.shape().contains(&0) => {
            // Burn refuses the largest of nothing, which is minus infinity.
            let nothing = Tensor::zeros(&TensorType::new(result.data_type, first.shape()));
            let folded = operator.evaluate(&[Some(&nothing)]).map_err(|error| error.to_string())?;
            folded.first().map(|tensor| Value::upload(tensor, device)).ok_or("it has no result")?
        }
        Operator::Reduce(reduce) => fold(reduce, first),
        Operator::Reshape(_) => first,
        Operator::RotateHalf(_) => rotate(first, [operands.take(1)?, operands.take(2)?], result)?,
        Operator::ScatterElements(scatter) => {
            let [places, updates] = [operands.take(1)?, operands.take(2)?];
            indices::scatter_elements(scatter, first, places, updates, result, device)
        }
        Operator::ScatterNd(scatter) => {
            let [tuples, updates] = [operands.take(1)?, operands.take(2)?];
            indices::scatter_nd(scatter, first, tuples, updates, result, device)
        }
        Operator::Select(_) => {
            let [yes, no] = [operands.take(1)?, operands.take(2)?].map(|value| value.expand(shape));
            no.replace(first.expand(shape).tensor, yes)
        }
        Operator::Slice(slice) => first.window(slice),
        Operator::Softmax(softmax) => Value::float(Dispatch::softmax(first.tensor, softmax.axis)),
        Operator::Transpose(transpose) => first.permute(&transpose.permutation),
        Operator::Unary(unary) => apply(*unary, first)?,
    };
    Ok(value.reshape(shape))
}

/// `x · cos + turned x · sin`; angles for half the last axis count for both halves.
fn rotate(x: Value, angles: [Value; 2], result: &TensorType) -> Result<Value, String> {
    let Some((axis, &depth)) = result.shape.iter().enumerate().next_back() else {
        return Err("a scalar cannot be rotated".into());
    };
    let half = |start: usize| {
        let (mut starts, mut shape) = (vec![0; axis + 1], result.shape.clone());
        (starts[axis], shape[axis]) = (start, depth / 2);
        x.clone().window(&Slice { starts, steps: vec![1; axis + 1], shape })
    };
    let negated = apply(Unary::Neg, half(depth / 2))?;
    let turned = Value::concatenate(vec![negated, half(0)], axis);
    let [cosines, sines] = angles.map(|angles| match angles.shape().split_last() {
        Some((&width, lead)) if width != depth => {
            Value::concatenate(vec![angles.clone(), angles], lead.len())
        }
        _ => angles,
    });
    let terms = [combine(Binary::Mul, x, cosines, result)?, combine(Binary::Mul, turned, sines, result)?];
    let [by_cosine, by_sine] = terms;
    combine(Binary::Add, by_cosine, by_sine, result)
}

fn empty(result: &TensorType, device: &DispatchDevice) -> Result<Value, String> {
    let nothing = Tensor::new(result.shape.clone(), Vec::<f32>::new()).map_err(|error| error.to_string())?;
    Ok(Value::upload(&nothing, device).cast(result.data_type))
}

/// The cache before the rows, the rows, and the cache behind them.
fn update_rows(update: &CacheUpdate, cache: Value, rows: Value, position: Value) -> Result<Value, String> {
    let position = position.download(&TensorType::new(DataType::I64, []))?.to_i64_vec().unwrap_or_default();
    let (shape, axis) = (cache.shape(), update.axis);
    let count = rows.shape()[axis];
    let start = position.first().and_then(|&start| usize::try_from(start).ok());
    let start = start.filter(|start| start + count <= shape[axis]);
    let start = start.ok_or_else(|| format!("{count} rows from {position:?} lie outside the cache"))?;
    let part = |from: usize, to: usize| {
        let mut slice =
            Slice { starts: vec![0; shape.len()], steps: vec![1; shape.len()], shape: shape.clone() };
        (slice.starts[axis], slice.shape[axis]) = (from, to - from);
        (from < to).then(|| cache.clone().window(&slice))
    };
    let parts = [part(0, start), (count > 0).then_some(rows), part(start + count, shape[axis])];
    Ok(Value::concatenate(parts.into_iter().flatten().collect(), axis))
}
