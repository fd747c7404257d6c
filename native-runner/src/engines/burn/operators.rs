//! The graph's operators in Burn's backend operations, which need no rank at compile time.

use burn::backend::ops::{ActivationOps, BoolTensorOps, FloatTensorOps, IntTensorOps, ModuleOps};
use burn::backend::{Dispatch, DispatchDevice, DispatchTensor};
use graph::ops::{
    Activation, Binary, CacheUpdate, Gather, GatherNd, LayerNormalization, Reduce, Reduction, Slice, Unary,
};
use graph::{DataType, Operator, Tensor, TensorType};

use super::products;
use super::value::{BOOL, Family, Value};

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
/// What Burn has no operation for.
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
        Operator::ArgReduce(_)
        | Operator::ConvTranspose(_)
        | Operator::CumulativeSum(_)
        | Operator::GatherElements(_)
        | Operator::MatMulNBits(_)
        | Operator::Order(_)
        | Operator::Pad(_)
        | Operator::Pool(_)
        | Operator::ScatterElements(_)
        | Operator::ScatterNd(_) => return Err(unsupported(operator)),
        Operator::Attention(attention) => {
            let [key, value] = [operands.take(1)?, operands.take(2)?];
            products::attention(attention, [first, key, value], operands.optional(3))
        }
        Operator::Binary(binary) => combine(*binary, first, operands.take(1)?, result)?,
        Operator::CacheUpdate(update) => {
            let [rows, position] = [operands.take(1)?, operands.take(2)?];
            update_rows(update, first, rows, position)?
        }
        Operator::Cast(cast) => first.cast(cast.to),
        Operator::Concat(concat) => {
            let all = std::iter::once(first).chain(operands.0.into_iter().flatten());
            Value::concatenate(all.filter(|value| !value.shape().contains(&0)).collect(), concat.axis)
        }
        Operator::Conv(conv) => products::conv(conv, first, operands.take(1)?, operands.optional(2))?,
        Operator::Expand(_) => first.expand(shape),
        Operator::Gather(gather) => pick(gather, first, operands.take(1)?),
        Operator::GatherNd(gather) => pick_tuples(gather, first, operands.take(1)?, device),
        Operator::Gemm(gemm) => products::gemm(gemm, first, operands.take(1)?, operands.optional(2), shape),
        Operator::LayerNormalization(norm) => normalise(norm, first, operands.take(1)?, operands.optional(2)),
        Operator::MatMul(matmul) => {
            products::matmul(matmul, first, operands.take(1)?, operands.optional(2), shape)
        }
        Operator::Reduce(reduce) => fold(reduce, first),
        Operator::Reshape(_) => first,
        Operator::Select(_) => {
            let [yes, no] = [operands.take(1)?, operands.take(2)?].map(|value| value.expand(shape));
            no.replace(first.expand(shape).tensor, yes)
        }
        Operator::Slice(slice) => window(slice, first),
        Operator::Softmax(softmax) => Value::float(Dispatch::softmax(first.tensor, softmax.axis)),
        Operator::Transpose(transpose) => first.permute(&transpose.permutation),
        Operator::Unary(unary) => apply(*unary, first)?,
    };
    Ok(value.reshape(shape))
}

fn empty(result: &TensorType, device: &DispatchDevice) -> Result<Value, String> {
    let nothing = Tensor::new(result.shape.clone(), Vec::<f32>::new()).map_err(|error| error.to_string())?;
    Ok(Value::upload(&nothing, device).cast(result.data_type))
}

fn unsupported(operator: &dyn std::fmt::Debug) -> String {
    format!("{operator:?} is not computed on this engine")
}

