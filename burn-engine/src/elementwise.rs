//! Element-wise operators on Burn.

use burn::backend::ops::{ActivationOps, BoolTensorOps, FloatTensorOps, IntTensorOps};
use burn::backend::{Dispatch, DispatchDevice, DispatchTensor};
use graph::ops::{Activation, Binary, Cast, Unary};
use graph::{DataType, Operator, TensorType};

use crate::value::{BOOL, Family, Value};

/// Burn stops at the ends of integers, where ONNX Runtime does not, and keeps f16 in f32: such casts are the graph's
/// own.
pub fn convert(cast: Cast, value: Value, device: &DispatchDevice) -> Result<Value, String> {
    if value.family != Family::Float || matches!(cast.to, DataType::F32 | DataType::Bool) {
        return Ok(value.cast(cast.to));
    }
    let tensor_type = TensorType::new(DataType::F32, value.shape());
    let floats = value.download(&tensor_type)?;
    let converted = Operator::Cast(cast).evaluate(&[Some(&floats)]).map_err(|error| error.to_string())?;
    converted.first().map(|tensor| Value::upload(tensor, device)).ok_or_else(|| "it has no result".to_owned())
}

/// A binary operator on operands that broadcast.
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

/// A unary operator.
pub fn apply(operator: Unary, x: Value) -> Result<Value, String> {
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
