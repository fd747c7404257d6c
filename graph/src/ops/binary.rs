//! Element-wise operations on two operands, with NumPy broadcasting.

use super::{Rule, operand};
use crate::error::{Error, invalid, unsupported};
use crate::strided::{broadcast, broadcast_strides, offsets};
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// An element-wise operation on two broadcast operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is named as ONNX names the operator")]
pub enum Binary {
    Add,
    Sub,
    Mul,
    /// Integers divide towards zero.
    Div,
    /// The remainder of integers divided towards −∞: it has the sign of the divisor.
    Mod,
    /// The remainder of division towards zero: it has the sign of the dividend. NaN where that is infinite or
    /// the divisor 0.
    Remainder,
    /// Integers wrap around; to a negative power they are 0, but 1 stays 1 and −1 is 1 or −1.
    Pow,
    Max,
    Min,
    And,
    Or,
    Xor,
    /// Of integers, as are the next two.
    BitwiseAnd,
    BitwiseOr,
    BitwiseXor,
    /// Of u8 and i32, by a number of bits; 0 where that is negative, or as large as the type or larger.
    ShiftLeft,
    /// Likewise to the right, the sign filling up.
    ShiftRight,
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Binary {
    /// Returns whether the result says yes or no.
    pub fn is_comparison(self) -> bool {
        match self {
            Binary::Equal | Binary::Greater | Binary::GreaterOrEqual | Binary::Less | Binary::LessOrEqual => {
                true
            }
            Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Mod | Binary::Remainder => false,
            Binary::Pow | Binary::Max | Binary::Min | Binary::And | Binary::Or | Binary::Xor => false,
            Binary::BitwiseAnd | Binary::BitwiseOr | Binary::BitwiseXor => false,
            Binary::ShiftLeft | Binary::ShiftRight => false,
        }
    }

    /// Returns whether both operands are bool.
    pub fn is_logical(self) -> bool {
        matches!(self, Binary::And | Binary::Or | Binary::Xor)
    }

    /// Returns whether operands have to be integers.
    fn is_integral(self) -> bool {
        match self {
            Binary::Mod | Binary::BitwiseAnd | Binary::BitwiseOr | Binary::BitwiseXor => true,
            Binary::ShiftLeft | Binary::ShiftRight => true,
            Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Remainder => false,
            Binary::Pow | Binary::Max | Binary::Min | Binary::And | Binary::Or | Binary::Xor => false,
            Binary::Equal | Binary::Greater | Binary::GreaterOrEqual | Binary::Less | Binary::LessOrEqual => {
                false
            }
        }
    }

    pub(super) fn on_floats(self, left: f32, right: f32) -> f32 {
        match self {
            Binary::Add => left + right,
            Binary::Sub => left - right,
            Binary::Mul => left * right,
            Binary::Div => left / right,
            Binary::Remainder => left % right,
            Binary::Pow => f64::from(left).powf(f64::from(right)) as f32,
            // NaN wins, as in NumPy and ONNX Runtime.
            Binary::Max if left.is_nan() || left > right => left,
            Binary::Min if left.is_nan() || left < right => left,
            Binary::Max | Binary::Min => right,
            // Refused by `infer`.
            Binary::And | Binary::Or | Binary::Xor | Binary::Mod => f32::NAN,
            Binary::BitwiseAnd | Binary::BitwiseOr | Binary::BitwiseXor => f32::NAN,
            Binary::ShiftLeft | Binary::ShiftRight => f32::NAN,
            Binary::Equal | Binary::Greater | Binary::GreaterOrEqual | Binary::Less | Binary::LessOrEqual => {
                f32::from(u8::from(self.compare(left, right)))
            }
        }
    }

    /// Integers wrap around, and divide towards zero; i128 holds every sum and product of two i64.
    pub(super) fn on_integers(self, left: i64, right: i64) -> Result<i64, Error> {
        let (wide, other) = (i128::from(left), i128::from(right));
        Ok(match self {
            Binary::Add => wide + other,
            Binary::Sub => wide - other,
            Binary::Mul => wide * other,
            Binary::Div | Binary::Mod | Binary::Remainder if right == 0 => {
                return Err(invalid!("{left} is divided by zero"));
            }
            Binary::Div => wide / other,
            Binary::Remainder => wide % other,
            Binary::Mod => (wide % other + other) % other,
            Binary::Pow => i128::from(power(left, right)),
            Binary::Max => wide.max(other),
            Binary::Min => wide.min(other),
            Binary::And | Binary::BitwiseAnd => wide & other,
            Binary::Or | Binary::BitwiseOr => wide | other,
            Binary::Xor | Binary::BitwiseXor => wide ^ other,
            // What is shifted out to the left is cut off with the result's type.
            Binary::ShiftLeft if (0..32).contains(&right) => wide << right,
            Binary::ShiftRight if (0..32).contains(&right) => wide >> right,
            Binary::ShiftLeft | Binary::ShiftRight => 0,
            Binary::Equal | Binary::Greater | Binary::GreaterOrEqual | Binary::Less | Binary::LessOrEqual => {
                i128::from(self.compare(left, right))
            }
        } as i64)
    }

    fn compare<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Binary::Greater => left > right,
            Binary::GreaterOrEqual => left >= right,
            Binary::Less => left < right,
            Binary::LessOrEqual => left <= right,
            _ => left == right,
        }
    }
}

