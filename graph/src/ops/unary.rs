//! Element-wise operations on one operand.

/// An element-wise operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is named as ONNX names the operator")]
pub enum Unary {
    Abs,
    Neg,
    Sqrt,
    Exp,
    Log,
    Erf,
    Sin,
    Cos,
    Floor,
    Reciprocal,
    Not,
    IsNaN,
    /// One of the functions that can also be fused into the operator before it.
    Activation(Activation),
}

/// A non-linear function that matrix products and convolutions can apply to their results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x / 2 · (1 + erf(x / √2))`.
    Gelu,
    /// `x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`.
    GeluTanh,
    /// `1 / (1 + exp(−x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
}