fn combine(operator: Binary, left: Value, right: Value, result: &TensorType) -> Result<Value, String> {
    // Only powers have operands of two types; the exponent follows the base.
    let right = if operator == Binary::Pow { right.cast(result.data_type) } else { right };
    let family = left.family;
    let (left, right) = (left.expand(&result.shape).tensor, right.expand(&result.shape).tensor);
    type Operation = fn(DispatchTensor, DispatchTensor) -> DispatchTensor;
    let compute = |float: Operation, int: Operation| if family == Family::Float { float } else { int };
    let compare = |float: fn(_, _, _) -> _, int: fn(_, _, _) -> _| match family {
        Family::Float => float(left.clone(), right.clone(), BOOL),
        Family::Int | Family::Bool => int(left.clone(), right.clone(), BOOL),
    };
    let tensor = match operator {
        Binary::Add => compute(Dispatch::float_add, Dispatch::int_add)(left, right),
        Binary::Sub => compute(Dispatch::float_sub, Dispatch::int_sub)(left, right),
        Binary::Mul => compute(Dispatch::float_mul, Dispatch::int_mul)(left, right),
        Binary::Div => compute(Dispatch::float_div, Dispatch::int_div)(left, right),
        Binary::Pow => compute(Dispatch::float_powf, Dispatch::int_powi)(left, right),
        Binary::Max | Binary::Min => {
            let wins = match operator {
                Binary::Max => compare(Dispatch::float_greater, Dispatch::int_greater),
                _ => compare(Dispatch::float_lower, Dispatch::int_lower),
            };
            // NaN wins on either side: the right one by failing every comparison.
            let wins = match family {
                Family::Float => Dispatch::bool_or(wins, Dispatch::float_is_nan(left.clone(), BOOL)),
                Family::Int | Family::Bool => wins,
            };
            return Ok(Value { family, tensor: right }.replace(wins, Value { family, tensor: left }));
        }
        Binary::And => Dispatch::bool_and(left, right),
        Binary::Or => Dispatch::bool_or(left, right),
        Binary::Xor => Dispatch::bool_xor(left, right),
        Binary::Mod
        | Binary::Remainder
        | Binary::BitwiseAnd
        | Binary::BitwiseOr
        | Binary::BitwiseXor
        | Binary::ShiftLeft
        | Binary::ShiftRight => return Err(unsupported(&operator)),
        Binary::Equal if family == Family::Bool => Dispatch::bool_equal(left, right),
        Binary::Equal => compare(Dispatch::float_equal, Dispatch::int_equal),
        Binary::Greater => compare(Dispatch::float_greater, Dispatch::int_greater),
        Binary::GreaterOrEqual => compare(Dispatch::float_greater_equal, Dispatch::int_greater_equal),
        Binary::Less => compare(Dispatch::float_lower, Dispatch::int_lower),
        Binary::LessOrEqual => compare(Dispatch::float_lower_equal, Dispatch::int_lower_equal),
    };
    let family = if result.data_type == DataType::Bool { Family::Bool } else { family };
    Ok(Value { family, tensor })
}

fn apply(operator: Unary, x: Value) -> Result<Value, String> {
    let Value { family, tensor } = x;
    let tensor = match operator {
        Unary::Abs if family == Family::Int => Dispatch::int_abs(tensor),
        Unary::Neg if family == Family::Int => Dispatch::int_neg(tensor),
        Unary::Abs => Dispatch::float_abs(tensor),
        Unary::Neg => Dispatch::float_neg(tensor),
        Unary::Sqrt => Dispatch::float_sqrt(tensor),
        Unary::Exp => Dispatch::float_exp(tensor),
        Unary::Log => Dispatch::float_log(tensor),
        Unary::Erf => Dispatch::float_erf(tensor),
        Unary::Sin => Dispatch::float_sin(tensor),
        Unary::Cos => Dispatch::float_cos(tensor),
        Unary::Floor => Dispatch::float_floor(tensor),
        Unary::Reciprocal => Dispatch::float_recip(tensor),
        Unary::Not => Dispatch::bool_not(tensor),
        Unary::IsNaN => return Ok(Value::bool(Dispatch::float_is_nan(tensor, BOOL))),
        Unary::Tan
        | Unary::Asin
        | Unary::Acos
        | Unary::Atan
        | Unary::Sinh
        | Unary::Cosh
        | Unary::Asinh
        | Unary::Acosh
        | Unary::Atanh
        | Unary::Ceil
        | Unary::Round
        | Unary::Sign
        | Unary::BitwiseNot
        | Unary::IsInf { .. } => return Err(unsupported(&operator)),
        Unary::Activation(activation) => activate(activation, tensor),
    };
    Ok(Value { family, tensor })
}

/// The activation of each element.
pub fn activate(activation: Activation, x: DispatchTensor) -> DispatchTensor {
    match activation {
        Activation::Relu => Dispatch::relu(x),
        Activation::Gelu => Dispatch::gelu(x),
        Activation::GeluTanh => {
            let cube = Dispatch::float_mul(Dispatch::float_mul(x.clone(), x.clone()), x.clone());
            let inner = Dispatch::float_add(x.clone(), Dispatch::float_mul_scalar(cube, 0.044715.into()));
            let scale = (2.0 / std::f64::consts::PI).sqrt();
            let tanh = Dispatch::float_tanh(Dispatch::float_mul_scalar(inner, scale.into()));
            Dispatch::float_mul_scalar(
                Dispatch::float_mul(x, Dispatch::float_add_scalar(tanh, 1.0.into())),
                0.5.into(),
            )
        }
        Activation::Sigmoid => Dispatch::sigmoid(x),
        Activation::Tanh => Dispatch::float_tanh(x),
    }
}

fn normalise(norm: &LayerNormalization, x: Value, scale: Value, bias: Option<Value>) -> Value {
    let shape = x.shape();
    // Burn normalises over the last dimension alone.
    let length: usize = shape[norm.axis..].iter().product();
    let x = x.reshape(&[shape[..norm.axis].iter().product(), length]);
    let [scale, bias] = [Some(scale), bias].map(|part| part.map(|part| part.reshape(&[length]).tensor));
    match scale {
        Some(scale) => Value::float(Dispatch::layer_norm(x.tensor, scale, bias, f64::from(norm.epsilon))),
        None => x,
    }
}

