//! Picks slices along an axis by index.

/// Picks slices of its first input along `axis`, at the indices of the second (negative ones count from the end).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gather {
    /// The axis that the indices select from.
    pub axis: usize,
}
