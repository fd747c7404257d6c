//! Transposed convolution over any number of spatial dimensions, with bias and activation fused in.

use super::unary::Activation;
use super::window::{Window, span};
use super::{Rule, float_operand, floats, operand, optional, optional_floats};
use crate::error::{Error, invalid};
use crate::tensor::{Data, Tensor, TensorType};

/// Transposed convolution: each element of x adds the kernel, scaled by it, to the result; element i and tap k meet at
/// `i · stride + k · dilation − pad`. Inputs: `x [batch, channels, spatial…]`,
/// `weight [channels, out / groups, kernel…]`, optional `bias [out]`. One entry per spatial dimension in each list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConvTranspose {
    /// Distance in the result between neighbours of x.
    pub strides: Vec<usize>,
    /// Elements cropped before the first of the result.
    pub pads_begin: Vec<usize>,
    /// Elements cropped behind the last of the result.
    pub pads_end: Vec<usize>,
    /// Distance between kernel elements.
    pub dilations: Vec<usize>,
    /// Elements added behind the last of the result.
    pub output_padding: Vec<usize>,
    /// Groups of channels that do not mix.
    pub groups: usize,
    /// Applied to each result.
    pub activation: Option<Activation>,
}

impl ConvTranspose {
    /// The extent of the result along an axis, from that of the operand and of the kernel.
    pub(crate) fn extent(&self, axis: usize, from: usize, kernel: usize) -> Option<usize> {
        let reach = from.checked_sub(1)?.checked_mul(self.strides[axis])?;
        let reach = reach.checked_add(span(kernel, self.dilations[axis]))?;
        let cut = self.pads_begin[axis].checked_add(self.pads_end[axis])?;
        reach.checked_add(self.output_padding[axis])?.checked_sub(cut)
    }
}

impl Rule for ConvTranspose {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (x, weight) = (float_operand(inputs, 0)?, float_operand(inputs, 1)?);
        let misfit = || invalid!("{x} does not convolve with {weight} in {} groups", self.groups);
        let rank = x.shape.len().checked_sub(2).ok_or_else(misfit)?;
        let lists = [&self.strides, &self.pads_begin, &self.pads_end, &self.dilations, &self.output_padding];
        let ranks_agree = weight.shape.len() == rank + 2 && lists.iter().all(|list| list.len() == rank);
        if !ranks_agree || self.groups == 0 || weight.shape[0] != x.shape[1] {
            return Err(misfit());
        }
        if !x.shape[1].is_multiple_of(self.groups) {
            return Err(misfit());
        }
        let filters = weight.shape[1].saturating_mul(self.groups);
        if let Some(bias) = optional(inputs, 2)
            && bias.shape != [filters]
        {
            return Err(invalid!("bias {bias} is not one for each of {filters} filters"));
        }
        let extent = |axis: usize| self.extent(axis, x.shape[axis + 2], weight.shape[axis + 2]);
        let spatial = (0..rank).map(extent).collect::<Option<Vec<_>>>().ok_or_else(misfit)?;
        Ok(TensorType { data_type: x.data_type, shape: [vec![x.shape[0], filters], spatial].concat() })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let (x, weight) = (operand(inputs, 0)?, operand(inputs, 1)?);
        let (elements, factors, bias) = (floats(inputs, 0)?, floats(inputs, 1)?, optional_floats(inputs, 2)?);
        let (spatial, extents, kernel) = (&x.shape[2..], &result.shape[2..], &weight.shape[2..]);
        let size = |shape: &[usize]| shape.iter().product::<usize>();
        let (plane, image, window) = (size(spatial), size(extents), size(kernel));
        let moving = Window {
            kernel,
            strides: &self.strides,
            dilations: &self.dilations,
            pads_begin: &self.pads_begin,
        };
        let taps: Vec<_> = (0..plane).map(|at| moving.taps(extents, spatial, at)).collect();
        let (channels, filters, per_group) = (x.shape[1], result.shape[1], weight.shape[1]);
        let mut sums = vec![0.0; result.element_count()];
        for (row, x) in elements.chunks(plane.max(1)).enumerate() {
            let (batch, channel) = (row / channels, row % channels);
            let first = batch * filters + channel / (channels / self.groups) * per_group;
            for filter in 0..per_group {
                let target = &mut sums[(first + filter) * image..(first + filter + 1) * image];
                let with = (channel * per_group + filter) * window;
                for (&x, taps) in x.iter().zip(&taps) {
                    taps.iter()
                        .for_each(|&(at, tap)| target[at] += f64::from(x) * f64::from(factors[with + tap]));
                }
            }
        }
        let finish = |(at, sum): (usize, f64)| {
            let sum = (sum + bias.map_or(0.0, |bias| f64::from(bias[at / image % filters]))) as f32;
            self.activation.map_or(sum, |activation| activation.apply(sum))
        };
        Ok(Data::F32(sums.into_iter().enumerate().map(finish).collect()))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // By hand: every element adds the kernel, scaled.
        check(&[
            (
                "overlapping",
                "x: f32[1,1,2] = 1 2\nw: f32[1,1,3] = 1 10 100\ny = ConvTranspose(x, w)",
                "f32[1,1,4] = 1 12 120 200",
            ),
            (
                "strides and pads",
                "x: f32[1,1,2] = 1 2\nw: f32[1,1,3] = 1 10 100\n\
                 y = ConvTranspose(x, w, strides=[2], pads=[1,0], output_padding=[1])",
                "f32[1,1,5] = 10 102 20 200 0",
            ),
            (
                "bias",
                "x: f32[1,1,1] = 3\nw: f32[1,2,1] = 1 2\nb: f32[2] = 10 20\ny = ConvTranspose(x, w, b)",
                "f32[1,2,1] = 13 26",
            ),
            (
                "groups",
                "x: f32[1,2,1] = 3 5\nw: f32[2,1,1] = 10 100\ny = ConvTranspose(x, w, group=2)",
                "f32[1,2,1] = 30 500",
            ),
            (
                "output shape",
                "x: f32[1,1,2] = 1 2\nw: f32[1,1,3] = 1 10 100\ny = ConvTranspose(x, w, output_shape=[3])",
                "f32[1,1,3] = 12 120 200",
            ),
            (
                "a larger output shape",
                "x: f32[1,1,1] = 2\nw: f32[1,1,1] = 1\ny = ConvTranspose(x, w, output_shape=[3])",
                "f32[1,1,3] = 2 0 0",
            ),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("channels", "x: f32[1,2,3]\nw: f32[1,1,2]\ny = ConvTranspose(x, w)", "does not convolve"),
            (
                "all cut",
                "x: f32[1,1,1]\nw: f32[1,1,1]\ny = ConvTranspose(x, w, pads=[1,1])",
                "does not convolve",
            ),
            ("stride 0", "x: f32[1,1,3]\nw: f32[1,1,2]\ny = ConvTranspose(x, w, strides=[0])", "do not fit"),
        ]);
    }
}
