//! Broadcasts a tensor to a larger shape.

use super::{Rule, operand};
use crate::error::{Error, invalid};
use crate::strided::{broadcast, broadcast_strides, offsets};
use crate::tensor::{Data, Tensor, TensorType};

/// Broadcasts its input to `shape`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Expand {
    /// The output's shape.
    pub shape: Vec<usize>,
}

impl Rule for Expand {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = operand(inputs, 0)?;
        if broadcast(&operand.shape, &self.shape)? != self.shape {
            return Err(invalid!("{operand} does not expand to {:?}", self.shape));
        }
        Ok(TensorType { data_type: operand.data_type, shape: self.shape.clone() })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let tensor = operand(inputs, 0)?;
        let strides = broadcast_strides(&tensor.shape, &result.shape);
        Ok(tensor.data.pick(offsets(&result.shape, &strides, 0)))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            (
                "grows",
                "x: f32[3,1] = 1 2 3\ns: i64[3] = 2 1 2\ny = Expand(x, s)",
                "f32[2,3,2] = 1 1 2 2 3 3 1 1 2 2 3 3",
            ),
            ("ones keep", "x: i64[3,1] = 1 2 3\ns: i64[2] = 3 1\ny = Expand(x, s)", "i64[3,1] = 1 2 3"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("shape", "x: f32[3]\ns: i64[1] = 2\ny = Expand(x, s)", "do not broadcast"),
            ("shape from data", "x: f32[3]\ns: i64[1]\ny = Expand(x, s)", "depend on the data"),
        ]);
    }
}
