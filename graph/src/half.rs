//! f16 is a way to keep numbers: operators compute in f32, and what they give is rounded when it is kept.
//!
//! Kernels do the same with f16 in memory and f32 in registers, so that sums over long rows keep their digits.

use std::borrow::Cow;

use half::f16;

use crate::tensor::{Data, DataType, Tensor, TensorType};

/// The type that an operator sees: f32 for f16.
pub(crate) fn widened_type(tensor_type: &TensorType) -> TensorType {
    let data_type = match tensor_type.data_type {
        DataType::F16 => DataType::F32,
        other => other,
    };
    TensorType { data_type, shape: tensor_type.shape.clone() }
}

/// The elements that an operator sees: f32 for f16.
pub(crate) fn widened(tensor: &Tensor) -> Cow<'_, Tensor> {
    match &tensor.data {
        Data::F16(elements) => {
            let data = Data::F32(elements.iter().map(|element| element.to_f32()).collect());
            Cow::Owned(Tensor { shape: tensor.shape.clone(), data })
        }
        _ => Cow::Borrowed(tensor),
    }
}

/// The elements as they are kept: rounded to the nearest f16, ties to even, where the type says f16.
pub(crate) fn kept(data: Data, data_type: DataType) -> Data {
    match (data, data_type) {
        (Data::F32(elements), DataType::F16) => {
            Data::F16(elements.iter().map(|&element| f16::from_f32(element)).collect())
        }
        (data, _) => data,
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check;

    /// Expected values are IEEE 754 binary16: 11 bits of precision, the largest number 65504.
    #[test]
    fn operators_round_what_they_keep() {
        check(&[
            (
                "to half and back",
                "x: f32[3] = 2049 0.1 70000\nh = Cast(x, to=10)\ny = Cast(h, to=1)",
                "f32[3] = 2048 0.099975586 inf",
            ),
            (
                "a sum in half",
                "x: f16[2] = 2048 1\na: f16[2] = 1 0.00048828125\ny = Add(x, a)",
                "f16[2] = 2048 1",
            ),
            (
                "a row is summed before it is rounded",
                "x: f16[1,3] = 2048 1 1\nones: f16[3,1] = 1 1 1\ny = MatMul(x, ones)",
                "f16[1,1] = 2050",
            ),
            ("only floats are kept so", "x: f16[2] = 1 2\na: f16[2] = 1 3\ny = Equal(x, a)", "bool[2] = 1 0"),
            ("integers into half", "x: i64[1] = 4099\ny = Cast(x, to=10)", "f16[1] = 4100"),
        ]);
    }
}
