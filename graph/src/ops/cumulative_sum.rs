//! Running sums along an axis.

use super::{Rule, operand};
use crate::error::{Error, invalid, unsupported};
use crate::strided::rows;
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// Each element is the sum of those along `axis` up to it. Integers wrap around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CumulativeSum {
    /// The axis summed along.
    pub axis: usize,
    /// True where an element's own sum leaves it out.
    pub exclusive: bool,
    /// True where sums run from the last element to the first.
    pub reverse: bool,
}

impl CumulativeSum {
    fn run<T: Copy, S: Copy + Default>(
        &self,
        shape: &[usize],
        elements: &[T],
        add: impl Fn(S, T) -> S,
    ) -> Vec<S> {
        let extent = shape[self.axis];
        let (starts, stride) = rows(shape, self.axis);
        let mut sums = vec![S::default(); elements.len()];
        for start in starts {
            let mut sum = S::default();
            for step in 0..extent {
                let at = start + stride * if self.reverse { extent - 1 - step } else { step };
                let next = add(sum, elements[at]);
                sums[at] = if self.exclusive { sum } else { next };
                sum = next;
            }
        }
        sums
    }
}

impl Rule for CumulativeSum {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = operand(inputs, 0)?;
        if self.axis >= operand.shape.len() {
            return Err(invalid!("{operand} has no axis {}", self.axis));
        }
        if operand.data_type == DataType::Bool {
            return Err(unsupported!("its operand is {operand}"));
        }
        Ok(operand.clone())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let tensor = operand(inputs, 0)?;
        if let Some(floats) = tensor.as_f32() {
            let sums = self.run(&result.shape, floats, |sum: f64, element| sum + f64::from(element));
            return Ok(Data::F32(sums.into_iter().map(|sum| sum as f32).collect()));
        }
        let integers = tensor.to_i64_vec().unwrap_or_default();
        let sums = self.run(&result.shape, &integers, i64::wrapping_add);
        Ok(Data::from_integers(result.data_type, sums.into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // The examples of the ONNX specification.
        check(&[
            ("forward", "x: f32[3] = 1 2 3\na: i64[] = 0\ny = CumSum(x, a)", "f32[3] = 1 3 6"),
            ("exclusive", "x: f32[3] = 1 2 3\na: i64[] = 0\ny = CumSum(x, a, exclusive=1)", "f32[3] = 0 1 3"),
            ("reverse", "x: f32[3] = 1 2 3\na: i64[] = 0\ny = CumSum(x, a, reverse=1)", "f32[3] = 6 5 3"),
            (
                "both",
                "x: f32[3] = 1 2 3\na: i64[] = 0\ny = CumSum(x, a, exclusive=1, reverse=1)",
                "f32[3] = 5 3 0",
            ),
            ("rows", "x: i32[2,2] = 1 2 3 4\na: i32[1] = -1\ny = CumSum(x, a)", "i32[2,2] = 1 3 3 7"),
            ("products", "x: f32[4] = 1 2 3 4\na: i64[] = 0\ny = CumProd(x, a)", "f32[4] = 1 2 6 24"),
            (
                "products of what comes behind",
                "x: i32[4] = 1 2 3 4\na: i64[] = 0\ny = CumProd(x, a, exclusive=1, reverse=1)",
                "i32[4] = 24 12 4 1",
            ),
            ("wraps", "x: u8[2] = 250 10\na: i64[] = 0\ny = CumSum(x, a)", "u8[2] = 250 4"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("axis", "x: f32[2]\na: i64[] = 1\ny = CumSum(x, a)", "no axis 1"),
            ("bools", "x: bool[2]\na: i64[] = 0\ny = CumSum(x, a)", "bool[2]"),
        ]);
    }
}
