//! The operators of the static graph: a closed list, one file each.
//!
//! Attributes here are resolved: what ONNX passes as shape, axes, starts or pads *inputs* has become plain
//! numbers, axes are non-negative, and such inputs are gone from the node.

pub mod attention;
pub mod binary;
pub mod cast;
pub mod concat;
pub mod conv;
pub mod expand;
pub mod gather;
pub mod gather_nd;
pub mod gemm;
pub mod layer_normalization;
pub mod matmul;
pub mod reduce;
pub mod reshape;
pub mod select;
pub mod slice;
pub mod softmax;
pub mod transpose;
pub mod unary;

pub use attention::{Attention, HeadLayout};
pub use binary::Binary;
pub use cast::Cast;
pub use concat::Concat;
pub use conv::Conv;
pub use expand::Expand;
pub use gather::Gather;
pub use gather_nd::GatherNd;
pub use gemm::Gemm;
pub use layer_normalization::LayerNormalization;
pub use matmul::MatMul;
pub use reduce::{Reduce, Reduction};
pub use reshape::Reshape;
pub use select::Select;
pub use slice::Slice;
pub use softmax::Softmax;
pub use transpose::Transpose;
pub use unary::{Activation, Unary};

/// An operation of the static graph.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant's type says what it is")]
pub enum Operator {
    Attention(Attention),
    Binary(Binary),
    Cast(Cast),
    Concat(Concat),
    Conv(Conv),
    Expand(Expand),
    Gather(Gather),
    GatherNd(GatherNd),
    Gemm(Gemm),
    LayerNormalization(LayerNormalization),
    MatMul(MatMul),
    Reduce(Reduce),
    Reshape(Reshape),
    Select(Select),
    Slice(Slice),
    Softmax(Softmax),
    Transpose(Transpose),
    Unary(Unary),
}
