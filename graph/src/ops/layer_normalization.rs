//! Layer normalisation.

/// Normalises over the dimensions from `axis` to the last, then scales and shifts.
/// Inputs: x, scale, optional bias (both of the normalised dimensions' shape).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNormalization {
    /// First of the normalised dimensions.
    pub axis: usize,
    /// Added to the variance.
    pub epsilon: f32,
}
