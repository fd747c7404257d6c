//! Operators that change nothing for the operands they have.

use super::rewriter::{Rewrite, Rewriter, binary, first};
use crate::ir::ValueId;
use crate::ops::{Binary, Operator, Reshape};
use crate::tensor::Tensor;

/// Lets users read the operand instead of its copy, or the operand in another shape.
pub(super) fn drop(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let operand = unchanged(rewriter)?;
    let (from, to) = (rewriter.tensor_type(operand), rewriter.tensor_type(*rewriter.node.outputs.first()?));
    if from == to {
        return Some(Rewrite::Alias(operand));
    }
    let is_reshaped = matches!(rewriter.node.operator, Operator::Binary(_) | Operator::Expand(_))
        && from.data_type == to.data_type
        && from.element_count() == to.element_count();
    let shape = to.shape.clone();
    is_reshaped.then(|| Rewrite::Replace(Operator::Reshape(Reshape { shape }), vec![Some(operand)]))
}

/// The operand that the result equals, if it has the result's type, or but for its shape, if it has as many elements.
fn unchanged(rewriter: &Rewriter) -> Option<ValueId> {
    match &rewriter.node.operator {
        Operator::Reshape(_) | Operator::Cast(_) | Operator::Expand(_) => first(rewriter.node),
        Operator::Transpose(transpose) => {
            transpose.permutation.is_sorted().then(|| first(rewriter.node)).flatten()
        }
        Operator::Slice(slice) => {
            slice.steps.iter().all(|&step| step == 1).then(|| first(rewriter.node)).flatten()
        }
        Operator::Concat(_) => (rewriter.node.inputs.len() == 1).then(|| first(rewriter.node)).flatten(),
        Operator::Binary(operation) => neutral(rewriter, *operation),
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
        | Operator::RotateHalf(_)
        | Operator::ScatterElements(_)
        | Operator::ScatterNd(_)
        | Operator::Select(_)
        | Operator::Softmax(_)
        | Operator::Unary(_) => None,
    }
}

/// Operands without elements add nothing to a Concat.
pub(super) fn join_less(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Concat(concat) = &rewriter.node.operator else { return None };
    let (empty, filled): (Vec<_>, Vec<_>) =
        rewriter.node.inputs.iter().flatten().partition(|id| rewriter.shape(**id).contains(&0));
    let joined = filled.into_iter().copied().map(Some).collect::<Vec<_>>();
    (!empty.is_empty() && !joined.is_empty()).then_some(Rewrite::Replace(Operator::Concat(*concat), joined))
}

/// The operand beside a neutral one: `x · 1`, `1 · x`, `x / 1`, `x and true`, and `x + 0` of integers (of floats it
/// makes 0 of -0).
fn neutral(rewriter: &Rewriter, operation: Binary) -> Option<ValueId> {
    let (left, right) = binary(rewriter.node, operation)?;
    let ones = |id| rewriter.elements(id).is_some_and(is_all_ones);
    let zeros = |id| {
        let constant = rewriter.elements(id).and_then(Tensor::to_i64_vec);
        constant.is_some_and(|elements| elements.iter().all(|&element| element == 0))
    };
    match operation {
        Binary::Add if zeros(right) => Some(left),
        Binary::Add if zeros(left) => Some(right),
        Binary::Mul | Binary::And if ones(right) => Some(left),
        Binary::Mul | Binary::And if ones(left) => Some(right),
        Binary::Div if ones(right) => Some(left),
        _ => None,
    }
}

fn is_all_ones(tensor: &Tensor) -> bool {
    tensor.to_f32_vec().iter().all(|&element| element == 1.0)
}
