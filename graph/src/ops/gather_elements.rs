//! Picks single elements along an axis by index.

use super::gather::{check_indices, position};
use super::{Rule, operand};
use crate::error::{Error, invalid};
use crate::strided::{contiguous, offsets};
use crate::tensor::{Data, Tensor, TensorType};

/// Picks from its first input the elements at the coordinates of the second's elements, but along `axis` at the
/// index that the second holds there (negative ones count from the end). Other extents of the indices may be
/// smaller than those of the data. An index outside is refused; on a device, which cannot refuse, it is moved
/// to the nearest element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GatherElements {
    /// The axis that the indices select from.
    pub axis: usize,
}

/// Refuses indices that do not lie along an axis of the data, with at most its other extents.
pub(super) fn check_coordinates(data: &TensorType, indices: &TensorType, axis: usize) -> Result<(), Error> {
    check_indices(indices)?;
    let mut pairs = data.shape.iter().zip(&indices.shape).enumerate();
    let same_rank = data.shape.len() == indices.shape.len() && axis < data.shape.len();
    if !same_rank || pairs.any(|(at, (extent, count))| at != axis && count > extent) {
        return Err(invalid!("{indices} does not index {data} along axis {axis}"));
    }
    Ok(())
}

/// The offsets in data of this shape of the elements that the indices name, in the order of the indices.
pub(super) fn places(shape: &[usize], indices: &Tensor, axis: usize) -> Result<Vec<usize>, Error> {
    let strides = contiguous(shape);
    let (along, mut across) = (strides[axis] as usize, strides);
    across[axis] = 0;
    let numbers = indices.to_i64_vec().unwrap_or_default();
    let starts = offsets(&indices.shape, &across, 0);
    let place = |(start, index)| Ok(start + position(index, shape[axis])? * along);
    starts.zip(numbers).map(place).collect()
}

impl Rule for GatherElements {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (data, indices) = (operand(inputs, 0)?, operand(inputs, 1)?);
        check_coordinates(data, indices, self.axis)?;
        Ok(TensorType::new(data.data_type, indices.shape.as_slice()))
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], _: &TensorType) -> Result<Data, Error> {
        let (data, indices) = (operand(inputs, 0)?, operand(inputs, 1)?);
        Ok(data.data.pick(places(&data.shape, indices, self.axis)?.into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // The examples of the ONNX specification.
        check(&[
            (
                "columns",
                "x: f32[2,2] = 1 2 3 4\ni: i64[2,2] = 0 0 1 0\ny = GatherElements(x, i, axis=1)",
                "f32[2,2] = 1 1 4 3",
            ),
            (
                "rows",
                "x: i32[3,3] = 1 2 3 4 5 6 7 8 9\ni: i32[2,3] = 1 2 0 2 0 0\ny = GatherElements(x, i)",
                "i32[2,3] = 4 8 3 7 2 3",
            ),
            ("negative", "x: bool[3] = 0 1 0\ni: i64[1] = -2\ny = GatherElements(x, i)", "bool[1] = 1"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("outside", "x: f32[2] = 1 2\ni: i64[1] = 2\ny = GatherElements(x, i)", "lies outside"),
            ("rank", "x: f32[2]\ni: i64[1,1]\ny = GatherElements(x, i)", "does not index"),
            ("larger", "x: f32[2,2]\ni: i64[1,3]\ny = GatherElements(x, i)", "does not index"),
        ]);
    }
}
