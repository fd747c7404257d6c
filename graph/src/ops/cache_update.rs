//! New rows written into a cache of fixed capacity.

use half::f16;

use super::{Rule, operand};
use crate::error::{Error, invalid};
use crate::tensor::{Data, DataType, Element, Tensor, TensorType};

/// The first input with the rows of the second in place of its own, along `axis`, from the position that the
/// third (an i64 scalar) says. What a decoder makes of `Concat(past, new)` when the past has a fixed capacity.
///
/// The rows have to fit: a position beyond capacity less rows is an error here, and undefined on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheUpdate {
    /// The axis along which rows lie.
    pub axis: usize,
}

impl Rule for CacheUpdate {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (cache, rows, position) = (operand(inputs, 0)?, operand(inputs, 1)?, operand(inputs, 2)?);
        let fits = |(axis, (&own, &new)): (usize, (&usize, &usize))| match axis == self.axis {
            true => new <= own,
            false => new == own,
        };
        let same_rank = cache.shape.len() == rows.shape.len() && self.axis < cache.shape.len();
        let fitting = cache.shape.iter().zip(&rows.shape).enumerate().all(fits);
        if !same_rank || !fitting || cache.data_type != rows.data_type {
            return Err(invalid!("{rows} does not fit into {cache} along axis {}", self.axis));
        }
        if position.data_type != DataType::I64 || position.element_count() != 1 {
            return Err(invalid!("its position is {position}, not one i64"));
        }
        Ok(cache.clone())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let position = operand(inputs, 2)?.to_i64_vec().unwrap_or_default().first().copied().unwrap_or(0);
        let (extent, rows) = (result.shape[self.axis], operand(inputs, 1)?.shape[self.axis]);
        let position = usize::try_from(position).ok().filter(|at| at + rows <= extent);
        let position = position.ok_or_else(|| invalid!("{rows} rows do not fit into {extent} from there"))?;
        Ok(match result.data_type {
            DataType::F32 => self.write::<f32>(inputs, result, position),
            DataType::F16 => self.write::<f16>(inputs, result, position),
            DataType::I64 => self.write::<i64>(inputs, result, position),
            DataType::I32 => self.write::<i32>(inputs, result, position),
            DataType::U8 => self.write::<u8>(inputs, result, position),
            DataType::I8 => self.write::<i8>(inputs, result, position),
            DataType::Bool => self.write::<bool>(inputs, result, position),
        })
    }
}

impl CacheUpdate {
    fn write<T: Element>(&self, inputs: &[Option<&Tensor>], result: &TensorType, position: usize) -> Data {
        let elements = |index: usize| inputs[index].and_then(Tensor::elements::<T>).unwrap_or_default();
        let (mut updated, new) = (elements(0).to_vec(), elements(1));
        let stride: usize = result.shape[self.axis + 1..].iter().product();
        let (period, start) = (result.shape[self.axis] * stride, position * stride);
        let blocks: usize = result.shape[..self.axis].iter().product();
        let length = new.len() / blocks.max(1);
        for block in 0..blocks {
            let target = block * period + start;
            updated[target..target + length].copy_from_slice(&new[block * length..(block + 1) * length]);
        }
        T::wrap(updated.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operator;
    use crate::text::tensor;

    fn run(axis: usize, operands: [&str; 3]) -> Result<Tensor, Error> {
        let operands = operands.map(|text| tensor(text).unwrap());
        let operands: Vec<_> = operands.iter().map(Some).collect();
        Ok(Operator::CacheUpdate(CacheUpdate { axis }).evaluate(&operands)?.swap_remove(0))
    }

    #[test]
    fn rows_are_written_where_the_position_says() {
        let cases = [
            (0, ["f32[3] = 1 2 3", "f32[1] = 9", "i64[] = 1"], "f32[3] = 1 9 3"),
            (1, ["i64[2,3] = 1 2 3 4 5 6", "i64[2,2] = 7 8 9 0", "i64[] = 1"], "i64[2,3] = 1 7 8 4 9 0"),
            (0, ["bool[2,1] = 0 0", "bool[2,1] = 1 1", "i64[1] = 0"], "bool[2,1] = 1 1"),
        ];
        for (axis, operands, expected) in cases {
            assert_eq!(run(axis, operands), tensor(expected), "{operands:?}");
        }
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        for (axis, operands, part) in [
            (0, ["f32[3] = 1", "f32[1] = 9", "i64[] = 3"], "do not fit into 3"),
            (0, ["f32[3] = 1", "f32[1] = 9", "i64[] = -1"], "do not fit into 3"),
            (0, ["f32[3] = 1", "f32[4] = 9", "i64[] = 0"], "does not fit into f32[3]"),
            (1, ["f32[2,3] = 1", "f32[1,1] = 9", "i64[] = 0"], "does not fit into f32[2, 3]"),
            (0, ["f32[3] = 1", "i64[1] = 9", "i64[] = 0"], "does not fit into f32[3]"),
            (0, ["f32[3] = 1", "f32[1] = 9", "f32[] = 0"], "not one i64"),
        ] {
            let message = run(axis, operands).unwrap_err().to_string();
            assert!(message.contains(part), "{operands:?}: {message}");
        }
    }
}
