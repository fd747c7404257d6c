//! Where the largest or smallest element along an axis lies.

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
    /// Whether the largest element is wanted, not the smallest.
    pub largest: bool,
    /// Which of several equal elements counts: the last, not the first.
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
