//! The graph's operators in Burn's backend operations, which need no rank at compile time.

use burn::backend::ops::{ActivationOps, BoolTensorOps, FloatTensorOps, IntTensorOps, ModuleOps};
use burn::backend::{Dispatch, DispatchDevice, DispatchTensor};
use graph::ops::{
    Activation, Binary, CacheUpdate, Cast, CumulativeSum, LayerNormalization, Reduce, Reduction, Slice, Unary,
};
use graph::{DataType, Operator, Tensor, TensorType};

use crate::value::{BOOL, Family, Value};
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
        Operator::Slice(slice) => window(slice, first),
        Operator::Softmax(softmax) => Value::float(Dispatch::softmax(first.tensor, softmax.axis)),
        Operator::Transpose(transpose) => first.permute(&transpose.permutation),
        Operator::Unary(unary) => apply(*unary, first)?,
    };
    Ok(value.reshape(shape))
}

/// Burn stops at the ends of integers, where ONNX Runtime does not, and keeps f16 in f32: such casts are the graph's
/// own.
fn convert(cast: Cast, value: Value, device: &DispatchDevice) -> Result<Value, String> {
    if value.family != Family::Float || matches!(cast.to, DataType::F32 | DataType::Bool) {
        return Ok(value.cast(cast.to));
    }
    let tensor_type = TensorType::new(DataType::F32, value.shape());
    let floats = value.download(&tensor_type)?;
    let converted = Operator::Cast(cast).evaluate(&[Some(&floats)]).map_err(|error| error.to_string())?;
    converted.first().map(|tensor| Value::upload(tensor, device)).ok_or_else(|| "it has no result".to_owned())
}

