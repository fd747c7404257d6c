//! Convolution over any number of spatial dimensions, with bias and activation fused in.

use super::unary::Activation;
use super::window::{Window, span};
use super::{Rule, float_operand, floats, operand, optional, optional_floats};
use crate::error::{Error, invalid};
use crate::tensor::{Data, Tensor, TensorType};

/// Convolution. Inputs: `x [batch, channels, spatial…]`, `weight [out, channels / groups, kernel…]`,
/// optional `bias [out]`. One entry per spatial dimension in each list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Conv {
    /// Step of the window.
    pub strides: Vec<usize>,
    /// Zeros before the first element.
    pub pads_begin: Vec<usize>,
    /// Zeros after the last element.
    pub pads_end: Vec<usize>,
    /// Distance between kernel elements.
    pub dilations: Vec<usize>,
    /// Groups of channels that do not mix.
    pub groups: usize,
    /// Applied to each result.
    pub activation: Option<Activation>,
}

impl Rule for Conv {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (x, weight) = (float_operand(inputs, 0)?, float_operand(inputs, 1)?);
        let misfit = || invalid!("{x} does not convolve with {weight} in {} groups", self.groups);
        let rank = x.shape.len().checked_sub(2).ok_or_else(misfit)?;
        let lists = [&self.strides, &self.pads_begin, &self.pads_end, &self.dilations];
        let ranks_agree = weight.shape.len() == rank + 2 && lists.iter().all(|list| list.len() == rank);
        if !ranks_agree || self.groups == 0 || self.strides.contains(&0) {
            return Err(misfit());
        }
        let (channels, filters) = (x.shape[1], weight.shape[0]);
        if weight.shape[1].checked_mul(self.groups) != Some(channels) || !filters.is_multiple_of(self.groups)
        {
            return Err(misfit());
        }
        if let Some(bias) = optional(inputs, 2)
            && bias.shape != [filters]
        {
            return Err(invalid!("bias {bias} is not one for each of {filters} filters"));
        }
        let extent = |axis: usize| {
            let padded =
                x.shape[axis + 2].saturating_add(self.pads_begin[axis]).saturating_add(self.pads_end[axis]);
            let room = padded.checked_sub(span(weight.shape[axis + 2], self.dilations[axis]))?;
            Some(room / self.strides[axis] + 1)
        };
        let spatial = (0..rank).map(extent).collect::<Option<Vec<_>>>().ok_or_else(misfit)?;
        Ok(TensorType { data_type: x.data_type, shape: [vec![x.shape[0], filters], spatial].concat() })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let (x, weight) = (operand(inputs, 0)?, operand(inputs, 1)?);
        let (elements, factors, bias) = (floats(inputs, 0)?, floats(inputs, 1)?, optional_floats(inputs, 2)?);
        let (filters, depth) = (weight.shape[0], weight.shape[1]);
        let plane: usize = x.shape[2..].iter().product();
        let window: usize = weight.shape[2..].iter().product();
        let positions: usize = result.shape[2..].iter().product();
        let moving = Window {
            kernel: &weight.shape[2..],
            strides: &self.strides,
            dilations: &self.dilations,
            pads_begin: &self.pads_begin,
        };
        let taps: Vec<_> =
            (0..positions).map(|at| moving.taps(&x.shape[2..], &result.shape[2..], at)).collect();
        let mut results = Vec::with_capacity(result.element_count());
        for image in 0..result.shape[0] {
            for filter in 0..filters {
                let first = image * x.shape[1] + filter / (filters / self.groups) * depth;
                for taps in &taps {
                    let mut sum = bias.map_or(0.0, |bias| f64::from(bias[filter]));
                    for channel in 0..depth {
                        let (from, with) = ((first + channel) * plane, (filter * depth + channel) * window);
                        let product =
                            |&(at, tap)| f64::from(elements[from + at]) * f64::from(factors[with + tap]);
                        sum += taps.iter().map(product).sum::<f64>();
                    }
                    results
                        .push(self.activation.map_or(sum as f32, |activation| activation.apply(sum as f32)));
                }
            }
        }
        Ok(results.into())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // A kernel of ones adds up its window.
        check(&[
            (
                "plain",
                "x: f32[1,1,3,3] = 1 2 3 4 5 6 7 8 9\nw: f32[1,1,2,2] = 1\ny = Conv(x, w)",
                "f32[1,1,2,2] = 12 16 24 28",
            ),
            (
                "pads",
                "x: f32[1,1,2] = 1 2\nw: f32[1,1,3] = 1\ny = Conv(x, w, pads=[1,1])",
                "f32[1,1,2] = 3 3",
            ),
            (
                "stride and bias",
                "x: f32[1,1,4] = 1 2 3 4\nw: f32[1,1,2] = 1\nb: f32[1] = 10\ny = Conv(x, w, b, strides=[2])",
                "f32[1,1,2] = 13 17",
            ),
            (
                "dilation",
                "x: f32[1,1,4] = 1 2 3 4\nw: f32[1,1,2] = 1\ny = Conv(x, w, dilations=[2])",
                "f32[1,1,2] = 4 6",
            ),
            (
                "groups",
                "x: f32[1,2,1] = 3 5\nw: f32[2,1,1] = 10 100\ny = Conv(x, w, group=2)",
                "f32[1,2,1] = 30 500",
            ),
            ("channels", "x: f32[1,2,1] = 3 5\nw: f32[1,2,1] = 10 100\ny = Conv(x, w)", "f32[1,1,1] = 530"),
            (
                "same upper",
                "x: f32[1,1,3] = 1 2 3\nw: f32[1,1,2] = 1\ny = Conv(x, w, auto_pad=\"SAME_UPPER\")",
                "f32[1,1,3] = 3 5 3",
            ),
            (
                "same lower",
                "x: f32[1,1,3] = 1 2 3\nw: f32[1,1,2] = 1\ny = Conv(x, w, auto_pad=\"SAME_LOWER\")",
                "f32[1,1,3] = 1 3 5",
            ),
            (
                "valid",
                "x: f32[1,1,3] = 1 2 3\nw: f32[1,1,2] = 1\ny = Conv(x, w, auto_pad=\"VALID\")",
                "f32[1,1,2] = 3 5",
            ),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("channels", "x: f32[1,2,3]\nw: f32[1,1,2]\ny = Conv(x, w)", "does not convolve"),
            ("kernel too large", "x: f32[1,1,3]\nw: f32[1,1,4]\ny = Conv(x, w)", "does not convolve"),
            ("pads", "x: f32[1,1,3]\nw: f32[1,1,2]\ny = Conv(x, w, pads=[1])", "not two for each"),
            ("cropping", "x: f32[1,1,3]\nw: f32[1,1,2]\ny = Conv(x, w, pads=[-1,0])", "negative"),
            ("stride 0", "x: f32[1,1,3]\nw: f32[1,1,2]\ny = Conv(x, w, strides=[0])", "do not fit"),
            (
                "kernel_shape",
                "x: f32[1,1,3]\nw: f32[1,1,2]\ny = Conv(x, w, kernel_shape=[3])",
                "kernel_shape",
            ),
            ("bias", "x: f32[1,1,3]\nw: f32[1,1,2]\nb: f32[2]\ny = Conv(x, w, b)", "one for each"),
        ]);
    }
}
