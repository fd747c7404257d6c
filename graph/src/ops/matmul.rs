//! Matrix product with NumPy's batch rules, with bias and activation fused in.

use super::unary::Activation;

/// `activation(A · B + bias)`. Inputs: `A [batch…, m, k]`, `B [batch…, k, n]`, optional `bias [n]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MatMul {
    /// Applied to each result.
    pub activation: Option<Activation>,
}
