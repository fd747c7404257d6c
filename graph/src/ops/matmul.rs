//! Matrix product with NumPy's batch rules, with bias and activation fused in.

use super::unary::Activation;
use super::{Rule, float_operand, floats, operand, optional, optional_floats};
use crate::error::{Error, invalid};
use crate::strided::{broadcast, broadcast_strides, offsets};
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// `activation(A · B + bias)`. Inputs: `A [batch…, m, k]`, `B [batch…, k, n]`, optional `bias [n]`.
/// A and B may both be i32, without bias and activation; then sums wrap around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MatMul {
    /// Applied to each result.
    pub activation: Option<Activation>,
}

/// Operand shapes as stacks of matrices: a vector counts as a row on the left, as a column on the right.
fn matrices(left: &[usize], right: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let left = if left.len() == 1 { vec![1, left[0]] } else { left.to_vec() };
    let right = if right.len() == 1 { vec![right[0], 1] } else { right.to_vec() };
    (left, right)
}

/// The shape without its last two extents, and those.
fn split(shape: &[usize]) -> (&[usize], usize, usize) {
    let at = shape.len() - 2;
    (&shape[..at], shape[at], shape[at + 1])
}

/// `left [rows, inner] · right [inner, columns]`, added up in f64.
pub(super) fn multiply(left: &[f32], right: &[f32], inner: usize, columns: usize) -> Vec<f64> {
    let rows = left.len().checked_div(inner).unwrap_or(0);
    sums(left, right, [rows, inner, columns], |sum: f64, left, right| {
        sum + f64::from(left) * f64::from(right)
    })
}

/// `left [rows, inner] · right [inner, columns]`, whatever that means for the type of the sums.
fn sums<T: Copy, S: Copy + Default>(
    left: &[T],
    right: &[T],
    [rows, inner, columns]: [usize; 3],
    add: impl Fn(S, T, T) -> S,
) -> Vec<S> {
    let mut product = vec![S::default(); rows * columns];
    for row in 0..rows {
        let sums = &mut product[row * columns..(row + 1) * columns];
        for at in 0..inner {
            let factor = left[row * inner + at];
            let elements = &right[at * columns..(at + 1) * columns];
            sums.iter_mut().zip(elements).for_each(|(sum, &element)| *sum = add(*sum, factor, element));
        }
    }
    product
}

/// The product of two stacks of matrices, whose shapes broadcast.
fn stacks<T: Copy, S: Copy + Default>(
    (left, left_shape): (&[T], &[usize]),
    (right, right_shape): (&[T], &[usize]),
    add: impl Fn(S, T, T) -> S,
) -> Result<Vec<S>, Error> {
    let (left_shape, right_shape) = matrices(left_shape, right_shape);
    let ((left_batch, rows, inner), (right_batch, _, columns)) = (split(&left_shape), split(&right_shape));
    let batch = broadcast(left_batch, right_batch)?;
    let walk = |part: &[usize]| offsets(&batch, &broadcast_strides(part, &batch), 0);
    let mut product = Vec::new();
    for (l, r) in walk(left_batch).zip(walk(right_batch)) {
        let left = &left[l * rows * inner..(l + 1) * rows * inner];
        let right = &right[r * inner * columns..(r + 1) * inner * columns];
        product.extend(sums(left, right, [rows, inner, columns], &add));
    }
    Ok(product)
}

/// Refuses operands other than f32, and i32 where bias and activation are left out.
fn factors<'a>(
    inputs: &[Option<&'a TensorType>],
    activation: Option<Activation>,
) -> Result<[&'a TensorType; 2], Error> {
    let [left, right] = [operand(inputs, 0)?, operand(inputs, 1)?];
    if left.data_type == DataType::I32 && right.data_type == DataType::I32 {
        if activation.is_some() || optional(inputs, 2).is_some() {
            return Err(invalid!("{left} and {right} multiply without bias and activation only"));
        }
        return Ok([left, right]);
    }
    Ok([float_operand(inputs, 0)?, float_operand(inputs, 1)?])
}

