//! Softmax along an axis.

use super::{Rule, float_operand, floats};
use crate::error::{Error, invalid};
use crate::tensor::{Data, Tensor, TensorType};

/// `exp(x) / sum(exp(x))` along `axis`, stable for large x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Softmax {
    /// The axis that sums to one.
    pub axis: usize,
}

impl Rule for Softmax {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = float_operand(inputs, 0)?;
        if self.axis >= operand.shape.len() {
            return Err(invalid!("{operand} has no axis {}", self.axis));
        }
        Ok(operand.clone())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let mut elements = floats(inputs, 0)?.to_vec();
        let extent = result.shape[self.axis];
        let stride: usize = result.shape[self.axis + 1..].iter().product();
        let rows = elements.len().checked_div(extent).unwrap_or(0);
        for row in 0..rows {
            let start = row / stride * stride * extent + row % stride;
            let places = || (0..extent).map(|at| start + at * stride);
            let scores: Vec<f64> = places().map(|at| f64::from(elements[at])).collect();
            places().zip(softmax(&scores)).for_each(|(at, weight)| elements[at] = weight as f32);
        }
        Ok(elements.into())
    }
}

/// The softmax of one row.
pub(crate) fn softmax(scores: &[f64]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // exp(-1, 0, 1) over their sum: the example of the ONNX specification.
        check(&[
            (
                "example",
                "x: f32[1,3] = -1 0 1\ny = Softmax(x)",
                "f32[1,3] = 0.09003058 0.24472848 0.66524094",
            ),
            ("large numbers", "x: f32[2] = 10000 10000\ny = Softmax(x)", "f32[2] = 0.5 0.5"),
            ("first axis", "x: f32[2,2] = 0 1 0 1\ny = Softmax(x, axis=0)", "f32[2,2] = 0.5 0.5 0.5 0.5"),
            (
                "opset 11",
                "opset 11\nx: f32[1,2,2] = 0 0 0 0\ny = Softmax(x)",
                "f32[1,2,2] = 0.25 0.25 0.25 0.25",
            ),
            ("opset 13", "opset 13\nx: f32[1,2,2] = 0 0 0 0\ny = Softmax(x)", "f32[1,2,2] = 0.5 0.5 0.5 0.5"),
            ("nothing allowed", "x: f32[2] = -inf -inf\ny = Softmax(x)", "f32[2] = nan nan"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("integers", "x: i64[2]\ny = Softmax(x)", "not f32"),
            ("axis", "x: f32[2]\ny = Softmax(x, axis=1)", "no axis 1"),
        ]);
    }
}
