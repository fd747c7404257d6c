//! General matrix product of two rank-2 operands.

/// `alpha · A' · B' + beta · C`, where a prime is an optional transpose. Inputs: A, B, optional C.
///
/// Optimised graphs hold it only where it could not become a MatMul.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gemm {
    /// Whether A is transposed.
    pub transpose_a: bool,
    /// Whether B is transposed.
    pub transpose_b: bool,
    /// Factor of the product.
    pub alpha: f32,
    /// Factor of C.
    pub beta: f32,
}
