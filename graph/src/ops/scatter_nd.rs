//! Writes elements or slices by index tuples.

use super::gather::{check_indices, position};
use super::{Rule, Scatter, operand};
use crate::error::{Error, invalid};
use crate::strided::contiguous;
use crate::tensor::{Data, Tensor, TensorType};

/// Its first input with updates, the third, in the slices that the last dimension of the second names (negative
/// indices count from the end). Updates apply in the order of the tuples. A tuple outside is refused; on a
/// device, which cannot refuse, its update is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScatterNd {
    /// How updates join what is there.
    pub scatter: Scatter,
}

impl Rule for ScatterNd {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (data, indices, updates) = (operand(inputs, 0)?, operand(inputs, 1)?, operand(inputs, 2)?);
        check_indices(indices)?;
        self.scatter.check(data, updates)?;
        let misfit = || invalid!("{indices} with {updates} does not update {data}");
        let (&tuple, lead) = indices.shape.split_last().ok_or_else(misfit)?;
        let rest = data.shape.get(tuple..).ok_or_else(misfit)?;
        if updates.shape != [lead, rest].concat() {
            return Err(misfit());
        }
        Ok(data.clone())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], _: &TensorType) -> Result<Data, Error> {
        let (data, indices, updates) = (operand(inputs, 0)?, operand(inputs, 1)?, operand(inputs, 2)?);
        let length = indices.shape.last().copied().unwrap_or(0);
        let strides = contiguous(&data.shape);
        let window: usize = data.shape[length..].iter().product();
        let numbers = indices.to_i64_vec().unwrap_or_default();
        let mut places = Vec::with_capacity(updates.len());
        for tuple in 0..updates.len().checked_div(window).unwrap_or(0) {
            let mut start = 0;
            for axis in 0..length {
                let index = numbers[tuple * length + axis];
                start += position(index, data.shape[axis])? * strides[axis] as usize;
            }
            places.extend(start..start + window);
        }
        self.scatter.apply(data, updates, &places)
    }
}
