//! Casts to element types that a graph keeps as wider ones: the elements become those that the type holds.

use crate::builder::Builder;
use crate::element_type::{ElementType, FloatFormat, Specials};
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::{Binary, Cast, Operator, Unary};
use crate::tensor::{DataType, Tensor};
use crate::writer::{Writer, Written};

/// Cast.
pub(crate) fn read_cast(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let number = node.attributes.int("to")?.ok_or_else(|| invalid!("attribute \"to\" is missing"))?;
    let to = element_type(number, "to")?;
    let (x, saturate) = (node.operand(0)?.id, node.attributes.flag("saturate", true)?);
    if let ElementType::Kept(to) = to {
        return node.apply(graph, Operator::Cast(Cast { to }), 1);
    }
    Ok(vec![cast(&Writer::new(node, graph), x, to, saturate)?])
}

/// Below this exponent floats of 8 exponent bits are spaced evenly, so that no spacing is too small for f32.
const LEAST_EXPONENT: i32 = -110;

/// Converts elements by the rules of ONNX Cast; what is too large for a float of 8 bits becomes the largest if it
/// saturates, else infinity or NaN.
pub(crate) fn cast(write: &Writer, x: ValueId, to: ElementType, saturate: bool) -> Written {
    if let Some(format) = to.float_format() {
        let x = write.cast(x, DataType::F32)?;
        let may_overflow = to == ElementType::BF16 || !saturate;
        return rounded(write, x, &format, !may_overflow || format.specials == Specials::None);
    }
    match (to, to.range()) {
        (ElementType::F8E8M0, _) => Err(unsupported!("it converts to {to}")),
        (_, None) => write.cast(x, to.data_type()),
        (_, Some(_)) => wrapped(write, x, to),
    }
}

/// Integers of a type, from numbers that may be too large: their lowest bits.
pub(crate) fn wrapped(write: &Writer, x: ValueId, to: ElementType) -> Written {
    let wide = if to.data_type() == DataType::I64 { DataType::I64 } else { DataType::I32 };
    let whole = write.cast(x, wide)?;
    let (low, high) = to.range().unwrap_or((0, i64::MAX));
    if high == i64::MAX {
        return Ok(whole);
    }
    let scalar = |number: i64| write.cast(write.constant(Tensor::scalar(number)), wide);
    let bits = write.binary(Binary::BitwiseAnd, whole, scalar(high - low)?)?;
    let held = match low {
        0 => bits,
        // The highest bit is the sign.
        _ => write.sub(write.binary(Binary::BitwiseXor, bits, scalar(-low)?)?, scalar(-low)?)?,
    };
    write.cast(held, to.data_type())
}

/// Each f32 rounded to the nearest number of a format, ties to even.
///
/// Numbers of one exponent are spaced evenly, by a power of two. Which it is comes from a logarithm, which may be one
/// off, and so is held against the power; spacings come from a table, since they have to be exact.
fn rounded(write: &Writer, x: ValueId, format: &FloatFormat, saturate: bool) -> Written {
    let least = format.least_exponent().max(LEAST_EXPONENT);
    let most = format.largest.log2().floor() as i32;
    let mantissa = format.mantissa_bits as i32;
    let table = |exponent: &dyn Fn(i32) -> i32| {
        let powers: Vec<f32> = (least..=most).map(|at| f64::from(exponent(at)).exp2() as f32).collect();
        write.constant(Tensor::vector(powers))
    };
    let at = exponents(write, x, [least, most], table(&|at| at))?;
    let steps = write.unary(Unary::Round, write.mul(x, write.gather(table(&|at| mantissa - at), 0, at)?)?)?;
    let near = write.mul(steps, write.gather(table(&|at| at - mantissa), 0, at)?)?;
    let largest = write.float(format.largest);
    if saturate {
        let held = write.binary(Binary::Max, near, write.float(-format.largest))?;
        let held = write.binary(Binary::Min, held, largest)?;
        return match format.specials {
            Specials::None => write.select(write.binary(Binary::Equal, x, x)?, held, write.float(0.0)),
            Specials::Ieee | Specials::OnesAreNan | Specials::NegativeZeroIsNan => Ok(held),
        };
    }
    let over = write.binary(Binary::Greater, write.unary(Unary::Abs, near)?, largest)?;
    let lost = match format.specials {
        Specials::Ieee => write.mul(near, write.float(f32::INFINITY))?,
        Specials::OnesAreNan | Specials::NegativeZeroIsNan | Specials::None => write.float(f32::NAN),
    };
    write.select(over, lost, near)
}

