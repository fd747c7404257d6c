//! Axes of a result that have the cache's length: one rule per kind of operator.

use super::Axes;
use crate::builder::Builder;
use crate::error::{Error, unsupported};
use crate::ir::ValueId;
use crate::ops::{Operator, Select};

/// The axes that grow in the result of an operator on these operands, of which it is `known` which grow.
///
/// # Errors
/// Where the operator cannot be told apart from one that looks behind the end of an axis.
pub(crate) fn axes(
    graph: &Builder,
    operator: &Operator,
    operands: &[Option<ValueId>],
    known: &dyn Fn(ValueId) -> Axes,
) -> Result<Axes, Error> {
    let types: Vec<_> = operands.iter().map(|id| id.map(|id| graph.tensor_type(id))).collect();
    let shape = operator.infer(&types)?.swap_remove(0).shape;
    let operand = |index: usize| operands.get(index).copied().flatten();
    let of = |index: usize| operand(index).map_or_else(Vec::new, known);
    let extents = |index: usize| operand(index).map_or(&[][..], |id| &graph.tensor_type(id).shape);
    match operator {
        Operator::Unary(_) | Operator::Cast(_) | Operator::Softmax(_) => Ok(of(0)),
        Operator::Binary(_) | Operator::Select(_) | Operator::Expand(_) | Operator::RotateHalf(_) => {
            let all: Vec<ValueId> = operands.iter().copied().flatten().collect();
            broadcast(graph, &all, &shape, known)
        }
        Operator::Transpose(transpose) => Ok(transpose.permutation.iter().map(|&axis| of(0)[axis]).collect()),
        Operator::Reshape(_) => reshape(&of(0), extents(0), &shape),
        Operator::Concat(_) => {
            let all: Vec<ValueId> = operands.iter().copied().flatten().collect();
            all.iter().try_fold(vec![None; shape.len()], |sum, &id| merge(sum, known(id)))
        }
        Operator::Slice(slice) => {
            let whole = |axis: usize| slice.shape[axis] == extents(0)[axis] && slice.steps[axis] == 1;
            // A fixed window of the places is as long as it is, whatever the past; the reader proved that it lies inside.
            let kept = of(0).into_iter().enumerate().map(|(axis, base)| base.filter(|_| whole(axis)));
            Ok(kept.collect())
        }
        Operator::Gather(gather) => {
            let (data, indices) = (of(0), of(1));
            Ok([&data[..gather.axis], &indices, &data[gather.axis + 1..]].concat())
        }
        Operator::GatherNd(_) => {
            let (data, indices) = (of(0), of(1));
            let lead = indices.len() - 1;
            let behind = shape.len() - lead;
            Ok([&indices[..lead], &data[data.len() - behind..]].concat())
        }
        Operator::MatMul(_) => product(operands, &shape, known),
        Operator::Reduce(reduce) => {
            let kept = of(0).into_iter().enumerate();
            if reduce.keep_dimensions {
                return Ok(kept.map(|(at, base)| base.filter(|_| !reduce.axes.contains(&at))).collect());
            }
            Ok(kept.filter(|(at, _)| !reduce.axes.contains(at)).map(|(_, base)| base).collect())
        }
        // Sums from the first element on do not see what lies behind the end.
        Operator::CumulativeSum(sum) if !sum.reverse => Ok(of(0)),
        Operator::LayerNormalization(normalised) if of(0)[normalised.axis..].iter().all(Option::is_none) => {
            Ok(of(0))
        }
        Operator::Attention(_) if of(0).iter().all(Option::is_none) => Ok(vec![None; shape.len()]),
        other => Err(unsupported!("{other} over an axis that grows while decoding")),
    }
}

/// Returns whether a result is zero behind the end of its axes because operands are.
pub(super) fn keeps_zero_padding(operator: &Operator, zero: impl Fn(usize) -> bool) -> bool {
    match operator {
        // Its operand was masked with −∞. All others listed only move or convert; most operators make something of zero.
        Operator::Softmax(_) => true,
        Operator::Cast(_) | Operator::Transpose(_) | Operator::Reshape(_) | Operator::Expand(_) => zero(0),
        Operator::Select(Select) => zero(1) && zero(2),
        _ => false,
    }
}

/// The axes of a value that grow while decoding.
pub(super) fn known(graph: &Builder, id: ValueId) -> Axes {
    let rank = graph.tensor_type(id).shape.len();
    graph.axes(id).cloned().unwrap_or_else(|| vec![None; rank])
}

fn merge(left: Axes, right: Axes) -> Result<Axes, Error> {
    let pair = |(left, right): (Option<i64>, Option<i64>)| match (left, right) {
        (Some(a), Some(b)) if a != b => {
            Err(unsupported!("axes of {a} and {b} more than the past positions meet"))
        }
        (left, right) => Ok(left.or(right)),
    };
    left.into_iter().zip(right).map(pair).collect()
}

/// Operands aligned at their last axes; a growing axis meets only others that grow alike, or extent 1.
fn broadcast(
    graph: &Builder,
    operands: &[ValueId],
    shape: &[usize],
    known: &dyn Fn(ValueId) -> Axes,
) -> Result<Axes, Error> {
    let mut axes = vec![None; shape.len()];
    for &id in operands {
        let missing = shape.len() - graph.tensor_type(id).shape.len();
        axes = merge(axes, [vec![None; missing], known(id)].concat())?;
    }
    for &id in operands {
        let own = &graph.tensor_type(id).shape;
        let missing = shape.len() - own.len();
        let fixed = own.iter().zip(known(id)).enumerate();
        let clash = |(at, (&extent, base)): (usize, (&usize, Option<i64>))| {
            // The capacity may happen to be the other's extent, so that equal extents prove nothing.
            base.is_none() && extent != 1 && axes[missing + at].is_some()
        };
        if fixed.into_iter().any(clash) {
            return Err(unsupported!("an axis that grows while decoding meets one of fixed extent"));
        }
    }
    Ok(axes)
}

/// A growing axis has to stay an axis of its own.
fn reshape(axes: &Axes, from: &[usize], to: &[usize]) -> Result<Axes, Error> {
    let mut result = vec![None; to.len()];
    for (axis, base) in axes.iter().enumerate().filter(|(_, base)| base.is_some()) {
        let before = |shape: &[usize], at: usize| shape[..at].iter().product::<usize>();
        let same = |&at: &usize| to[at] == from[axis] && before(to, at) == before(from, axis);
        let found = (0..to.len()).find(same);
        let at = found.ok_or_else(|| unsupported!("it joins or splits an axis that grows while decoding"))?;
        result[at] = *base;
    }
    Ok(result)
}

/// Stacks broadcast; rows come from the left, columns from the right.
fn product(
    operands: &[Option<ValueId>],
    shape: &[usize],
    known: &dyn Fn(ValueId) -> Axes,
) -> Result<Axes, Error> {
    let &[Some(left), Some(right), ..] = operands else { return Ok(vec![None; shape.len()]) };
    let (left, right) = (known(left), known(right));
    let ([left @ .., rows, _], [right @ .., _, columns]) = (&left[..], &right[..]) else {
        return Err(unsupported!("it multiplies a vector along an axis that grows while decoding"));
    };
    let stacks = shape.len() - 2;
    let aligned = |axes: &[Option<i64>]| [&vec![None; stacks - axes.len()], axes].concat();
    let mut axes = merge(aligned(left), aligned(right))?;
    axes.extend([*rows, *columns]);
    Ok(axes)
}
