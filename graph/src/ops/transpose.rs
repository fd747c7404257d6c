//! Permutes the axes of a tensor.

use super::{Rule, operand};
use crate::error::{Error, invalid};
use crate::strided::{contiguous, offsets};
use crate::tensor::{Data, Tensor, TensorType};

/// Output axis `i` is input axis `permutation[i]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Transpose {
    /// The input axis of each output axis.
    pub permutation: Vec<usize>,
}

impl Rule for Transpose {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = operand(inputs, 0)?;
        let mut sorted = self.permutation.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..operand.shape.len()) {
            return Err(invalid!("{:?} does not permute the axes of {operand}", self.permutation));
        }
        let shape = self.permutation.iter().map(|&axis| operand.shape[axis]).collect();
        Ok(TensorType { data_type: operand.data_type, shape })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let tensor = operand(inputs, 0)?;
        let strides = contiguous(&tensor.shape);
        let strides: Vec<_> = self.permutation.iter().map(|&axis| strides[axis]).collect();
        Ok(tensor.data.pick(offsets(&result.shape, &strides, 0)))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            ("reversed", "x: i64[2,3] = 1 2 3 4 5 6\ny = Transpose(x)", "i64[3,2] = 1 4 2 5 3 6"),
            (
                "permuted",
                "x: i64[1,2,3] = 1 2 3 4 5 6\ny = Transpose(x, perm=[2,0,1])",
                "i64[3,1,2] = 1 4 2 5 3 6",
            ),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("axis twice", "x: f32[2,2]\ny = Transpose(x, perm=[0,0])", "does not permute"),
            ("too few", "x: f32[2,2]\ny = Transpose(x, perm=[0])", "does not permute"),
            ("negative", "x: f32[2,2]\ny = Transpose(x, perm=[-1,0])", "does not permute"),
        ]);
    }
}
