//! Remainders of divisions, which WebNN has not: of integers, and of floats to the last bit.

use crate::element::ElementType;
use crate::plan::OperandId;
use crate::writer::{Lowered, Writer};

/// Multiplied by this, a float32 falls into two halves of 12 bits whose products are exact
/// (T. J. Dekker, <https://doi.org/10.1007/BF01397083>).
const HALVES: f64 = 4097.0;
/// Each step takes 11 bits or more off a quotient, and a quotient of up to 2¹¹⁵ can be halved.
const STEPS: usize = 11;

/// With the sign of the dividend. Of floats, NaN where the quotient or the divisor is so large that it cannot be
/// halved.
pub fn remainder(a: OperandId, b: OperandId, w: &mut Writer) -> Lowered {
    if !w.element(a).is_float() {
        let quotient = w.binary("div", a, b)?;
        let whole = w.binary("mul", quotient, b)?;
        return w.binary("sub", a, whole);
    }
    // float16 is exact in float32, and so is its remainder.
    let kept = w.element(a);
    let (a, b) = (w.cast(a, ElementType::Float32)?, w.cast(b, ElementType::Float32)?);
    let [high, low] = halves(b, w)?;
    let mut rest = a;
    for _ in 0..STEPS {
        let quotient = w.binary("div", rest, b)?;
        let [quotient, _] = halves(quotient, w)?;
        let quotient = w.unary("roundEven", quotient)?;
        for half in [high, low] {
            let taken = w.binary("mul", quotient, half)?;
            rest = w.binary("sub", rest, taken)?;
        }
    }
    let rest = signed_like(rest, a, b, w)?;
    // Also where the divisor is infinite.
    let (size, divisor) = (w.unary("abs", a)?, w.unary("abs", b)?);
    let below = w.compare("lesser", size, divisor)?;
    let rest = w.choose(below, a, rest)?;
    w.cast(rest, kept)
}

/// The upper and the lower bits of each element.
fn halves(x: OperandId, w: &mut Writer) -> Result<[OperandId; 2], crate::error::Refusal> {
    let factor = w.number_like(HALVES, x)?;
    let large = w.binary("mul", x, factor)?;
    let beyond = w.binary("sub", large, x)?;
    let high = w.binary("sub", large, beyond)?;
    let low = w.binary("sub", x, high)?;
    Ok([high, low])
}

/// Quotients are rounded, so that a rest may have the other sign: one divisor brings it back.
fn signed_like(rest: OperandId, a: OperandId, b: OperandId, w: &mut Writer) -> Lowered {
    let zero = w.number_like(0.0, rest)?;
    let (negative_rest, negative) = (w.compare("lesser", rest, zero)?, w.compare("lesser", a, zero)?);
    let differ = w.compare("logicalXor", negative_rest, negative)?;
    let some = w.compare("notEqual", rest, zero)?;
    let wrong = w.compare("logicalAnd", differ, some)?;
    let (divisor, sign) = (w.unary("abs", b)?, w.unary("sign", a)?);
    let back = w.binary("mul", divisor, sign)?;
    let moved = w.binary("add", rest, back)?;
    w.choose(wrong, moved, rest)
}
