//! Joins tensors along an axis.

use half::f16;

use super::{Rule, operand};
use crate::error::{Error, invalid};
use crate::tensor::{Data, DataType, Element, Tensor, TensorType};

/// Joins its inputs, in order, along `axis`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Concat {
    /// The axis along which they are joined.
    pub axis: usize,
}

impl Rule for Concat {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let mut result = operand(inputs, 0)?.clone();
        if self.axis >= result.shape.len() {
            return Err(invalid!("{result} has no axis {}", self.axis));
        }
        for index in 1..inputs.len() {
            let next = operand(inputs, index)?;
            let fits = |(axis, extent): (usize, &usize)| axis == self.axis || next.shape[axis] == *extent;
            let same_rank = next.shape.len() == result.shape.len();
            if !same_rank || next.data_type != result.data_type || !result.shape.iter().enumerate().all(fits)
            {
                return Err(invalid!("{next} does not join {result} along axis {}", self.axis));
            }
            result.shape[self.axis] = result.shape[self.axis].saturating_add(next.shape[self.axis]);
        }
        Ok(result)
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        Ok(match result.data_type {
            DataType::F32 => self.join::<f32>(inputs, result),
            DataType::F16 => self.join::<f16>(inputs, result),
            DataType::I64 => self.join::<i64>(inputs, result),
            DataType::I32 => self.join::<i32>(inputs, result),
            DataType::U8 => self.join::<u8>(inputs, result),
            DataType::I8 => self.join::<i8>(inputs, result),
            DataType::Bool => self.join::<bool>(inputs, result),
        })
    }
}

impl Concat {
    fn join<T: Element>(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Data {
        let rows: usize = result.shape[..self.axis].iter().product();
        let mut joined = Vec::with_capacity(result.element_count());
        for row in 0..rows {
            for elements in inputs.iter().flatten().filter_map(|input| input.elements::<T>()) {
                let length = elements.len() / rows;
                joined.extend_from_slice(&elements[row * length..(row + 1) * length]);
            }
        }
        T::wrap(joined.into())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            ("first axis", "a: i64[2] = 1 2\nb: i64[1] = 3\ny = Concat(a, b, axis=0)", "i64[3] = 1 2 3"),
            (
                "last axis",
                "a: f32[2,1] = 1 2\nb: f32[2,2] = 3 4 5 6\ny = Concat(a, b, axis=-1)",
                "f32[2,3] = 1 3 4 2 5 6",
            ),
            (
                "empty part",
                "a: bool[0]\nb: bool[1] = 1\nc: bool[0] =\ny = Concat(c, b, axis=0)",
                "bool[1] = 1",
            ),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("shape", "a: f32[2,2]\nb: f32[3,1]\ny = Concat(a, b, axis=1)", "does not join"),
            ("type", "a: f32[2]\nb: i64[2]\ny = Concat(a, b, axis=0)", "does not join"),
            ("scalar", "a: f32[]\ny = Concat(a, a, axis=0)", "no axis 0"),
        ]);
    }
}
