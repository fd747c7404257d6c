//! The operators of the static graph: a closed list, one file each.
//!
//! Attributes here are resolved: what ONNX passes as shape, axes, starts or pads *inputs* has become plain
//! numbers, axes are non-negative, and such inputs are gone from the node.

pub mod arg_reduce;
pub mod attention;
pub mod binary;
pub mod cache_update;
pub mod cast;
pub mod concat;
pub mod conv;
pub mod conv_transpose;
pub mod cumulative_sum;
pub mod expand;
pub mod gather;
pub mod gather_elements;
pub mod gather_nd;
pub mod gemm;
pub mod layer_normalization;
pub mod matmul;
pub mod matmul_n_bits;
pub mod order;
pub mod pad;
pub mod pool;
pub mod reduce;
pub mod reshape;
pub(crate) mod rotate_half;
pub mod scatter_elements;
pub mod scatter_nd;
pub mod select;
pub mod slice;
pub mod softmax;
#[cfg(test)]
pub(crate) mod table;
pub mod transpose;
pub mod unary;
pub(crate) mod window;

pub use arg_reduce::ArgReduce;
pub use attention::{Attention, HeadLayout};
pub use binary::Binary;
pub use cache_update::CacheUpdate;
pub use cast::Cast;
pub use concat::Concat;
pub use conv::{ChannelOrder, Conv};
pub use conv_transpose::ConvTranspose;
pub use cumulative_sum::CumulativeSum;
pub use expand::Expand;
pub use gather::Gather;
pub use gather_elements::GatherElements;
pub use gather_nd::GatherNd;
pub use gemm::Gemm;
pub use layer_normalization::LayerNormalization;
pub use matmul::MatMul;
pub use matmul_n_bits::MatMulNBits;
pub use order::Order;
pub use pad::{Pad, PadMode};
pub use pool::{Pool, PoolKind};
pub use reduce::{Reduce, Reduction};
pub use reshape::Reshape;
pub use rotate_half::RotateHalf;
pub use scatter_elements::{Scatter, ScatterElements};
pub use scatter_nd::ScatterNd;
pub use select::Select;
pub use slice::Slice;
pub use softmax::Softmax;
pub use transpose::Transpose;
pub use unary::{Activation, Unary};

use std::fmt;

use crate::error::{Error, invalid};
use crate::half;
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// An operation of the static graph.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant's type says what it is")]
pub enum Operator {
    ArgReduce(ArgReduce),
    Attention(Attention),
    Binary(Binary),
    CacheUpdate(CacheUpdate),
    Cast(Cast),
    Concat(Concat),
    Conv(Conv),
    ConvTranspose(ConvTranspose),
    CumulativeSum(CumulativeSum),
    Expand(Expand),
    Gather(Gather),
    GatherElements(GatherElements),
    GatherNd(GatherNd),
    Gemm(Gemm),
    LayerNormalization(LayerNormalization),
    MatMul(MatMul),
    MatMulNBits(MatMulNBits),
    Order(Order),
    Pad(Pad),
    Pool(Pool),
    Reduce(Reduce),
    Reshape(Reshape),
    RotateHalf(RotateHalf),
    ScatterElements(ScatterElements),
    ScatterNd(ScatterNd),
    Select(Select),
    Slice(Slice),
    Softmax(Softmax),
    Transpose(Transpose),
    Unary(Unary),
}

/// The rule of an operator: its result's type and elements. Each has one result; an ONNX node of several becomes
/// several.
pub(crate) trait Rule: fmt::Debug {
    /// The type of the result; refuses operands that do not fit.
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error>;

    /// The elements of the result, for operands that [`Rule::infer`] took.
    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error>;
}

impl Operator {
    fn rule(&self) -> &dyn Rule {
        match self {
            Operator::ArgReduce(rule) => rule,
            Operator::Attention(rule) => rule,
            Operator::Binary(rule) => rule,
            Operator::CacheUpdate(rule) => rule,
            Operator::Cast(rule) => rule,
            Operator::Concat(rule) => rule,
            Operator::Conv(rule) => rule,
            Operator::ConvTranspose(rule) => rule,
            Operator::CumulativeSum(rule) => rule,
            Operator::Expand(rule) => rule,
            Operator::Gather(rule) => rule,
            Operator::GatherElements(rule) => rule,
            Operator::GatherNd(rule) => rule,
            Operator::Gemm(rule) => rule,
            Operator::LayerNormalization(rule) => rule,
            Operator::MatMul(rule) => rule,
            Operator::MatMulNBits(rule) => rule,
            Operator::Order(rule) => rule,
            Operator::Pad(rule) => rule,
            Operator::Pool(rule) => rule,
            Operator::Reduce(rule) => rule,
            Operator::Reshape(rule) => rule,
            Operator::RotateHalf(rule) => rule,
            Operator::ScatterElements(rule) => rule,
            Operator::ScatterNd(rule) => rule,
            Operator::Select(rule) => rule,
            Operator::Slice(rule) => rule,
            Operator::Softmax(rule) => rule,
            Operator::Transpose(rule) => rule,
            Operator::Unary(rule) => rule,
        }
    }