/// `x · cos + turned x · sin`; angles for half the last axis count for both halves.
fn rotate(x: Value, angles: [Value; 2], result: &TensorType) -> Result<Value, String> {
    let Some((axis, &depth)) = result.shape.iter().enumerate().next_back() else {
        return Err("a scalar cannot be rotated".into());
    };
    let half = |start: usize| {
        let (mut starts, mut shape) = (vec![0; axis + 1], result.shape.clone());
        (starts[axis], shape[axis]) = (start, depth / 2);
        window(&Slice { starts, steps: vec![1; axis + 1], shape }, x.clone())
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

pub fn combine(operator: Binary, left: Value, right: Value, result: &TensorType) -> Result<Value, String> {
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
        Binary::Pow if family == Family::Int => return Ok(powers(left, right)),
        Binary::ShiftLeft | Binary::ShiftRight => {
            return Ok(shifted(operator, left, right).cast(result.data_type));
        }
        Binary::Remainder => return Ok(remainder(family, left, right)),
        Binary::Add => compute(Dispatch::float_add, Dispatch::int_add)(left, right),
        Binary::Sub => compute(Dispatch::float_sub, Dispatch::int_sub)(left, right),
        Binary::Mul => compute(Dispatch::float_mul, Dispatch::int_mul)(left, right),
        Binary::Div => compute(Dispatch::float_div, Dispatch::int_div)(left, right),
        Binary::Mod => Dispatch::int_remainder(left, right),
        Binary::Pow => Dispatch::float_powf(left, right),
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
        Binary::BitwiseAnd => Dispatch::bitwise_and(left, right),
        Binary::BitwiseOr => Dispatch::bitwise_or(left, right),
        Binary::BitwiseXor => Dispatch::bitwise_xor(left, right),
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

/// Of integers. Burn takes a negative exponent for a large one.
fn powers(base: DispatchTensor, exponent: DispatchTensor) -> Value {
    let negative = Dispatch::int_lower_elem(exponent.clone(), 0.into(), BOOL);
    // To a negative power, 1 and -1 are what they are to its absolute value, and others are 0.
    let power = Dispatch::int_powi(base.clone(), Dispatch::int_abs(exponent));
    let vanishes = Dispatch::int_greater_elem(Dispatch::int_abs(base), 1.into(), BOOL);
    Value::int(Dispatch::int_mask_fill(power, Dispatch::bool_and(negative, vanishes), 0.into()))
}

/// Nothing is left of what is shifted by as many bits as there are, or more, or by a negative number of them.
fn shifted(operator: Binary, x: DispatchTensor, bits: DispatchTensor) -> Value {
    let wide = |tensor| Value::int(tensor).cast(DataType::I64).tensor;
    let (x, bits) = (wide(x), wide(bits));
    let below = Dispatch::int_lower_elem(bits.clone(), 0.into(), BOOL);
    let outside = Dispatch::bool_or(below, Dispatch::int_greater_elem(bits.clone(), 31.into(), BOOL));
    let bits = Dispatch::int_mask_fill(bits, outside.clone(), 0.into());
    let shifted = match operator {
        Binary::ShiftLeft => Dispatch::bitwise_left_shift(x, bits),
        _ => Dispatch::bitwise_right_shift(x, bits),
    };
    Value::int(Dispatch::int_mask_fill(shifted, outside, 0.into()))
}

/// With the sign of the dividend; Burn's has that of the divisor.
fn remainder(family: Family, left: DispatchTensor, right: DispatchTensor) -> Value {
    if family == Family::Float {
        let sizes = [left.clone(), right].map(Dispatch::float_abs);
        let below = Dispatch::float_lower(sizes[0].clone(), sizes[1].clone(), BOOL);
        let [size, divisor] = sizes;
        let rest = Dispatch::float_remainder(size.clone(), divisor);
        // Of infinity, Burn finds no remainder where nothing is divided.
        let rest = Dispatch::float_mask_where(rest, below, size);
        let negative = Dispatch::float_lower_elem(left, 0.0.into(), BOOL);
        let turned = Dispatch::float_neg(rest.clone());
        return Value::float(Dispatch::float_mask_where(rest, negative, turned));
    }
    let quotient = Dispatch::int_div(left.clone(), right.clone());
    Value::int(Dispatch::int_sub(left, Dispatch::int_mul(quotient, right)))
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
        Unary::Tan => Dispatch::float_tan(tensor),
        Unary::Asin => Dispatch::float_asin(tensor),
        Unary::Acos => Dispatch::float_acos(tensor),
        Unary::Atan => Dispatch::float_atan(tensor),
        Unary::Sinh => Dispatch::float_sinh(tensor),
        Unary::Cosh => Dispatch::float_cosh(tensor),
        Unary::Asinh => {
            let (size, sign) = (Dispatch::float_abs(tensor.clone()), Dispatch::float_sign(tensor));
            Dispatch::float_mul(huge(Dispatch::float_asinh(size.clone()), size), sign)
        }
        Unary::Acosh => huge(Dispatch::float_acosh(tensor.clone()), tensor),
        Unary::Atanh => Dispatch::float_atanh(tensor),
        Unary::Ceil => Dispatch::float_ceil(tensor),
        Unary::Round => Dispatch::float_round(tensor),
        Unary::Sign if family == Family::Int => Dispatch::int_sign(tensor),
        Unary::Sign => {
            let unknown = Dispatch::float_is_nan(tensor.clone(), BOOL);
            Dispatch::float_mask_fill(Dispatch::float_sign(tensor), unknown, f64::NAN.into())
        }
        Unary::BitwiseNot => Dispatch::bitwise_not(tensor),
        Unary::IsInf { negative, positive } => {
            let is = |tensor, wanted, infinity: f64| {
                let found = Dispatch::float_equal_elem(tensor, infinity.into(), BOOL);
                if wanted { found } else { Dispatch::bool_xor(found.clone(), found) }
            };
            let below = is(tensor.clone(), negative, f64::NEG_INFINITY);
            let above = is(tensor, positive, f64::INFINITY);
            return Ok(Value::bool(Dispatch::bool_or(below, above)));
        }
        Unary::Activation(activation) => activate(activation, tensor),
    };
    Ok(Value { family, tensor })
}

/// An inverse hyperbolic function, but where the square that Burn computes it by overflows; there it is ln 2x.
fn huge(function: DispatchTensor, x: DispatchTensor) -> DispatchTensor {
    let overflown = Dispatch::float_is_inf(function.clone(), BOOL);
    let logarithm = Dispatch::float_add_scalar(Dispatch::float_log(x), std::f64::consts::LN_2.into());
    Dispatch::float_mask_where(function, overflown, logarithm)
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
        Activation::QuickGelu => {
            let gate = Dispatch::sigmoid(Dispatch::float_mul_scalar(x.clone(), 1.702.into()));
            Dispatch::float_mul(x, gate)
        }
        Activation::Sigmoid => Dispatch::sigmoid(x),
        Activation::Silu => Dispatch::float_mul(x.clone(), Dispatch::sigmoid(x)),
        Activation::Tanh => Dispatch::float_tanh(x),
    }
}

fn normalise(norm: &LayerNormalization, x: Value, scale: Value, bias: Option<Value>) -> Value {
    let shape = x.shape();
    // Burn normalises over the last dimension alone.
    let length: usize = shape[norm.axis..].iter().product();
    let x = x.reshape(&[shape[..norm.axis].iter().product(), length]);
    let scale = scale.reshape(&[length]).tensor;
    let bias = bias.map(|bias| bias.reshape(&[length]).tensor);
    if norm.center {
        return Value::float(Dispatch::layer_norm(x.tensor, scale, bias, f64::from(norm.epsilon)));
    }
    let shape = x.shape();
    let expand = |tensor| Value::float(tensor).expand(&shape).tensor;
    let squares = Dispatch::float_mul(x.tensor.clone(), x.tensor.clone());
    let mean = Dispatch::float_mean_dim(squares, 1);
    let size = Dispatch::float_sqrt(Dispatch::float_add_scalar(mean, f64::from(norm.epsilon).into()));
    let normal = Dispatch::float_mul(Dispatch::float_div(x.tensor, expand(size)), expand(scale));
    Value::float(match bias {
        Some(bias) => Dispatch::float_add(normal, expand(bias)),
        None => normal,
    })
}

/// Sums up to each element, in i64 where they are integers, to wrap around as their own type does.
fn running_sum(operator: &CumulativeSum, x: Value, result: &TensorType, device: &DispatchDevice) -> Value {
    let (shape, axis) = (x.shape(), operator.axis);
    let reversed: &[usize] = if operator.reverse { &[axis] } else { &[] };
    let mut x = x.flip(reversed);
    if operator.exclusive {
        let mut slice = Slice { starts: vec![0; shape.len()], steps: vec![1; shape.len()], shape };
        slice.shape[axis] = 1;
        let zeros = TensorType::new(result.data_type, slice.shape.clone());
        let first = Value::upload(&Tensor::zeros(&zeros), device);
        slice.shape[axis] = result.shape[axis] - 1;
        let rest = (slice.shape[axis] > 0).then(|| window(&slice, x));
        x = Value::concatenate(std::iter::once(first).chain(rest).collect(), axis);
    }
    let sums = match x.family {
        Family::Float => Value::float(Dispatch::float_cumsum(x.tensor, axis)),
        Family::Int | Family::Bool => {
            let sums = Dispatch::int_cumsum(x.cast(DataType::I64).tensor, axis);
            Value::int(sums).cast(result.data_type)
        }
    };
    sums.flip(reversed)
}

pub fn fold(reduce: &Reduce, x: Value) -> Value {
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

pub fn window(slice: &Slice, x: Value) -> Value {
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
