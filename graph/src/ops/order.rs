//! The order of the elements along an axis.

use std::cmp::Ordering;

use super::{Rule, operand};
use crate::error::{Error, invalid, unsupported};
use crate::strided::rows;
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// The indices (i64, from the front) of the first `count` elements along `axis`, the largest or the smallest
/// first. NaN is larger than every number and as large as itself; zeros are equal whatever their sign; equal
/// elements stay in the order of their indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order {
    /// The axis sorted.
    pub axis: usize,
    /// True where the largest element comes first, not the smallest.
    pub largest: bool,
    /// The number of indices wanted, at most the extent of the axis.
    pub count: usize,
}

/// Refuses what has no order.
pub(super) fn check_orderable(operand: &TensorType) -> Result<&TensorType, Error> {
    if operand.data_type == DataType::Bool {
        return Err(unsupported!("its operand is {operand}"));
    }
    Ok(operand)
}

/// The comparison of the elements at two offsets.
pub(super) fn comparison(tensor: &Tensor) -> Box<dyn Fn(usize, usize) -> Ordering + '_> {
    let Some(floats) = tensor.as_f32() else {
        let integers = tensor.to_i64_vec().unwrap_or_default();
        return Box::new(move |left, right| integers[left].cmp(&integers[right]));
    };
    Box::new(|left, right| {
        let (left, right) = (floats[left], floats[right]);
        left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
    })
}

impl Rule for Order {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = check_orderable(operand(inputs, 0)?)?;
        if operand.shape.get(self.axis).is_none_or(|&extent| self.count > extent) {
            return Err(invalid!("{operand} has no {} elements along an axis {}", self.count, self.axis));
        }
        let mut shape = operand.shape.clone();
        shape[self.axis] = self.count;
        Ok(TensorType::new(DataType::I64, shape))
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let tensor = operand(inputs, 0)?;
        let (starts, stride) = rows(&tensor.shape, self.axis);
        let (places, _) = rows(&result.shape, self.axis);
        let compare = comparison(tensor);
        let mut indices = vec![0; result.element_count()];
        for (start, place) in starts.zip(places) {
            let mut order: Vec<usize> = (0..tensor.shape[self.axis]).collect();
            order.sort_by(|&left, &right| {
                let ordering = compare(start + left * stride, start + right * stride);
                if self.largest { ordering.reverse() } else { ordering }
            });
            let first = order.into_iter().take(self.count).enumerate();
            first.for_each(|(at, index)| indices[place + at * stride] = index as i64);
        }
        Ok(indices.into())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // As NumPy's stable argsort has it, NaN last.
        check(&[
            ("values", "x: f32[2,3] = 1 3 2 6 4 5\nk: i64[1] = 2\ny, i = TopK(x, k)", "f32[2,2] = 3 2 6 5"),
            ("indices", "x: f32[2,3] = 1 3 2 6 4 5\nk: i64[1] = 2\nv, y = TopK(x, k)", "i64[2,2] = 1 2 0 2"),
            (
                "smallest, columns",
                "x: i32[2,2] = 4 1 3 2\nk: i64[1] = 1\ny, i = TopK(x, k, axis=0, largest=0)",
                "i32[1,2] = 3 1",
            ),
            (
                "equals keep their order",
                "x: f32[4] = 1 0 1 -0.0\nk: i64[1] = 4\nv, y = TopK(x, k)",
                "i64[4] = 0 2 1 3",
            ),
            (
                "nan is largest",
                "x: f32[4] = 1 nan inf nan\nk: i64[1] = 3\nv, y = TopK(x, k)",
                "i64[3] = 1 3 2",
            ),
            ("k as attribute", "opset 9\nx: f32[3] = 1 3 2\ny, i = TopK(x, k=1)", "f32[1] = 3"),
            ("none", "x: f32[3] = 1 3 2\nk: i64[1] = 0\ny, i = TopK(x, k)", "f32[0] ="),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("too many", "x: f32[2]\nk: i64[1] = 3\ny, i = TopK(x, k)", "no 3 elements"),
            ("negative", "x: f32[2]\nk: i64[1] = -1\ny, i = TopK(x, k)", "k is -1"),
            ("unknown", "x: f32[2]\nk: i64[1]\ny, i = TopK(x, k)", "depend on the data"),
        ]);
    }
}
