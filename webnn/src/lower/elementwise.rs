//! Element-wise operators.

use graph::DataType;
use graph::ops::{Activation, Binary, Cast, Unary};

use super::Operands;
use super::numbers::{extreme, flat, rising};
use super::remainder::remainder;
use crate::element::ElementType;
use crate::error::Refusal;
use crate::plan::OperandId;
use crate::writer::{Lowered, Writer};

/// The factor of QuickGelu (<https://arxiv.org/abs/1606.08415>, section 2).
const QUICK: f64 = 1.702;
/// Of the cubic term in the tanh form of GELU (the same paper, section 2).
const CUBIC: f64 = 0.044715;

pub fn unary(unary: Unary, w: &mut Writer, operands: &Operands) -> Lowered {
    let x = operands.operand(0)?;
    let method = match unary {
        Unary::Activation(own) => return activation(own, x, w),
        Unary::Abs => "abs",
        Unary::Neg => "neg",
        Unary::Sqrt => return rising("sqrt", x, w),
        Unary::Exp => return rising("exp", x, w),
        Unary::Log => return rising("log", x, w),
        Unary::Erf => "erf",
        Unary::Sin => "sin",
        Unary::Cos => "cos",
        Unary::Tan => "tan",
        Unary::Floor => "floor",
        Unary::Ceil => "ceil",
        Unary::Round => "roundEven",
        Unary::Sign => "sign",
        Unary::Reciprocal => "reciprocal",
        Unary::Not => return w.test("logicalNot", x),
        Unary::IsNaN => return w.test("isNaN", x),
        Unary::IsInf { negative, positive } => return is_infinite(negative, positive, x, w),
        Unary::Asin
        | Unary::Acos
        | Unary::Atan
        | Unary::Sinh
        | Unary::Cosh
        | Unary::Asinh
        | Unary::Acosh
        | Unary::Atanh
        | Unary::BitwiseNot => return Err(Refusal::NotInWebnn { what: format!("{unary:?}") }),
    };
    w.unary(method, x)
}

fn is_infinite(negative: bool, positive: bool, x: OperandId, w: &mut Writer) -> Lowered {
    let infinite = w.test("isInfinite", x)?;
    let method = match (negative, positive) {
        (true, true) => return Ok(infinite),
        (true, false) => "lesser",
        (false, true) => "greater",
        (false, false) => return w.compare("logicalXor", infinite, infinite),
    };
    let zero = w.number_like(0.0, x)?;
    let signed = w.compare(method, x, zero)?;
    w.compare("logicalAnd", infinite, signed)
}

/// An activation after a product, or on its own.
pub fn activation(activation: Activation, x: OperandId, w: &mut Writer) -> Lowered {
    match activation {
        Activation::Relu => w.unary("relu", x),
        Activation::Gelu => w.unary("gelu", x),
        Activation::Sigmoid => w.unary("sigmoid", x),
        Activation::Tanh => w.unary("tanh", x),
        Activation::Silu => {
            let gate = w.unary("sigmoid", x)?;
            w.binary("mul", x, gate)
        }
        Activation::QuickGelu => {
            let factor = w.number_like(QUICK, x)?;
            let scaled = w.binary("mul", x, factor)?;
            let gate = w.unary("sigmoid", scaled)?;
            w.binary("mul", x, gate)
        }
        Activation::GeluTanh => gelu_tanh(x, w),
    }
}

/// `x · (0.5 + 0.5 · tanh(√(2/π) · (x + 0.044715 x³)))`.
fn gelu_tanh(x: OperandId, w: &mut Writer) -> Lowered {
    let slope = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    let square = w.binary("mul", x, x)?;
    let cubic = w.number_like(slope * CUBIC, x)?;
    let bent = w.binary("mul", square, cubic)?;
    let slope = w.number_like(slope, x)?;
    let factor = w.binary("add", bent, slope)?;
    let inner = w.binary("mul", x, factor)?;
    let tanh = w.unary("tanh", inner)?;
    let half = w.number_like(0.5, x)?;
    let halved = w.binary("mul", tanh, half)?;
    let gate = w.binary("add", halved, half)?;
    w.binary("mul", x, gate)
}

