//! Operators that give elements another shape, order or company.

use crate::builder::Builder;
use crate::builder::cache_length::linear::{Integer, cached_axes, extents};
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::{NodeView, axes, axis};
use crate::ops::{Concat, Expand, Operator, Reshape, Transpose};
use crate::strided::broadcast;

/// Reshape: 0 copies the operand's extent unless `allowzero`, one -1 is whatever is left.
pub(crate) fn read_reshape(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let wanted = node.linear(1, "shape")?.ok_or_else(|| invalid!("operand 1 is missing"))?;
    let wanted = extents(&wanted, graph.capacity())?;
    let shape = resolve(node.shape(0)?, &wanted, node.attributes.flag("allowzero", false)?)?;
    node.apply(graph, Operator::Reshape(Reshape { shape }), 1)
}

fn resolve(from: &[usize], wanted: &[i64], allow_zero: bool) -> Result<Vec<usize>, Error> {
    let misfit = || invalid!("shape {from:?} does not become {wanted:?}");
    let mut shape = Vec::new();
    let mut open = None;
    for (at, &extent) in wanted.iter().enumerate() {
        shape.push(match extent {
            0 if !allow_zero => *from.get(at).ok_or_else(misfit)?,
            -1 if open.is_none() => {
                open = Some(at);
                1
            }
            extent => usize::try_from(extent).map_err(|_| misfit())?,
        });
    }
    if let Some(at) = open {
        let count: usize = from.iter().product();
        let others = shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent));
        let left = others.filter(|&others| others > 0 && count.is_multiple_of(others)).ok_or_else(misfit)?;
        shape[at] = count / left;
    }
    Ok(shape)
}

/// Flatten.
pub(crate) fn read_flatten(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let from = node.shape(0)?;
    let at = node.attributes.int("axis")?.unwrap_or(1);
    let at = if at == from.len() as i64 { from.len() } else { axis(at, from.len())? };
    let shape = vec![from[..at].iter().product(), from[at..].iter().product()];
    node.apply(graph, Operator::Reshape(Reshape { shape }), 1)
}

/// Squeeze.
pub(crate) fn read_squeeze(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let from = node.shape(0)?;
    let dropped = match node.integers_or_attribute(1, "axes")? {
        Some(given) => axes(&given, from.len())?,
        None => (0..from.len()).filter(|&at| from[at] == 1).collect(),
    };
    if let Some(at) = dropped.iter().find(|&&at| from[at] != 1) {
        return Err(invalid!("axis {at} of {from:?} cannot be squeezed: its extent is not 1"));
    }
    let shape = (0..from.len()).filter(|at| !dropped.contains(at)).map(|at| from[at]).collect();
    node.apply(graph, Operator::Reshape(Reshape { shape }), 1)
}

/// Unsqueeze: the axes count in the result.
pub(crate) fn read_unsqueeze(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let given = node.integers_or_attribute(1, "axes")?.ok_or_else(|| invalid!("its axes are missing"))?;
    let mut shape = node.shape(0)?.to_vec();
    for at in axes(&given, shape.len() + given.len())? {
        shape.insert(at, 1);
    }
    node.apply(graph, Operator::Reshape(Reshape { shape }), 1)
}

/// Transpose: without `perm` the axes turn round.
pub(crate) fn read_transpose(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let permutation = match node.attributes.ints("perm")? {
        Some(axes) => axes.iter().map(|&axis| usize::try_from(axis).unwrap_or(usize::MAX)).collect(),
        None => (0..node.shape(0)?.len()).rev().collect(),
    };
    node.apply(graph, Operator::Transpose(Transpose { permutation }), 1)
}

/// Expand: the wanted shape broadcasts with the operand's, so it may hold ones or be shorter.
pub(crate) fn read_expand(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let wanted = node.linear(1, "shape")?.ok_or_else(|| invalid!("operand 1 is missing"))?;
    let extents = lengths(&wanted, graph.capacity())?;
    let shape = broadcast(node.shape(0)?, &extents)?;
    let mut axes = vec![None; shape.len() - wanted.len()];
    axes.extend(cached_axes(&wanted));
    let id = graph.push(node.name, Operator::Expand(Expand { shape }), &[Some(node.operand(0)?.id)])?;
    graph.set_axes(id, axes);
    Ok(vec![id])
}

/// A shape's static extents, none of which may be negative.
pub(crate) fn lengths(shape: &[Integer], capacity: usize) -> Result<Vec<usize>, Error> {
    let lengths: Result<Vec<usize>, _> = extents(shape, capacity)?.into_iter().map(usize::try_from).collect();
    lengths.map_err(|_| invalid!("its shape has a negative extent"))
}

/// Concat.
pub(crate) fn read_concat(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    if node.attributes.int("axis")?.is_none() {
        return Err(invalid!("attribute \"axis\" is missing"));
    }
    let axis = node.axis(node.shape(0)?.len(), 0)?;
    node.apply(graph, Operator::Concat(Concat { axis }), node.inputs.len())
}
