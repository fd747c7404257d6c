//! A new shape for the same elements in the same order: Reshape, Squeeze, Unsqueeze, Flatten.

/// Gives its input another shape; no element moves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reshape {
    /// The output's shape.
    pub shape: Vec<usize>,
}
