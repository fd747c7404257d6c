//! Picks elements or slices by index tuples.

/// Picks from its first input the slices named by the last dimension of the second, ONNX GatherND.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GatherNd {
    /// Leading dimensions that both inputs share.
    pub batch_dimensions: usize,
}
