//! Joins tensors along an axis.

/// Joins its inputs, in order, along `axis`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Concat {
    /// The axis along which they are joined.
    pub axis: usize,
}
