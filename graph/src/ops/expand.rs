//! Broadcasts a tensor to a larger shape.

/// Broadcasts its input to `shape`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Expand {
    /// The output's shape.
    pub shape: Vec<usize>,
}
