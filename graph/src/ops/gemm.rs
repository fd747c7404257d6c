//! General matrix product of two rank-2 operands.

use super::matmul::multiply;
use super::{Rule, float_operand, operand, optional, optional_floats};
use crate::error::{Error, invalid};
use crate::strided::{broadcast, broadcast_strides, offsets};
use crate::tensor::{Data, Tensor, TensorType};

/// `alpha · A' · B' + beta · C`, where a prime is an optional transpose. Inputs: A, B, optional C.
///
/// Optimised graphs hold it only where it could not become a MatMul.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gemm {
    /// True where A is transposed.
    pub transpose_a: bool,
    /// True where B is transposed.
    pub transpose_b: bool,
    /// Factor of the product.
    pub alpha: f32,
    /// Factor of C.
    pub beta: f32,
}

/// Rows and columns of an operand after its transpose.
fn extents(operand: &TensorType, transposed: bool) -> Result<(usize, usize), Error> {
    match (operand.shape.as_slice(), transposed) {
        (&[rows, columns], false) | (&[columns, rows], true) => Ok((rows, columns)),
        _ => Err(invalid!("{operand} is no matrix")),
    }
}

fn matrix(operand: &Tensor, transposed: bool) -> Vec<f32> {
    let elements = operand.as_f32().unwrap_or_default();
    let (rows, columns) = (operand.shape[0], operand.shape[1]);
    if !transposed {
        return elements.to_vec();
    }
    offsets(&[columns, rows], &[1, columns as isize], 0).map(|at| elements[at]).collect()
}

impl Rule for Gemm {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (a, b) = (float_operand(inputs, 0)?, float_operand(inputs, 1)?);
        let ((rows, inner), (depth, columns)) =
            (extents(a, self.transpose_a)?, extents(b, self.transpose_b)?);
        if inner != depth {
            return Err(invalid!("{a} and {b} do not multiply: {inner} is not {depth}"));
        }
        let result = TensorType { data_type: a.data_type, shape: vec![rows, columns] };
        if optional(inputs, 2).is_some() {
            let c = float_operand(inputs, 2)?;
            if broadcast(&c.shape, &result.shape)? != result.shape {
                return Err(invalid!("{c} does not expand to {result}"));
            }
        }
        Ok(result)
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let (a, b) = (operand(inputs, 0)?, operand(inputs, 1)?);
        let inner = a.shape[usize::from(!self.transpose_a)];
        let (left, right) = (matrix(a, self.transpose_a), matrix(b, self.transpose_b));
        let mut sums = multiply(&left, &right, inner, result.shape[1]);
        sums.resize(result.element_count(), 0.0);
        sums.iter_mut().for_each(|sum| *sum *= f64::from(self.alpha));
        if let Some(c) = optional_floats(inputs, 2)? {
            let strides = broadcast_strides(&operand(inputs, 2)?.shape, &result.shape);
            let added = offsets(&result.shape, &strides, 0).map(|at| f64::from(self.beta) * f64::from(c[at]));
            sums.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
        }
        Ok(Data::F32(sums.into_iter().map(|sum| sum as f32).collect()))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            ("plain", "a: f32[1,2] = 1 2\nb: f32[2,2] = 3 4 5 6\ny = Gemm(a, b)", "f32[1,2] = 13 16"),
            (
                "transposed",
                "a: f32[2,1] = 1 2\nb: f32[2,2] = 3 5 4 6\ny = Gemm(a, b, transA=1, transB=1)",
                "f32[1,2] = 13 16",
            ),
            (
                "scaled",
                "a: f32[1,2] = 1 2\nb: f32[2,2] = 3 4 5 6\nc: f32[2] = 1 2\ny = Gemm(a, b, c, alpha=0.5, beta=2.0)",
                "f32[1,2] = 8.5 12",
            ),
            (
                "column",
                "a: f32[2,1] = 1 1\nb: f32[1,2] = 1 1\nc: f32[2,1] = 1 2\ny = Gemm(a, b, c)",
                "f32[2,2] = 2 2 3 3",
            ),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("inner extents", "a: f32[2,3]\ny = Gemm(a, a)", "3 is not 2"),
            ("rank", "a: f32[1,2,2]\ny = Gemm(a, a)", "no matrix"),
            ("c", "a: f32[2,2]\nc: f32[3]\ny = Gemm(a, a, c)", "do not broadcast"),
        ]);
    }
}
