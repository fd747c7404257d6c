//! Operators along one axis that keep it: softmax and its kin, running sums and products, the order of elements.

use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::{NodeView, axis};
use crate::ops::{ArgReduce, Binary, CumulativeSum, GatherElements, Operator, Order, Reduction, Unary};
use crate::writer::{Writer, Written};

/// Softmax.
pub(crate) fn read_softmax(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    along(node, graph, |write, x, axis| write.softmax(x, axis))
}

/// LogSoftmax: `x − max − ln Σ exp(x − max)`.
pub(crate) fn read_log_softmax(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    along(node, graph, logarithm)
}

/// The logarithm of the softmax along an axis.
pub(super) fn logarithm(write: &Writer, x: ValueId, axis: usize) -> Written {
    let apart = write.sub(x, write.reduce(Reduction::Max, x, &[axis], true)?)?;
    let sum = write.reduce(Reduction::Sum, write.unary(Unary::Exp, apart)?, &[axis], true)?;
    write.sub(apart, write.unary(Unary::Log, sum)?)
}

/// Hardmax: 1 for the first of the largest elements, 0 for the others.
pub(crate) fn read_hardmax(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    along(node, graph, |write, x, axis| {
        let largest = ArgReduce { axis, largest: true, last: false };
        let first = write.push(Operator::ArgReduce(largest), &[Some(x)])?;
        let mut shape = write.shape(x);
        let places = write.along(write.integers(0..shape[axis] as i64), axis, shape.len())?;
        shape[axis] = 1;
        let chosen = write.binary(Binary::Equal, places, write.reshape(first, &shape)?)?;
        write.cast(chosen, write.data_type(x))
    })
}

/// Applies something along one axis, as it is meant since opset 13, or over all from `axis` on, as before that.
fn along(
    node: &NodeView,
    graph: &mut Builder,
    apply: fn(&Writer, ValueId, usize) -> Written,
) -> Result<Vec<ValueId>, Error> {
    let shape = node.shape(0)?.to_vec();
    let axis = node.axis(shape.len(), if node.opset < 13 { 1 } else { -1 })?;
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    if node.opset >= 13 || axis + 1 == shape.len() {
        return Ok(vec![apply(write, x, axis)?]);
    }
    let rows = [shape[..axis].iter().product(), shape[axis..].iter().product()];
    let result = apply(write, write.reshape(x, &rows)?, 1)?;
    Ok(vec![write.reshape(result, &shape)?])
}

/// CumSum.
pub(crate) fn read_cumulative_sum(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let given = node.integers(1, "axis")?.and_then(|axis| axis.first().copied());
    let axis = axis(given.ok_or_else(|| invalid!("its axis is missing"))?, node.shape(0)?.len())?;
    let exclusive = node.attributes.flag("exclusive", false)?;
    let reverse = node.attributes.flag("reverse", false)?;
    node.apply(graph, Operator::CumulativeSum(CumulativeSum { axis, exclusive, reverse }), 1)
}

/// CumProd: each step doubles how many neighbours are multiplied.
pub(crate) fn read_cumulative_product(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let given = node.integers(1, "axis")?.and_then(|axis| axis.first().copied());
    let shape = node.shape(0)?;
    let axis = axis(given.ok_or_else(|| invalid!("its axis is missing"))?, shape.len())?;
    let extent = shape[axis];
    let reverse = node.attributes.flag("reverse", false)?;
    let write = Writer::new(node, graph);
    let turned = |x: ValueId| match extent.checked_sub(1) {
        Some(last) if reverse => write.stride(x, axis, last, -1, extent),
        _ => Ok(x),
    };
    // Ones come in from the front, and as many elements go out behind.
    let moved = |x: ValueId, by: usize| {
        let mut ones = write.shape(x);
        ones[axis] = by;
        let ones = write.expand(write.like(x, 1.0), &ones)?;
        write.concat(axis, &[ones, write.slice(x, axis, 0, extent - by)?])
    };
    let mut product = turned(node.operand(0)?.id)?;
    let mut reach = 1;
    while reach < extent {
        product = write.mul(product, moved(product, reach)?)?;
        reach = reach.saturating_mul(2);
    }
    if node.attributes.flag("exclusive", false)? && extent > 0 {
        product = moved(product, 1)?;
    }
    Ok(vec![turned(product)?])
}

/// TopK: k is an operand since opset 10, an attribute before. Values are picked in the order of the indices.
pub(crate) fn read_top_k(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let x = node.operand(0)?;
    let axis = node.axis(x.tensor_type.shape.len(), -1)?;
    let given = match node.integers(1, "k")? {
        Some(integers) => integers.first().copied(),
        None => node.attributes.int("k")?,
    };
    let given = given.ok_or_else(|| invalid!("its k is missing"))?;
    let count = usize::try_from(given).map_err(|_| invalid!("its k is {given}"))?;
    let largest = node.attributes.flag("largest", true)?;
    let write = Writer::new(node, graph);
    let order = write.push(Operator::Order(Order { axis, largest, count }), &[Some(x.id)])?;
    let pick = Operator::GatherElements(GatherElements { axis });
    Ok(vec![write.push(pick, &[Some(x.id), Some(order)])?, order])
}