pub fn binary(binary: Binary, w: &mut Writer, operands: &Operands) -> Lowered {
    let (a, b) = (operands.operand(0)?, operands.operand(1)?);
    let kind = operands.types[0].map(|tensor_type| tensor_type.data_type);
    let arithmetic = match binary {
        Binary::Add => "add",
        Binary::Sub => "sub",
        Binary::Mul => "mul",
        Binary::Div => "div",
        Binary::Pow => return power(w, a, b),
        Binary::Max => return extreme("max", [a, b], w, operands),
        Binary::Min => return extreme("min", [a, b], w, operands),
        Binary::And => return w.compare("logicalAnd", a, b),
        Binary::Or => return w.compare("logicalOr", a, b),
        Binary::Xor => return w.compare("logicalXor", a, b),
        Binary::Equal if kind == Some(DataType::Bool) => {
            let unequal = w.compare("logicalXor", a, b)?;
            return w.test("logicalNot", unequal);
        }
        Binary::Equal => return w.compare("equal", a, b),
        Binary::Greater => return w.compare("greater", a, b),
        Binary::GreaterOrEqual => return w.compare("greaterOrEqual", a, b),
        Binary::Less => return w.compare("lesser", a, b),
        Binary::LessOrEqual => return w.compare("lesserOrEqual", a, b),
        Binary::Remainder => return remainder(a, b, w),
        Binary::Mod if kind.is_some_and(|kind| !kind.is_float()) => return modulo(w, a, b),
        Binary::Mod
        | Binary::BitwiseAnd
        | Binary::BitwiseOr
        | Binary::BitwiseXor
        | Binary::ShiftLeft
        | Binary::ShiftRight => return Err(Refusal::NotInWebnn { what: format!("{binary:?}") }),
    };
    w.binary(arithmetic, a, b)
}

/// ONNX lets the exponent be of another type.
fn power(w: &mut Writer, a: OperandId, b: OperandId) -> Lowered {
    let b = w.cast(b, w.element(a))?;
    w.binary("pow", a, b)
}

/// The remainder of integers divided towards −∞: that towards zero, and once more the divisor where the signs
/// of the two differ.
fn modulo(w: &mut Writer, a: OperandId, b: OperandId) -> Lowered {
    let left = remainder(a, b, w)?;
    let zero = w.number_like(0.0, b)?;
    let (negative_left, negative_b) = (w.compare("lesser", left, zero)?, w.compare("lesser", b, zero)?);
    let differ = w.compare("logicalXor", negative_left, negative_b)?;
    let some = w.compare("notEqual", left, zero)?;
    let wrong = w.compare("logicalAnd", differ, some)?;
    let moved = w.binary("add", left, b)?;
    w.choose(wrong, moved, left)
}

pub fn cast(cast: &Cast, w: &mut Writer, operands: &Operands) -> Lowered {
    let x = operands.operand(0)?;
    let from = operands.types[0].map(|tensor_type| tensor_type.data_type);
    if cast.to == DataType::Bool && from != Some(DataType::Bool) {
        let zero = w.number_like(0.0, x)?;
        return w.compare("notEqual", x, zero);
    }
    if w.element(x).is_float() && !cast.to.is_float() {
        return whole(x, cast.to.into(), w);
    }
    w.cast(x, cast.to.into())
}

/// Floats as integers. WebNN leaves open what becomes of those that do not fit: here they are the least of int64 or,
/// for smaller types, of int32, which then wraps around.
fn whole(x: OperandId, to: ElementType, w: &mut Writer) -> Lowered {
    let shape = w.shape(x);
    let x = flat(x, w)?;
    let x = w.cast(x, ElementType::Float32)?;
    let wide = if to == ElementType::Int64 { to } else { ElementType::Int32 };
    let made = w.cast(x, wide)?;
    let (size, beyond) = (w.unary("abs", x)?, w.number_like(-wide.lowest(), x)?);
    let fits = w.compare("lesser", size, beyond)?;
    let least = w.number(wide.lowest(), wide)?;
    let made = w.choose(fits, made, least)?;
    let made = w.cast(made, to)?;
    w.reshape(made, &shape)
}

pub fn select(w: &mut Writer, operands: &Operands) -> Lowered {
    w.choose(operands.operand(0)?, operands.operand(1)?, operands.operand(2)?)
}

/// `x` times a number.
pub fn scaled(x: OperandId, factor: f64, w: &mut Writer) -> Lowered {
    if factor == 1.0 {
        return Ok(x);
    }
    let factor = w.number_like(factor, x)?;
    w.binary("mul", x, factor)
}