impl Rule for MatMul {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let [left, right] = factors(inputs, self.activation)?;
        if left.shape.is_empty() || right.shape.is_empty() {
            return Err(invalid!("{left} and {right} are no matrices"));
        }
        let (left_shape, right_shape) = matrices(&left.shape, &right.shape);
        let ((left_batch, rows, inner), (right_batch, depth, columns)) =
            (split(&left_shape), split(&right_shape));
        if inner != depth {
            return Err(invalid!("{left} and {right} do not multiply: {inner} is not {depth}"));
        }
        let mut shape = broadcast(left_batch, right_batch)?;
        shape.extend((left.shape.len() > 1).then_some(rows));
        shape.extend((right.shape.len() > 1).then_some(columns));
        if let Some(bias) = optional(inputs, 2)
            && bias.shape != [columns]
        {
            return Err(invalid!("bias {bias} is not as long as {columns} columns"));
        }
        Ok(TensorType { data_type: left.data_type, shape })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let (left, right) = (operand(inputs, 0)?, operand(inputs, 1)?);
        if let (Some(l), Some(r)) = (left.elements::<i32>(), right.elements::<i32>()) {
            let add = |sum: i32, left: i32, right: i32| sum.wrapping_add(left.wrapping_mul(right));
            return Ok(stacks((l, &left.shape), (r, &right.shape), add)?.into());
        }
        let add = |sum: f64, left, right| sum + f64::from(left) * f64::from(right);
        let (left, right) = ((floats(inputs, 0)?, &left.shape[..]), (floats(inputs, 1)?, &right.shape[..]));
        let product = stacks(left, right, add)?;
        let columns = if right.1.len() == 1 { 1 } else { result.shape.last().copied().unwrap_or(1) };
        let bias = optional_floats(inputs, 2)?;
        let finish = |(at, sum): (usize, f64)| {
            let sum = sum + bias.map_or(0.0, |bias| f64::from(bias[at % columns]));
            self.activation.map_or(sum as f32, |activation| activation.apply(sum as f32))
        };
        Ok(Data::F32(product.into_iter().enumerate().map(finish).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Operator;
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            (
                "fused, transposed",
                "a: f32[2,1] = 1 2\nb: f32[2,2] = 5 6 7 8\n\
                 y = com.microsoft.FusedMatMul(a, b, transA=1, transB=1, alpha=0.5)",
                "f32[1,2] = 8.5 11.5",
            ),
            (
                "matrices",
                "a: f32[2,2] = 1 2 3 4\nb: f32[2,2] = 5 6 7 8\ny = MatMul(a, b)",
                "f32[2,2] = 19 22 43 50",
            ),
            ("batches", "a: f32[2,1,2] = 1 2 3 4\nb: f32[2,1] = 5 6\ny = MatMul(a, b)", "f32[2,1,1] = 17 39"),
            (
                "batches on both sides",
                "a: f32[2,1,1] = 1 2\nb: f32[2,1,1] = 3 4\ny = MatMul(a, b)",
                "f32[2,1,1] = 3 8",
            ),
            ("vectors", "a: f32[2] = 1 2\nb: f32[2] = 3 4\ny = MatMul(a, b)", "f32[] = 11"),
            (
                "vector and matrix",
                "a: f32[2] = 1 2\nb: f32[2,3] = 1 2 3 4 5 6\ny = MatMul(a, b)",
                "f32[3] = 9 12 15",
            ),
            ("nothing to add up", "a: f32[1,0] =\nb: f32[0,2] =\ny = MatMul(a, b)", "f32[1,2] = 0 0"),
        ]);
    }

    #[test]
    fn bias_and_activation_come_after_the_product() {
        let operator = Operator::MatMul(MatMul { activation: Some(Activation::Relu) });
        let tensor = |shape: &[usize], elements: &[f32]| Tensor::new(shape, elements.to_vec()).unwrap();
        let (a, b, c) = (tensor(&[1, 1], &[2.0]), tensor(&[1, 2], &[3.0, -3.0]), tensor(&[2], &[1.0, 1.0]));
        let result = operator.evaluate(&[Some(&a), Some(&b), Some(&c)]).unwrap();
        assert_eq!(result, [tensor(&[1, 2], &[7.0, 0.0])]);
        assert!(operator.evaluate(&[Some(&a), Some(&b), Some(&a)]).is_err(), "a bias of another length");
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("inner extents", "a: f32[2,3]\nb: f32[2,3]\ny = MatMul(a, b)", "3 is not 2"),
            ("scalar", "a: f32[]\nb: f32[2,3]\ny = MatMul(a, b)", "no matrices"),
            ("integers", "a: i64[2,2]\ny = MatMul(a, a)", "not f32"),
        ]);
    }
}
