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
    /// Whether an element's own sum leaves it out.
    pub exclusive: bool,
    /// Whether sums run from the last element to the first.
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
