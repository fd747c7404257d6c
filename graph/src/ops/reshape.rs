//! A new shape for the same elements in the same order: Reshape, Squeeze, Unsqueeze, Flatten.

use super::{Rule, operand};
use crate::error::{Error, invalid};
use crate::tensor::{Data, Tensor, TensorType};

/// Gives its input another shape; no element moves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reshape {
    /// The output's shape.
    pub shape: Vec<usize>,
}

impl Rule for Reshape {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = operand(inputs, 0)?;
        let result = TensorType { data_type: operand.data_type, shape: self.shape.clone() };
        if result.checked_count() != Some(operand.element_count()) {
            return Err(invalid!("{operand} does not become {:?}", self.shape));
        }
        Ok(result)
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], _: &TensorType) -> Result<Data, Error> {
        Ok(operand(inputs, 0)?.data.clone())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            ("plain", "x: i64[4] = 1 2 3 4\ns: i64[2] = 2 2\ny = Reshape(x, s)", "i64[2,2] = 1 2 3 4"),
            ("rest", "x: i64[4] = 1 2 3 4\ns: i64[2] = -1 2\ny = Reshape(x, s)", "i64[2,2] = 1 2 3 4"),
            (
                "copied extent",
                "x: i64[2,2] = 1 2 3 4\ns: i64[3] = 0 1 -1\ny = Reshape(x, s)",
                "i64[2,1,2] = 1 2 3 4",
            ),
            ("true zero", "x: i64[0] =\ns: i64[2] = 0 7\ny = Reshape(x, s, allowzero=1)", "i64[0,7] ="),
            ("to scalar", "x: i64[1] = 5\ns: i64[0] =\ny = Reshape(x, s)", "i64[] = 5"),
            ("flatten", "x: i64[1,2,2] = 1 2 3 4\ny = Flatten(x, axis=2)", "i64[2,2] = 1 2 3 4"),
            ("flatten at the end", "x: i64[2] = 1 2\ny = Flatten(x)", "i64[2,1] = 1 2"),
            ("squeeze all", "x: i64[1,2,1] = 1 2\ny = Squeeze(x)", "i64[2] = 1 2"),
            ("squeeze one", "x: i64[1,2,1] = 1 2\na: i64[1] = -1\ny = Squeeze(x, a)", "i64[1,2] = 1 2"),
            ("unsqueeze", "x: i64[2] = 1 2\na: i64[2] = 0 -1\ny = Unsqueeze(x, a)", "i64[1,2,1] = 1 2"),
            ("axes as attribute", "opset 11\nx: i64[2] = 1 2\ny = Unsqueeze(x, axes=[1])", "i64[2,1] = 1 2"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("count", "x: f32[4]\ns: i64[1] = 3\ny = Reshape(x, s)", "does not become"),
            ("rest does not divide", "x: f32[4]\ns: i64[2] = -1 3\ny = Reshape(x, s)", "does not become"),
            ("two rests", "x: f32[4]\ns: i64[2] = -1 -1\ny = Reshape(x, s)", "does not become"),
            ("no extent to copy", "x: f32[4]\ns: i64[2] = 4 0\ny = Reshape(x, s)", "does not become"),
            ("squeeze of two", "x: f32[2]\na: i64[1] = 0\ny = Squeeze(x, a)", "not 1"),
            ("axis twice", "x: f32[2]\na: i64[2] = 0 0\ny = Unsqueeze(x, a)", "twice"),
            ("shape from data", "x: f32[4]\ns: i64[1]\ny = Reshape(x, s)", "depend on the data"),
        ]);
    }
}
