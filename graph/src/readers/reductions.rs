//! Reductions: plain ones, and those that are composed of magnitudes, squares, exponentials, bools.

use crate::builder::Builder;
use crate::error::Error;
use crate::ir::ValueId;
use crate::node_view::{NodeView, axes};
use crate::ops::{ArgReduce, Binary, Operator, Reduce, Reduction, Unary};
use crate::tensor::DataType;
use crate::writer::{Writer, Written};

/// ReduceSum, ReduceMean, ...
pub(crate) fn read_plain(
    node: &NodeView,
    graph: &mut Builder,
    reduction: Reduction,
) -> Result<Vec<ValueId>, Error> {
    let Some(Over { axes, keep_dimensions }) = over(node)? else { return Ok(vec![node.operand(0)?.id]) };
    match (axes.is_empty(), reduction) {
        (false, _) => node.apply(graph, Operator::Reduce(Reduce { reduction, axes, keep_dimensions }), 1),
        (true, Reduction::L2) => node.apply(graph, Operator::Unary(Unary::Abs), 1),
        (true, _) => Ok(vec![node.operand(0)?.id]),
    }
}

/// The axes that a node reduces over; none for a scalar.
struct Over {
    axes: Vec<usize>,
    keep_dimensions: bool,
}

/// Axes are an operand since opset 18 (ReduceSum: 13), an attribute before. `None` where nothing is to be reduced.
fn over(node: &NodeView) -> Result<Option<Over>, Error> {
    let rank = node.shape(0)?.len();
    let given = node.integers_or_attribute(1, "axes")?.unwrap_or_default();
    let axes = match axes(&given, rank)? {
        none if none.is_empty() && node.attributes.flag("noop_with_empty_axes", false)? => return Ok(None),
        none if none.is_empty() => (0..rank).collect(),
        some => some,
    };
    Ok(Some(Over { axes, keep_dimensions: node.attributes.flag("keepdims", true)? }))
}

/// ArgMax, ArgMin.
pub(crate) fn read_arg(node: &NodeView, graph: &mut Builder, largest: bool) -> Result<Vec<ValueId>, Error> {
    let mut shape = node.shape(0)?.to_vec();
    let axis = node.axis(shape.len(), 0)?;
    let last = node.attributes.flag("select_last_index", false)?;
    let operator = Operator::ArgReduce(ArgReduce { axis, largest, last });
    let write = Writer::new(node, graph);
    let found = write.push(operator, &[Some(node.operand(0)?.id)])?;
    if !node.attributes.flag("keepdims", true)? {
        return Ok(vec![found]);
    }
    shape[axis] = 1;
    Ok(vec![write.reshape(found, &shape)?])
}

/// Something reduced over axes, which stay if the last argument says so. Without axes it is what the reduction
/// makes of each element.
type Compose = fn(&Writer, ValueId, &[usize], bool) -> Written;

fn composed(node: &NodeView, graph: &mut Builder, compose: Compose) -> Result<Vec<ValueId>, Error> {
    let over = over(node)?.unwrap_or(Over { axes: Vec::new(), keep_dimensions: true });
    let x = node.operand(0)?.id;
    Ok(vec![compose(&Writer::new(node, graph), x, &over.axes, over.keep_dimensions)?])
}

/// ReduceL1: the sum of magnitudes.
pub(crate) fn read_l1(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    composed(node, graph, |write, x, axes, keep| {
        write.reduce(Reduction::Sum, write.unary(Unary::Abs, x)?, axes, keep)
    })
}

/// ReduceSumSquare: the sum of squares.
pub(crate) fn read_sum_square(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    composed(node, graph, |write, x, axes, keep| write.reduce(Reduction::Sum, write.mul(x, x)?, axes, keep))
}

/// ReduceLogSum: the logarithm of the sum.
pub(crate) fn read_log_sum(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    composed(node, graph, |write, x, axes, keep| {
        write.unary(Unary::Log, write.reduce(Reduction::Sum, x, axes, keep)?)
    })
}

/// ReduceLogSumExp: the logarithm of the sum of exponentials. The largest element is taken out first, unless it
/// is infinite.
pub(crate) fn read_log_sum_exp(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    composed(node, graph, |write, x, axes, keep| {
        let largest = write.reduce(Reduction::Max, x, axes, true)?;
        let endless = write.unary(Unary::IsInf { negative: true, positive: true }, largest)?;
        let shift = write.select(endless, write.float(0.0), largest)?;
        let powers = write.unary(Unary::Exp, write.sub(x, shift)?)?;
        let sum = write.unary(Unary::Log, write.reduce(Reduction::Sum, powers, axes, keep)?)?;
        let shape = write.shape(sum);
        write.add(sum, write.reshape(shift, &shape)?)
    })
}

/// ReduceMax, ReduceMin: of bools as of the numbers 0 and 1.
pub(crate) fn read_extreme(
    node: &NodeView,
    graph: &mut Builder,
    reduction: Reduction,
) -> Result<Vec<ValueId>, Error> {
    if node.operand(0)?.tensor_type.data_type != DataType::Bool {
        return read_plain(node, graph, reduction);
    }
    let over = over(node)?.unwrap_or(Over { axes: Vec::new(), keep_dimensions: true });
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let numbers = write.cast(x, DataType::I32)?;
    let reduced = write.reduce(reduction, numbers, &over.axes, over.keep_dimensions)?;
    Ok(vec![write.binary(Binary::Greater, reduced, write.like(reduced, 0.0))?])
}