/// The place of each number's exponent in a table of the powers of two, the least first; what is smaller or larger
/// has the first or last.
fn exponents(write: &Writer, x: ValueId, [least, most]: [i32; 2], powers: ValueId) -> Written {
    let size = write.unary(Unary::Abs, x)?;
    // Neither 0 nor NaN has a logarithm that could be cast.
    let some = write.binary(Binary::Greater, size, write.float(0.0))?;
    let size = write.select(some, size, write.float(1.0))?;
    let within = |index: ValueId, [low, high]: [f32; 2]| {
        let held = write.binary(Binary::Max, index, write.like(index, low))?;
        write.binary(Binary::Min, held, write.like(index, high))
    };
    let last = (most - least) as f32;
    let logarithm = write.times(write.unary(Unary::Log, size)?, std::f32::consts::LOG2_E)?;
    let about = write.plus(write.unary(Unary::Floor, logarithm)?, -least as f32)?;
    let about = write.cast(within(about, [0.0, last])?, DataType::I32)?;
    let power = write.gather(powers, 0, about)?;
    let yes =
        |comparison: Binary, left: ValueId| write.cast(write.binary(comparison, left, size)?, DataType::I32);
    let above = yes(Binary::LessOrEqual, write.times(power, 2.0)?)?;
    let below = yes(Binary::Greater, power)?;
    within(write.sub(write.add(about, above)?, below)?, [0.0, last])
}

/// The type that the attribute of a node names by its number.
pub(crate) fn element_type(number: i64, attribute: &str) -> Result<ElementType, Error> {
    ElementType::from_number(i32::try_from(number).unwrap_or(-1), &format!("attribute {attribute:?}"))
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check;

    #[test]
    fn values() {
        // Expected values from ONNX's reference implementation, with the ml_dtypes package.
        check(&[
            (
                "to bf16, ties to even",
                "x: f32[6] = 1.00390625 1.01171875 -3.1415927 3e38 1e-30 inf\ny = Cast(x, to=16)",
                "f32[6] = 1 1.015625 -3.140625 3.0040553e38 9.984021e-31 inf",
            ),
            (
                "to e4m3fn",
                "x: f32[8] = 0.3 464 465 -1000 0.0009765625 0.0029296875 17 nan\ny = Cast(x, to=17)",
                "f32[8] = 0.3125 448 448 -448 0 0.00390625 16 nan",
            ),
            (
                "to e4m3fn without saturation",
                "x: f32[3] = 464 465 inf\ny = Cast(x, to=17, saturate=0)",
                "f32[3] = 448 nan nan",
            ),
            (
                "to e5m2 without saturation",
                "x: f32[3] = 61439 61440 -inf\ny = Cast(x, to=19, saturate=0)",
                "f32[3] = 57344 inf -inf",
            ),
            ("to f4e2m1", "x: f32[5] = 0.25 0.75 2.5 -9 nan\ny = Cast(x, to=23)", "f32[5] = 0 1 2 -6 0"),
            ("to i4", "x: f32[4] = -9 7.9 8 15\ny = Cast(x, to=22)", "i8[4] = 7 7 -8 -1"),
            ("to u4", "x: i64[3] = -1 16 9\ny = Cast(x, to=21)", "u8[3] = 15 0 9"),
            ("to u16", "x: i64[2] = -1 65537\ny = Cast(x, to=4)", "i32[2] = 65535 1"),
            ("to f64", "x: f32[1] = 1.5\ny = Cast(x, to=11)", "f32[1] = 1.5"),
        ]);
    }
}
