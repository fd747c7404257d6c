//! Chains of reshapes and transposes become one, and a transpose that moves nothing becomes a reshape: a reshape costs
//! nothing on any engine, and a transpose moves every element through memory.

use super::rewriter::{Rewrite, Rewriter, first};
use crate::ops::{Operator, Reshape, Transpose};

/// `Reshape(Reshape(x))`: only the last shape counts. The first one may have other users: it costs nothing.
pub(super) fn join_reshapes(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Reshape(outer) = &rewriter.node.operator else { return None };
    let inner = rewriter.producer(first(rewriter.node)?)?;
    let Operator::Reshape(_) = inner.operator else { return None };
    Some(Rewrite::Replace(Operator::Reshape(outer.clone()), inner.inputs.clone()))
}

/// `Transpose(Transpose(x))`: one permutation, whoever else uses the first.
pub(super) fn join_transposes(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Transpose(outer) = &rewriter.node.operator else { return None };
    let node = rewriter.producer(first(rewriter.node)?)?;
    let Operator::Transpose(inner) = &node.operator else { return None };
    let permutation = outer.permutation.iter().map(|&axis| inner.permutation[axis]).collect();
    Some(Rewrite::Replace(Operator::Transpose(Transpose { permutation }), node.inputs.clone()))
}

/// A transpose that only moves axes of extent 1 leaves all elements where they are.
pub(super) fn transpose_to_reshape(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Transpose(transpose) = &rewriter.node.operator else { return None };
    let from = rewriter.shape(first(rewriter.node)?);
    let moved = transpose.permutation.iter().filter(|&&axis| from[axis] != 1);
    let shape = transpose.permutation.iter().map(|&axis| from[axis]).collect();
    let reshape = Operator::Reshape(Reshape { shape });
    moved.is_sorted().then(|| Rewrite::Replace(reshape, rewriter.node.inputs.clone()))
}

/// The last two axes turned round in a tensor flattened to rank 3 and given its rank back, as PyTorch
/// exports the
/// transpose of keys: `Reshape(Transpose(Reshape(x), [0, 2, 1]))` is one transpose of x.
pub(super) fn unflatten_transpose(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Reshape(outer) = &rewriter.node.operator else { return None };
    let node = rewriter.private(first(rewriter.node)?, 1)?;
    let Operator::Transpose(turn) = &node.operator else { return None };
    let flattened = rewriter.private(first(node)?, 1)?;
    let Operator::Reshape(flat) = &flattened.operator else { return None };
    let from = rewriter.shape(first(flattened)?);
    let last = from.len().checked_sub(1).filter(|&last| last > 1)?;
    let mut permutation: Vec<usize> = (0..=last).collect();
    permutation.swap(last - 1, last);
    let turned = permutation.iter().map(|&axis| from[axis]);
    let fits = turn.permutation == [0, 2, 1]
        && flat.shape[1..] == from[last - 1..]
        && turned.eq(outer.shape.iter().copied());
    fits.then(|| Rewrite::Replace(Operator::Transpose(Transpose { permutation }), flattened.inputs.clone()))
}
