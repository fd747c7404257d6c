//! Picks elements or slices by index tuples.

use super::gather::{check_indices, position};
use super::{Rule, operand};
use crate::error::{Error, invalid};
use crate::strided::contiguous;
use crate::tensor::{Data, Tensor, TensorType};

/// Picks from its first input the slices named by the last dimension of the second, ONNX GatherND.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GatherNd {
    /// Leading dimensions that both inputs share.
    pub batch_dimensions: usize,
}

impl Rule for GatherNd {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (data, indices) = (operand(inputs, 0)?, operand(inputs, 1)?);
        check_indices(indices)?;
        let batch = self.batch_dimensions;
        let misfit = || invalid!("{indices} does not index {data} after {batch} batch dimensions");
        let (tuple, lead) = indices.shape.split_last().ok_or_else(misfit)?;
        if lead.get(..batch).is_none() || lead.get(..batch) != data.shape.get(..batch) {
            return Err(misfit());
        }
        let rest = tuple.checked_add(batch).and_then(|start| data.shape.get(start..)).ok_or_else(misfit)?;
        Ok(TensorType { data_type: data.data_type, shape: [lead, rest].concat() })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let (data, indices) = (operand(inputs, 0)?, operand(inputs, 1)?);
        let batch = self.batch_dimensions;
        let tuple = indices.shape.last().copied().unwrap_or(0);
        let strides = contiguous(&data.shape);
        let batches: usize = data.shape[..batch].iter().product();
        let per_batch: usize = data.shape[batch..].iter().product();
        let window: usize = data.shape[batch + tuple..].iter().product();
        let numbers = indices.to_i64_vec().unwrap_or_default();
        let tuples = result.element_count().checked_div(window).unwrap_or(0);
        let mut starts = Vec::with_capacity(tuples);
        for which in 0..tuples {
            let mut start = which / (tuples / batches) * per_batch;
            for axis in 0..tuple {
                let at = position(numbers[which * tuple + axis], data.shape[batch + axis])?;
                start += at * strides[batch + axis] as usize;
            }
            starts.push(start);
        }
        Ok(data.data.pick(starts.into_iter().flat_map(|start| start..start + window)))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // The examples of the ONNX specification.
        check(&[
            ("elements", "x: i32[2,2] = 0 1 2 3\ni: i64[2,2] = 0 0 1 1\ny = GatherND(x, i)", "i32[2] = 0 3"),
            ("rows", "x: i32[2,2] = 0 1 2 3\ni: i64[2,1] = 1 0\ny = GatherND(x, i)", "i32[2,2] = 2 3 0 1"),
            (
                "slices",
                "x: i32[2,2,2] = 0 1 2 3 4 5 6 7\ni: i64[2,2] = 0 1 1 0\ny = GatherND(x, i)",
                "i32[2,2] = 2 3 4 5",
            ),
            (
                "batch",
                "x: i32[2,2,2] = 0 1 2 3 4 5 6 7\ni: i64[2,1] = 1 0\ny = GatherND(x, i, batch_dims=1)",
                "i32[2,2] = 2 3 4 5",
            ),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("too deep", "x: i32[2,2]\ni: i64[2,3]\ny = GatherND(x, i)", "does not index"),
            ("outside", "x: i32[2] = 1 2\ni: i64[1,1] = 2\ny = GatherND(x, i)", "lies outside"),
            ("batch", "x: i32[2,2]\ni: i64[3,1]\ny = GatherND(x, i, batch_dims=1)", "does not index"),
        ]);
    }
}
