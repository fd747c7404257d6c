//! Element-wise choice between two operands: ONNX Where.

use half::f16;

use super::{Rule, operand};
use crate::error::{Error, invalid};
use crate::strided::{broadcast, broadcast_strides, offsets};
use crate::tensor::{Data, DataType, Element, Tensor, TensorType};

/// Takes an element of the second input where the first (bool) is true, of the third elsewhere; all
/// broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Select;

impl Rule for Select {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (condition, yes, no) = (operand(inputs, 0)?, operand(inputs, 1)?, operand(inputs, 2)?);
        if condition.data_type != DataType::Bool || yes.data_type != no.data_type {
            return Err(invalid!("{condition} does not choose between {yes} and {no}"));
        }
        let shape = broadcast(&broadcast(&condition.shape, &yes.shape)?, &no.shape)?;
        Ok(TensorType { data_type: yes.data_type, shape })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        match result.data_type {
            DataType::F32 => choose::<f32>(inputs, result),
            DataType::F16 => choose::<f16>(inputs, result),
            DataType::I64 => choose::<i64>(inputs, result),
            DataType::I32 => choose::<i32>(inputs, result),
            DataType::U8 => choose::<u8>(inputs, result),
            DataType::I8 => choose::<i8>(inputs, result),
            DataType::Bool => choose::<bool>(inputs, result),
        }
    }
}

fn choose<T: Element>(inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
    let walk = |index: usize| {
        let strides = broadcast_strides(&operand(inputs, index)?.shape, &result.shape);
        Ok::<_, Error>(offsets(&result.shape, &strides, 0))
    };
    let condition = operand(inputs, 0)?.elements::<bool>().unwrap_or_default();
    let yes = operand(inputs, 1)?.elements::<T>().unwrap_or_default();
    let no = operand(inputs, 2)?.elements::<T>().unwrap_or_default();
    let places = walk(0)?.zip(walk(1)?.zip(walk(2)?));
    Ok(T::wrap(places.map(|(c, (y, n))| if condition[c] { yes[y] } else { no[n] }).collect()))
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            (
                "plain",
                "c: bool[2,2] = 1 0 1 1\na: f32[2,2] = 1 2 3 4\nb: f32[2,2] = 9 8 7 6\ny = Where(c, a, b)",
                "f32[2,2] = 1 8 3 4",
            ),
            (
                "broadcasts",
                "c: bool[2,1] = 1 0\na: i64[3] = 1 2 3\nb: i64[] = 0\ny = Where(c, a, b)",
                "i64[2,3] = 1 2 3 0 0 0",
            ),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("condition", "c: f32[2]\na: f32[2]\ny = Where(c, a, a)", "does not choose"),
            ("types", "c: bool[2]\na: f32[2]\nb: i64[2]\ny = Where(c, a, b)", "does not choose"),
        ]);
    }
}