/// Wraps around as i64 does.
fn power(base: i64, exponent: i64) -> i64 {
    let odd = exponent % 2 != 0;
    match base {
        1 => return 1,
        -1 => return if odd { -1 } else { 1 },
        _ if exponent < 0 => return 0,
        _ => {}
    }
    let (mut power, mut square, mut rest) = (1_i64, base, exponent);
    while rest > 0 {
        if rest % 2 != 0 {
            power = power.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        rest /= 2;
    }
    power
}

impl Rule for Binary {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (left, right) = (operand(inputs, 0)?, operand(inputs, 1)?);
        let bools = left.data_type == DataType::Bool;
        if left.data_type != right.data_type && *self != Binary::Pow {
            return Err(invalid!("operands are {left} and {right}, of different types"));
        }
        if bools != self.is_logical() && *self != Binary::Equal {
            return Err(invalid!("{self:?} does not take {left}"));
        }
        let shifts = matches!(self, Binary::ShiftLeft | Binary::ShiftRight);
        if (self.is_integral() && left.data_type == DataType::F32)
            || (shifts && !matches!(left.data_type, DataType::U8 | DataType::I32))
        {
            return Err(unsupported!("{self:?} of {left}"));
        }
        if *self == Binary::Pow && left.data_type != DataType::F32 && right.data_type == DataType::F32 {
            return Err(unsupported!("an integer is raised to the power of a float"));
        }
        let data_type = if self.is_comparison() { DataType::Bool } else { left.data_type };
        Ok(TensorType { data_type, shape: broadcast(&left.shape, &right.shape)? })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let (left, right) = (operand(inputs, 0)?, operand(inputs, 1)?);
        let walk =
            |operand: &Tensor| offsets(&result.shape, &broadcast_strides(&operand.shape, &result.shape), 0);
        let pairs = walk(left).zip(walk(right));
        if let Some(lefts) = left.as_f32() {
            let rights = right.to_f32_vec();
            let results: Vec<f32> = pairs.map(|(l, r)| self.on_floats(lefts[l], rights[r])).collect();
            return Ok(match result.data_type {
                DataType::Bool => Data::Bool(results.iter().map(|&result| result != 0.0).collect()),
                _ => results.into(),
            });
        }
        let (lefts, rights) = (left.to_i64_vec().unwrap_or_default(), right.to_i64_vec().unwrap_or_default());
        let results: Result<Vec<_>, _> = pairs.map(|(l, r)| self.on_integers(lefts[l], rights[r])).collect();
        Ok(Data::from_integers(result.data_type, results?.into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            (
                "add broadcasts",
                "a: f32[2,1] = 1 2\nb: f32[3] = 10 20 30\ny = Add(a, b)",
                "f32[2,3] = 11 21 31 12 22 32",
            ),
            ("sub", "a: f32[2] = 1 2\nb: f32[] = 3\ny = Sub(a, b)", "f32[2] = -2 -1"),
            ("integers wrap", "a: u8[2] = 250 1\nb: u8[2] = 10 2\ny = Add(a, b)", "u8[2] = 4 3"),
            (
                "division truncates",
                "a: i64[4] = 7 -7 7 -7\nb: i64[4] = 2 2 -2 -2\ny = Div(a, b)",
                "i64[4] = 3 -3 -3 3",
            ),
            ("division by zero", "a: f32[3] = 1 -1 0\nb: f32[] = 0\ny = Div(a, b)", "f32[3] = inf -inf nan"),
            (
                "pow, integer exponent",
                "a: f32[3] = 1 2 3\nb: i64[3] = 4 5 6\ny = Pow(a, b)",
                "f32[3] = 1 32 729",
            ),
            (
                "max of three",
                "a: f32[3] = 3 2 1\nb: f32[3] = 1 4 4\nc: f32[3] = 2 5 3\ny = Max(a, b, c)",
                "f32[3] = 3 5 4",
            ),
            ("max of one", "a: f32[3] = 3 2 1\ny = Max(a)", "f32[3] = 3 2 1"),
            ("min keeps nan", "a: f32[2] = nan 1\nb: f32[2] = 1 nan\ny = Min(a, b)", "f32[2] = nan nan"),
            ("min", "a: i32[3] = 3 2 1\nb: i32[3] = 1 4 4\ny = Min(a, b)", "i32[3] = 1 2 1"),
            (
                "mod has the sign of the divisor",
                "a: i32[4] = 7 -7 7 -7\nb: i32[4] = 3 3 -3 -3\ny = Mod(a, b)",
                "i32[4] = 1 2 -2 -1",
            ),
            (
                "fmod that of the dividend",
                "a: f32[4] = 7 -7 7 -7\nb: f32[4] = 3 3 -3 -3\ny = Mod(a, b, fmod=1)",
                "f32[4] = 1 -1 1 -1",
            ),
            ("bits", "a: u8[2] = 12 10\nb: u8[] = 6\ny = BitwiseXor(a, b)", "u8[2] = 10 12"),
            (
                "shift",
                "a: u8[3] = 16 4 1\nb: u8[3] = 1 2 8\ny = BitShift(a, b, direction=\"LEFT\")",
                "u8[3] = 32 16 0",
            ),
            (
                "integer powers",
                "a: i64[4] = 2 0 -1 3\nb: i64[4] = 62 -1 -3 41\ny = Pow(a, b)",
                "i64[4] = 4611686018427387904 0 -1 -420491770248316829",
            ),
            ("an integer by a float", "a: i32[2] = 2 9\nb: f32[2] = 3 0.5\ny = Pow(a, b)", "i32[2] = 8 3"),
            ("and", "a: bool[4] = 0 0 1 1\nb: bool[4] = 0 1 0 1\ny = And(a, b)", "bool[4] = 0 0 0 1"),
            ("or", "a: bool[4] = 0 0 1 1\nb: bool[4] = 0 1 0 1\ny = Or(a, b)", "bool[4] = 0 1 1 1"),
            ("xor", "a: bool[4] = 0 0 1 1\nb: bool[4] = 0 1 0 1\ny = Xor(a, b)", "bool[4] = 0 1 1 0"),
            ("equal, nan", "a: f32[3] = 1 2 nan\nb: f32[3] = 1 3 nan\ny = Equal(a, b)", "bool[3] = 1 0 0"),
            ("greater", "a: i64[3] = 1 2 3\nb: i64[] = 2\ny = Greater(a, b)", "bool[3] = 0 0 1"),
            ("less or equal", "a: i64[3] = 1 2 3\nb: i64[] = 2\ny = LessOrEqual(a, b)", "bool[3] = 1 1 0"),
            ("less, nan", "a: f32[2] = 1 nan\nb: f32[] = 2\ny = Less(a, b)", "bool[2] = 1 0"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("shapes", "a: f32[2]\nb: f32[3]\ny = Add(a, b)", "do not broadcast"),
            ("types", "a: f32[2]\nb: i64[2]\ny = Add(a, b)", "different types"),
            ("bools do not add", "a: bool[2]\nb: bool[2]\ny = Add(a, b)", "does not take bool[2]"),
            ("mod of floats", "a: f32[2]\ny = Mod(a, a)", "Mod of f32[2]"),
            ("shift of i64", "a: i64[2]\ny = BitShift(a, a, direction=\"LEFT\")", "ShiftLeft of i64[2]"),
            ("mod by zero", "a: i64[] = 1\nb: i64[] = 0\ny = Mod(a, b)", "divided by zero"),
            ("no second operand", "a: f32[2]\ny = Add(a)", "operand 1 is missing"),
            ("integer division by zero", "a: i64[] = 1\nb: i64[] = 0\ny = Div(a, b)", "divided by zero"),
        ]);
    }
}
