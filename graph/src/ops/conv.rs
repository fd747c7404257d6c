//! Convolution over any number of spatial dimensions, with bias and activation fused in.

use super::unary::Activation;

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
