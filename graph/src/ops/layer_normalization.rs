//! Layer normalisation.

use super::{Rule, float_operand, floats, optional, optional_floats};
use crate::error::{Error, invalid, unsupported};
use crate::tensor::{Data, Tensor, TensorType};

/// Normalises over the dimensions from `axis` to the last, then scales and shifts: `x − mean`, or just x, over the
/// root of its mean square plus epsilon. Inputs: x, scale, optional bias (both of the normalised dimensions' shape).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNormalization {
    /// First of the normalised dimensions.
    pub axis: usize,
    /// Added to the mean square.
    pub epsilon: f32,
    /// True where the mean is subtracted first; without that it is the normalisation by the root mean square.
    pub center: bool,
}

impl Rule for LayerNormalization {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let x = float_operand(inputs, 0)?;
        let normalised = x.shape.get(self.axis..).filter(|shape| !shape.is_empty());
        let normalised = normalised.ok_or_else(|| invalid!("{x} has no axis {}", self.axis))?;
        for index in 1..=2 {
            if index == 2 && optional(inputs, index).is_none() {
                continue;
            }
            let parameter = float_operand(inputs, index)?;
            if parameter.shape != normalised {
                return Err(unsupported!("operand {index} is {parameter}, not of shape {normalised:?}"));
            }
        }
        Ok(x.clone())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let (x, scale, bias) = (floats(inputs, 0)?, floats(inputs, 1)?, optional_floats(inputs, 2)?);
        let length = result.shape[self.axis..].iter().product::<usize>().max(1);
        let normalise = |row: &[f32]| {
            let count = row.len() as f64;
            let sum = row.iter().map(|&x| f64::from(x)).sum::<f64>();
            let mean = if self.center { sum / count } else { 0.0 };
            let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
            let factor = 1.0 / (variance + f64::from(self.epsilon)).sqrt();
            let place = |(at, &x): (usize, &f32)| {
                let scaled = (f64::from(x) - mean) * factor * f64::from(scale[at]);
                (scaled + bias.map_or(0.0, |bias| f64::from(bias[at]))) as f32
            };
            row.iter().enumerate().map(place).collect::<Vec<_>>()
        };
        Ok(Data::F32(x.chunks(length).flat_map(normalise).collect()))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // (x - mean) / sqrt(variance + epsilon) by hand: rows 1 3 and 0 8 have deviations 1 and 4.
        check(&[
            (
                "last axis",
                "x: f32[2,2] = 1 3 0 8\ns: f32[2] = 1 2\nb: f32[2] = 0 1\ny = LayerNormalization(x, s, b, epsilon=0.0)",
                "f32[2,2] = -1 3 -1 3",
            ),
            (
                "no bias",
                "x: f32[1,2] = 1 3\ns: f32[2] = 1 1\ny = LayerNormalization(x, s, epsilon=3.0)",
                "f32[1,2] = -0.5 0.5",
            ),
            (
                "two axes",
                "x: f32[1,2,2] = 1 3 1 3\ns: f32[2,2] = 1\ny = LayerNormalization(x, s, axis=1, epsilon=0.0)",
                "f32[1,2,2] = -1 1 -1 1",
            ),
            ("mean", "x: f32[1,2] = 1 5\ns: f32[2] = 1\nz, y, d = LayerNormalization(x, s)", "f32[1,1] = 3"),
            (
                "inverse deviation",
                "x: f32[1,2] = 1 5\ns: f32[2] = 1\nz, m, y = LayerNormalization(x, s, epsilon=0.0)",
                "f32[1,1] = 0.5",
            ),
            (
                "a scale for each row",
                "x: f32[2,2] = 1 3 1 3\ns: f32[2,1] = 1 5\ny = LayerNormalization(x, s, epsilon=0.0)",
                "f32[2,2] = -1 1 -5 5",
            ),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("scale", "x: f32[2,2]\ns: f32[3]\ny = LayerNormalization(x, s)", "do not broadcast"),
            ("no scale", "x: f32[2,2]\ny = LayerNormalization(x)", "operand 1 is missing"),
            (
                "stash",
                "x: f32[2,2]\ns: f32[2]\ny = LayerNormalization(x, s, stash_type=10)",
                "stash_type is 10",
            ),
        ]);
    }
}
