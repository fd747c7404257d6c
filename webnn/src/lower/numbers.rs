//! NaN and infinities where today's contexts lose them: the CPU's of Chromium says that `exp(NaN)` is 0, that
//! `log(∞)` is 88, that the largest of NaN and 1 is 1. What is not finite is put back by calls of our own.

use serde_json::json;

use super::Operands;
use crate::element::ElementType;
use crate::plan::OperandId;
use crate::writer::{Lowered, Writer};

/// Comparisons and choices take operands of this rank at most, in today's browsers.
const DEEPEST: usize = 5;

/// A function that leaves NaN and ∞ as they are: an exponential, a logarithm, a root.
pub fn rising(method: &'static str, x: OperandId, w: &mut Writer) -> Lowered {
    let (made, shape) = (w.unary(method, x)?, w.shape(x));
    let (x, made) = (flat(x, w)?, flat(made, w)?);
    let infinity = w.number_like(f64::INFINITY, x)?;
    let finite = w.compare("lesser", x, infinity)?;
    let made = w.choose(finite, made, x)?;
    w.reshape(made, &shape)
}

/// In one dimension what has too many.
pub fn flat(x: OperandId, w: &mut Writer) -> Lowered {
    let shape = w.shape(x);
    if shape.len() > DEEPEST { w.reshape(x, &[shape.iter().product()]) } else { Ok(x) }
}

/// The larger or the smaller of two (`max`, `min`); NaN where one of them is.
pub fn extreme(method: &'static str, [a, b]: [OperandId; 2], w: &mut Writer, operands: &Operands) -> Lowered {
    if !w.element(a).is_float() {
        return w.binary(method, a, b);
    }
    for (x, bound) in [(a, 1), (b, 0)] {
        if let Some(bound) = number(operands, bound).filter(|_| w.shape(x) == operands.result.shape) {
            return clamped(method, x, bound, w);
        }
    }
    wider(method, a, b, w)
}

/// A comparison of any two floats.
pub fn wider(method: &'static str, a: OperandId, b: OperandId, w: &mut Writer) -> Lowered {
    let mut made = w.binary(method, a, b)?;
    if w.element(a).is_float() {
        for operand in [a, b] {
            let unknown = w.test("isNaN", operand)?;
            made = w.choose(unknown, operand, made)?;
        }
    }
    Ok(made)
}

/// The only element of a constant, if it is finite.
fn number(operands: &Operands, index: usize) -> Option<f32> {
    let tensor = operands.constants.get(index).copied().flatten()?.here()?;
    match tensor.to_f32_vec().as_slice() {
        &[number] if number.is_finite() => Some(number),
        _ => None,
    }
}

/// Chosen where no element is smaller than a number, or none larger: of all ways the one that keeps NaN in one call.
fn clamped(method: &'static str, x: OperandId, bound: f32, w: &mut Writer) -> Lowered {
    let option = if method == "max" { "minValue" } else { "maxValue" };
    let (element, shape) = (w.element(x), w.shape(x));
    w.call("clamp").operand("input", x).option(option, json!(bound)).gives(element, shape)
}

/// `made` of windows or rows of `x`, but NaN where there is one among them; `largest` finds the largest element of
/// each.
pub fn unless_unknown(
    x: OperandId,
    made: OperandId,
    w: &mut Writer,
    largest: impl Fn(OperandId, &mut Writer) -> Lowered,
) -> Lowered {
    let (whole, shape) = (w.shape(x), w.shape(made));
    let x = flat(x, w)?;
    let unknown = w.test("isNaN", x)?;
    let unknown = w.cast(unknown, ElementType::Float32)?;
    let unknown = w.reshape(unknown, &whole)?;
    let some = largest(unknown, w)?;
    let (some, made) = (flat(some, w)?, flat(made, w)?);
    let zero = w.number_like(0.0, some)?;
    let some = w.compare("greater", some, zero)?;
    let nan = w.number_like(f64::NAN, made)?;
    let made = w.choose(some, nan, made)?;
    w.reshape(made, &shape)
}
