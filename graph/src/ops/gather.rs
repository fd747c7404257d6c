//! Picks slices along an axis by index.

use super::{Rule, operand};
use crate::error::{Error, invalid};
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// Picks slices of its first input along `axis`, at the indices of the second (negative ones count from
/// the end).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gather {
    /// The axis that the indices select from.
    pub axis: usize,
}

/// Refuses what cannot be an index.
pub(super) fn check_indices(indices: &TensorType) -> Result<(), Error> {
    match indices.data_type {
        DataType::I64 | DataType::I32 => Ok(()),
        DataType::F32 | DataType::F16 | DataType::U8 | DataType::I8 | DataType::Bool => {
            Err(invalid!("indices are {indices}, neither i64 nor i32"))
        }
    }
}

/// An index counted from the front.
pub(super) fn position(index: i64, extent: usize) -> Result<usize, Error> {
    let from_front = if index < 0 { index.saturating_add(extent as i64) } else { index };
    let found = usize::try_from(from_front).ok().filter(|&index| index < extent);
    found.ok_or_else(|| invalid!("index {index} lies outside an axis of {extent}"))
}

impl Rule for Gather {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (data, indices) = (operand(inputs, 0)?, operand(inputs, 1)?);
        check_indices(indices)?;
        if self.axis >= data.shape.len() {
            return Err(invalid!("{data} has no axis {}", self.axis));
        }
        let shape = [&data.shape[..self.axis], &indices.shape, &data.shape[self.axis + 1..]].concat();
        Ok(TensorType { data_type: data.data_type, shape })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], _: &TensorType) -> Result<Data, Error> {
        let (data, indices) = (operand(inputs, 0)?, operand(inputs, 1)?);
        let extent = data.shape[self.axis];
        let indices = indices.to_i64_vec().unwrap_or_default().into_iter();
        let positions = indices.map(|index| position(index, extent)).collect::<Result<Vec<_>, _>>()?;
        let before: usize = data.shape[..self.axis].iter().product();
        let after: usize = data.shape[self.axis + 1..].iter().product();
        let starts = (0..before)
            .flat_map(|outer| positions.iter().map(move |position| (outer * extent + position) * after));
        Ok(data.data.pick(starts.flat_map(|start| start..start + after)))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // The first two are the examples of the ONNX specification.
        check(&[
            (
                "axis 0",
                "x: f32[3,2] = 1 1.2 2.3 3.4 4.5 5.7\ni: i64[2,2] = 0 1 1 2\ny = Gather(x, i, axis=0)",
                "f32[2,2,2] = 1 1.2 2.3 3.4 2.3 3.4 4.5 5.7",
            ),
            (
                "axis 1",
                "x: f32[3,3] = 1 1.2 1.9 2.3 3.4 3.9 4.5 5.7 5.9\ni: i64[1,2] = 0 2\ny = Gather(x, i, axis=1)",
                "f32[3,1,2] = 1 1.9 2.3 3.9 4.5 5.9",
            ),
            ("negative", "x: i64[3] = 5 6 7\ni: i32[] = -1\ny = Gather(x, i)", "i64[] = 7"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("outside", "x: i64[3] = 5 6 7\ni: i64[] = 3\ny = Gather(x, i)", "index 3 lies outside"),
            ("float index", "x: i64[3]\ni: f32[]\ny = Gather(x, i)", "neither i64 nor i32"),
        ]);
    }
}
