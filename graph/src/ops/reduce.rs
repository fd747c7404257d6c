//! Reductions over axes.

/// What a reduction computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is named as ONNX names the operator")]
pub enum Reduction {
    Sum,
    Mean,
    Max,
    Min,
    Prod,
    L2,
}

/// Reduces its input over `axes`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// What is computed.
    pub reduction: Reduction,
    /// The axes reduced, ascending, never empty.
    pub axes: Vec<usize>,
    /// Whether reduced axes stay, with extent 1.
    pub keep_dimensions: bool,
}
