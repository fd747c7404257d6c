//! Convolution over any number of spatial dimensions, with bias and activation fused in.

use super::unary::Activation;
use super::window::{Window, span};
use super::{Operator, Rule, Transpose, float_operand, floats, operand, optional, optional_floats};
use crate::error::{Error, invalid};
use crate::tensor::{Data, Tensor, TensorType};

/// The order of a convolution's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ChannelOrder {
    /// As ONNX has it: `x [batch, channels, spatial…]`, `weight [out, channels / groups, kernel…]`.
    #[default]
    First,
    /// `x [batch, spatial…, channels]`, `weight [kernel…, channels / groups, out]`: what a window covers lies in runs,
    /// and the convolution is a matrix product of them with the weights.
    Last,
}

impl ChannelOrder {
    /// For each axis of an operand with its channels first, the axis it is in this order, and the same of weights.
    fn axes(self, rank: usize) -> [Vec<usize>; 2] {
        match self {
            ChannelOrder::First => [(0..rank).collect(), (0..rank).collect()],
            ChannelOrder::Last => {
                let image = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
                let weight = [rank - 1, rank - 2].into_iter().chain(0..rank - 2).collect();
                [image, weight]
            }
        }
    }
}

/// Convolution. Inputs: x and weight as the order of channels says, and optional `bias [out]`; the result's axes are
/// those of x. One entry per spatial dimension in each list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Conv {
    /// The order of the axes.
    pub channels: ChannelOrder,
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

impl Conv {
    /// An operand's shape, image or weight, as it is with its channels first.
    fn channels_first(&self, operand: usize, shape: &[usize]) -> Vec<usize> {
        match shape.len() {
            ..2 => shape.to_vec(),
            rank => self.channels.axes(rank)[operand].iter().map(|&axis| shape[axis]).collect(),
        }
    }

    /// Its channels, of one group, coming in and going out, with weights of this shape; and the extents of its window.
    pub fn filter(&self, weight: &[usize]) -> ([usize; 2], Vec<usize>) {
        let weight = self.channels_first(1, weight);
        ([weight[1], weight[0] / self.groups], weight[2..].to_vec())
    }

    /// The result on operands whose channels come first.
    fn of_channels_first(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let permuted = |index: usize, operand: &Tensor| {
            let permutation = self.channels.axes(operand.shape.len())[index].clone();
            Operator::Transpose(Transpose { permutation }).evaluate(&[Some(operand)])
        };
        let (x, weight) = (permuted(0, operand(inputs, 0)?)?, permuted(1, operand(inputs, 1)?)?);
        let operands = [x.first(), weight.first(), optional(inputs, 2)];
        let first = Conv { channels: ChannelOrder::First, ..self.clone() };
        let made = Operator::Conv(first).evaluate(&operands)?;
        let rank = result.shape.len();
        let permutation = [0].into_iter().chain(2..rank).chain([1]).collect();
        let turned = Operator::Transpose(Transpose { permutation }).evaluate(&[made.first()])?;
        turned.into_iter().next().map(|tensor| tensor.data).ok_or_else(|| invalid!("no result"))
    }
}

impl Rule for Conv {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (x, weight) = (float_operand(inputs, 0)?, float_operand(inputs, 1)?);
        let misfit = || invalid!("{x} does not convolve with {weight} in {} groups", self.groups);
        let (image, weights) = (self.channels_first(0, &x.shape), self.channels_first(1, &weight.shape));
        let rank = image.len().checked_sub(2).ok_or_else(misfit)?;
        let lists = [&self.strides, &self.pads_begin, &self.pads_end, &self.dilations];
        let ranks_agree = weights.len() == rank + 2 && lists.iter().all(|list| list.len() == rank);
        if !ranks_agree || self.groups == 0 || self.strides.contains(&0) {
            return Err(misfit());
        }
        let (channels, filters) = (image[1], weights[0]);
        if weights[1].checked_mul(self.groups) != Some(channels) || !filters.is_multiple_of(self.groups) {
            return Err(misfit());
        }
        if let Some(bias) = optional(inputs, 2)
            && bias.shape != [filters]
        {
            return Err(invalid!("bias {bias} is not one for each of {filters} filters"));
        }
        let extent = |axis: usize| {
            let padded =
                image[axis + 2].saturating_add(self.pads_begin[axis]).saturating_add(self.pads_end[axis]);
            let room = padded.checked_sub(span(weights[axis + 2], self.dilations[axis]))?;
            Some(room / self.strides[axis] + 1)
        };
        let spatial = (0..rank).map(extent).collect::<Option<Vec<_>>>().ok_or_else(misfit)?;
        let shape = match self.channels {
            ChannelOrder::First => [vec![image[0], filters], spatial].concat(),
            ChannelOrder::Last => [vec![image[0]], spatial, vec![filters]].concat(),
        };
        Ok(TensorType { data_type: x.data_type, shape })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        if self.channels == ChannelOrder::Last {
            return self.of_channels_first(inputs, result);
        }
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
