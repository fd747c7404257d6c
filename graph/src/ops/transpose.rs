//! Permutes the axes of a tensor.

/// Output axis `i` is input axis `permutation[i]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Transpose {
    /// Where each output axis comes from.
    pub permutation: Vec<usize>,
}
