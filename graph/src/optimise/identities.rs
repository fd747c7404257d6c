//! Operators that change nothing for the operands they have.

use super::site::{Rewrite, Site, binary, first};
use crate::ir::ValueId;
use crate::ops::{Binary, Operator};
use crate::tensor::Tensor;

/// Lets users read the operand instead of its copy.
pub(super) fn drop(site: &mut Site) -> Option<Rewrite> {
    let operand = unchanged(site)?;
    let output = *site.node.outputs.first()?;
    (site.tensor_type(operand) == site.tensor_type(output)).then_some(Rewrite::Alias(operand))
}

/// The operand that the result equals, if it has the result's type.
fn unchanged(site: &Site) -> Option<ValueId> {
    match &site.node.operator {
        Operator::Reshape(_) | Operator::Cast(_) | Operator::Expand(_) => first(site.node),
        Operator::Transpose(transpose) => {
            transpose.permutation.is_sorted().then(|| first(site.node)).flatten()
        }
        Operator::Slice(slice) => {
            slice.steps.iter().all(|&step| step == 1).then(|| first(site.node)).flatten()
        }
        Operator::Concat(_) => (site.node.inputs.len() == 1).then(|| first(site.node)).flatten(),
        Operator::Binary(operation) => neutral(site, *operation),
        Operator::ArgReduce(_)
        | Operator::Attention(_)
        | Operator::CacheUpdate(_)
        | Operator::Conv(_)
        | Operator::ConvTranspose(_)
        | Operator::CumulativeSum(_)
        | Operator::Gather(_)
        | Operator::GatherElements(_)
        | Operator::GatherNd(_)
        | Operator::Gemm(_)
        | Operator::LayerNormalization(_)
        | Operator::MatMul(_)
        | Operator::MatMulNBits(_)
        | Operator::Order(_)
        | Operator::Pad(_)
        | Operator::Pool(_)
        | Operator::Reduce(_)
        | Operator::ScatterElements(_)
        | Operator::ScatterNd(_)
        | Operator::Select(_)
        | Operator::Softmax(_)
        | Operator::Unary(_) => None,
    }
}

/// The operand beside a neutral one: `x · 1`, `1 · x`, `x / 1`, `x and true`.
fn neutral(site: &Site, operation: Binary) -> Option<ValueId> {
    let (left, right) = binary(site.node, operation)?;
    let ones = |id| site.elements(id).is_some_and(is_all_ones);
    match operation {
        Binary::Mul | Binary::And if ones(right) => Some(left),
        Binary::Mul | Binary::And if ones(left) => Some(right),
        Binary::Div if ones(right) => Some(left),
        _ => None,
    }
}

fn is_all_ones(tensor: &Tensor) -> bool {
    tensor.to_f32_vec().iter().all(|&element| element == 1.0)
}