    /// Returns whether each element of the result comes from one of each operand, at the same place but for
    /// broadcasting.
    pub fn is_elementwise(&self) -> bool {
        matches!(self, Operator::Binary(_) | Operator::Cast(_) | Operator::Select(_) | Operator::Unary(_))
    }

    /// Types of the results for operands of these types.
    ///
    /// # Errors
    /// Where an operand is missing, or does not fit the others.
    pub fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, Error> {
        let widened: Vec<_> = inputs.iter().map(|input| input.map(half::widened_type)).collect();
        let widened: Vec<_> = widened.iter().map(Option::as_ref).collect();
        let result = kept_type(self, inputs, self.rule().infer(&widened)?);
        if result.checked_count().is_none() {
            return Err(invalid!("its result would be {result}, too large for any memory"));
        }
        Ok(vec![result])
    }

    /// Results for these operands, on the CPU: slow, plain and exact, for folding and as a reference.
    ///
    /// # Errors
    /// Where an operand is missing or does not fit the others, an index lies outside, or an integer is
    /// divided
    /// by zero.
    pub fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Error> {
        let types: Vec<_> = inputs.iter().map(|input| input.map(Tensor::tensor_type)).collect();
        let types: Vec<_> = types.iter().map(Option::as_ref).collect();
        let mut results = self.infer(&types)?;
        let result = results.swap_remove(0);
        let widened: Vec<_> = inputs.iter().map(|input| input.map(half::widened)).collect();
        let widened: Vec<_> = widened.iter().map(|input| input.as_deref()).collect();
        let data = self.rule().evaluate(&widened, &half::widened_type(&result))?;
        Ok(vec![Tensor::new(result.shape, half::kept(data, result.data_type))?])
    }
}

/// The operator with its attributes, as one word or one struct: `Add`, `Transpose { permutation: [1, 0] }`.
impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operator::Unary(Unary::Activation(activation)) => write!(f, "{activation:?}"),
            other => write!(f, "{:?}", other.rule()),
        }
    }
}

/// The type that a result of type `computed` is kept as: f16 where any operand is f16, unless the operator converts.
fn kept_type(operator: &Operator, inputs: &[Option<&TensorType>], computed: TensorType) -> TensorType {
    let has_half = inputs.iter().flatten().any(|input| input.data_type == DataType::F16);
    let converts = matches!(operator, Operator::Cast(_));
    if has_half && !converts && computed.data_type == DataType::F32 {
        return TensorType { data_type: DataType::F16, ..computed };
    }
    computed
}

/// An operand that has to be there.
fn operand<'a, T>(inputs: &[Option<&'a T>], index: usize) -> Result<&'a T, Error> {
    optional(inputs, index).ok_or_else(|| invalid!("operand {index} is missing"))
}

/// An operand that may be left out.
fn optional<'a, T>(inputs: &[Option<&'a T>], index: usize) -> Option<&'a T> {
    inputs.get(index).copied().flatten()
}

/// An operand that has to be f32.
fn float_operand<'a>(inputs: &[Option<&'a TensorType>], index: usize) -> Result<&'a TensorType, Error> {
    let found = operand(inputs, index)?;
    if found.data_type != DataType::F32 {
        return Err(crate::error::unsupported!("operand {index} is {found}, not f32"));
    }
    Ok(found)
}

/// The elements of an operand that has to be f32.
fn floats<'a>(inputs: &[Option<&'a Tensor>], index: usize) -> Result<&'a [f32], Error> {
    operand(inputs, index)?.as_f32().ok_or_else(|| invalid!("operand {index} is not f32"))
}

/// The elements of an optional operand that has to be f32.
fn optional_floats<'a>(inputs: &[Option<&'a Tensor>], index: usize) -> Result<Option<&'a [f32]>, Error> {
    optional(inputs, index).map(|_| floats(inputs, index)).transpose()
}
