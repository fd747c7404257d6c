//! Softmax along an axis.

/// `exp(x) / sum(exp(x))` along `axis`, stable for large x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Softmax {
    /// The axis that sums to one.
    pub axis: usize,
}
