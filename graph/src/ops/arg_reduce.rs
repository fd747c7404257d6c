//! The index of the largest or smallest element along an axis.

use std::cmp::Ordering;

use super::order::{check_orderable, comparison};
use super::{Rule, operand};
use crate::error::{Error, invalid};
use crate::strided::rows;
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// The index (i64, from the front) of the largest or smallest element along `axis`, which is gone from the
/// result. NaN is larger than every number and as large as itself; zeros are equal whatever their sign.
/// An axis without elements is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArgReduce {
    /// The axis searched.
    pub axis: usize,
    /// True where the largest element is wanted, not the smallest.
    pub largest: bool,
    /// True where of several equal elements the last counts, not the first.
    pub last: bool,
}

impl ArgReduce {
    fn is_taken(&self, ordering: Ordering) -> bool {
        match ordering {
            Ordering::Greater => self.largest,
            Ordering::Less => !self.largest,
            Ordering::Equal => self.last,
        }
    }
}

impl Rule for ArgReduce {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = check_orderable(operand(inputs, 0)?)?;
        if operand.shape.get(self.axis).is_none_or(|&extent| extent == 0) {
            return Err(invalid!("{operand} has no elements along an axis {}", self.axis));
        }
        let mut shape = operand.shape.clone();
        shape.remove(self.axis);
        Ok(TensorType::new(DataType::I64, shape))
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], _: &TensorType) -> Result<Data, Error> {
        let tensor = operand(inputs, 0)?;
        let (starts, stride) = rows(&tensor.shape, self.axis);
        let compare = comparison(tensor);
        let search = |start: usize| {
            let better = |best: usize, at: usize| {
                if self.is_taken(compare(start + at * stride, start + best * stride)) { at } else { best }
            };
            (1..tensor.shape[self.axis]).fold(0, better) as i64
        };
        Ok(Data::I64(starts.map(search).collect()))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // Of numbers as NumPy has them; NaN as PyTorch's argmax has it.
        check(&[
            ("columns", "x: f32[2,2] = 2 1 3 10\ny = ArgMax(x, keepdims=0)", "i64[2] = 1 1"),
            ("rows", "x: f32[2,2] = 2 1 3 10\ny = ArgMin(x, axis=-1)", "i64[2,1] = 1 0"),
            ("first of equals", "x: i32[3] = 5 7 7\ny = ArgMax(x)", "i64[1] = 1"),
            ("last of equals", "x: i32[3] = 5 7 7\ny = ArgMax(x, select_last_index=1)", "i64[1] = 2"),
            ("nan is largest", "x: f32[4] = 5 nan inf nan\ny = ArgMax(x)", "i64[1] = 1"),
            ("nan is not smallest", "x: f32[3] = nan 5 4\ny = ArgMin(x)", "i64[1] = 2"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("axis", "x: f32[2]\ny = ArgMax(x, axis=1)", "no axis 1"),
            ("nothing", "x: f32[0,2]\ny = ArgMax(x)", "no elements"),
            ("bools", "x: bool[2]\ny = ArgMax(x)", "bool[2]"),
        ]);
    }
}