fn fold(reduce: &Reduce, x: Value) -> Value {
    let shape = x.shape();
    let count: usize = reduce.axes.iter().map(|&axis| shape[axis]).product();
    let Value { family, tensor } = x;
    let float = family == Family::Float;
    let each_axis = |tensor, operation: fn(DispatchTensor, usize) -> DispatchTensor| {
        reduce.axes.iter().fold(tensor, |tensor, &axis| operation(tensor, axis))
    };
    let sum = if float { Dispatch::float_sum_dim } else { Dispatch::int_sum_dim };
    let tensor = match reduce.reduction {
        Reduction::Sum => each_axis(tensor, sum),
        Reduction::Mean if float => Dispatch::float_div_scalar(each_axis(tensor, sum), (count as f64).into()),
        Reduction::Mean => Dispatch::int_div_scalar(each_axis(tensor, sum), (count as i64).into()),
        Reduction::Max if float => each_axis(tensor, Dispatch::float_max_dim),
        Reduction::Max => each_axis(tensor, Dispatch::int_max_dim),
        Reduction::Min if float => each_axis(tensor, Dispatch::float_min_dim),
        Reduction::Min => each_axis(tensor, Dispatch::int_min_dim),
        Reduction::Prod if float => each_axis(tensor, Dispatch::float_prod_dim),
        Reduction::Prod => each_axis(tensor, Dispatch::int_prod_dim),
        Reduction::L2 => {
            let x = Value { family, tensor }.cast(DataType::F32).tensor;
            let squares = Dispatch::float_mul(x.clone(), x);
            return Value::float(Dispatch::float_sqrt(each_axis(squares, Dispatch::float_sum_dim)));
        }
    };
    Value { family, tensor }
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
        (from < to).then(|| window(&slice, cache.clone()))
    };
    let parts = [part(0, start), (count > 0).then_some(rows), part(start + count, shape[axis])];
    Ok(Value::concatenate(parts.into_iter().flatten().collect(), axis))
}

fn window(slice: &Slice, x: Value) -> Value {
    let along = |axis: usize| {
        let (start, count) = (slice.starts[axis] as isize, slice.shape[axis] as isize);
        // A step only counts where there is a second element; elsewhere it may be anything.
        let step = if count > 1 { slice.steps[axis] } else { 1 };
        let last = start + (count - 1) * step;
        burn::backend::Slice::new(start.min(last), Some(start.max(last) + 1), step.abs())
    };
    let axes = 0..slice.starts.len();
    let slices: Vec<_> = axes.clone().map(along).collect();
    let backwards: Vec<_> = axes.filter(|&axis| slice.steps[axis] < 0).collect();
    x.slice(&slices).flip(&backwards)
}

fn pick(gather: &Gather, x: Value, indices: Value) -> Value {
    let count = indices.shape().iter().product();
    let extent = x.shape()[gather.axis];
    x.select(gather.axis, from_front(indices.reshape(&[count]).tensor, extent))
}

/// Indices counted from the front; those outside stay outside, for Burn to refuse.
fn from_front(indices: DispatchTensor, extent: usize) -> DispatchTensor {
    let negative = Dispatch::int_lower_elem(indices.clone(), 0.into(), BOOL);
    let wrapped = Dispatch::int_add_scalar(indices.clone(), (extent as i64).into());
    Dispatch::int_mask_where(indices, negative, wrapped)
}

/// Rows of the flattened tensor, at the offsets that the tuples name.
fn pick_tuples(gather: &GatherNd, x: Value, tuples: Value, device: &DispatchDevice) -> Value {
    let (shape, lead) = (x.shape(), tuples.shape());
    let batch = gather.batch_dimensions;
    let (count, length) = (lead[..lead.len() - 1].iter().product::<usize>(), lead[lead.len() - 1]);
    let window: usize = shape[batch + length..].iter().product();
    let rows: usize = shape[..batch + length].iter().product();
    let rows_per_batch: usize = shape[batch..batch + length].iter().product();
    let tuples_per_batch = count / shape[..batch].iter().product::<usize>();
    let starts: Vec<i64> = (0..count).map(|at| (at / tuples_per_batch * rows_per_batch) as i64).collect();
    let mut offsets = Value::upload(&Tensor::vector(starts), device).tensor;
    let tuples = tuples.cast(DataType::I64).reshape(&[count, length]);
    for at in 0..length {
        let (extent, stride) =
            (shape[batch + at], shape[batch + at + 1..batch + length].iter().product::<usize>());
        let column = tuples.clone().slice(&[(0..count).into(), (at..at + 1).into()]).reshape(&[count]);
        let index = from_front(column.tensor, extent);
        let below = Dispatch::int_lower_elem(index.clone(), 0.into(), BOOL);
        let above = Dispatch::int_greater_equal_elem(index.clone(), (extent as i64).into(), BOOL);
        // An index outside its own axis must not find a row that is another tuple's.
        let checked = Dispatch::int_mask_fill(index, Dispatch::bool_or(below, above), (rows as i64).into());
        offsets = Dispatch::int_add(offsets, Dispatch::int_mul_scalar(checked, (stride as i64).into()));
    }
    x.reshape(&[rows, window]).select(0, offsets)
}
