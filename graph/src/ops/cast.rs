//! Conversion of elements from one type to another.

use super::{Rule, operand};
use crate::error::Error;
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// Converts each element, by the rules of ONNX Cast (floats truncate towards zero). ONNX leaves open what becomes of
/// NaN, infinities and floats that do not fit: here it is what ONNX Runtime gives on x86, see [`Cast::integer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cast {
    /// The type to convert to.
    pub to: DataType,
}

impl Cast {
    /// The integer that a float becomes, not yet wrapped to the type: the least of i64 or, for smaller types, of i32,
    /// where it does not fit that.
    fn integer(self, float: f32) -> i64 {
        let wide = self.to == DataType::I64;
        let (least, beyond) =
            if wide { (i64::MIN, -(i64::MIN as f32)) } else { (i32::MIN.into(), -(i32::MIN as f32)) };
        // Both ends are powers of two, so that no rounding moves them.
        if float >= -beyond && float < beyond { float as i64 } else { least }
    }
}

impl Rule for Cast {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        Ok(TensorType { data_type: self.to, shape: operand(inputs, 0)?.shape.clone() })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], _: &TensorType) -> Result<Data, Error> {
        let tensor = operand(inputs, 0)?;
        Ok(match (tensor.as_f32(), self.to) {
            (Some(_), DataType::F32 | DataType::F16) => tensor.data.clone(),
            (Some(floats), DataType::Bool) => Data::Bool(floats.iter().map(|&float| float != 0.0).collect()),
            (Some(floats), to) => Data::from_integers(to, floats.iter().map(|&float| self.integer(float))),
            (None, to) => Data::from_integers(to, tensor.to_i64_vec().unwrap_or_default().into_iter()),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            ("truncates", "x: f32[3] = 1.9 -1.9 0.5\ny = Cast(x, to=7)", "i64[3] = 1 -1 0"),
            ("to bool", "x: f32[3] = 0 0.5 nan\ny = Cast(x, to=9)", "bool[3] = 0 1 1"),
            ("integers to bool", "x: i64[3] = 0 256 -1\ny = Cast(x, to=9)", "bool[3] = 0 1 1"),
            ("from bool", "x: bool[2] = 0 1\ny = Cast(x, to=1)", "f32[2] = 0 1"),
            // As ONNX Runtime 1.22 gives on x86-64.
            (
                "does not fit i64",
                "x: f32[6] = nan inf -inf 3e9 9.3e18 -9.3e18\ny = Cast(x, to=7)",
                "i64[6] = -9223372036854775808 -9223372036854775808 -9223372036854775808 3000000000 \
                 -9223372036854775808 -9223372036854775808",
            ),
            (
                "does not fit i32",
                "x: f32[6] = nan inf 3e9 2147483648 -2147483648 -2147483904\ny = Cast(x, to=6)",
                "i32[6] = -2147483648 -2147483648 -2147483648 -2147483648 -2147483648 -2147483648",
            ),
            (
                "wraps as u8",
                "x: f32[7] = nan inf -1.7 300.7 -300.7 65543 1e20\ny = Cast(x, to=2)",
                "u8[7] = 0 0 255 44 212 7 0",
            ),
            (
                "wraps as i8",
                "x: f32[7] = nan -1.7 300.7 -300.7 128 -129 1e20\ny = Cast(x, to=3)",
                "i8[7] = 0 -1 44 -44 -128 127 0",
            ),
            ("narrows", "x: i64[2] = 300 -1\ny = Cast(x, to=2)", "u8[2] = 44 255"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("text", "x: f32[3]\ny = Cast(x, to=8)", "string"),
            ("no target", "x: f32[3]\ny = Cast(x)", "\"to\" is missing"),
        ]);
    }
}
