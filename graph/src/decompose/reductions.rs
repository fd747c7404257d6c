//! Reductions that ONNX names and the graph composes: of magnitudes, squares, exponentials, bools.

use crate::builder::Builder;
use crate::error::Error;
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::reduce::{self, Over, Reduction};
use crate::ops::{Binary, Unary};
use crate::tensor::DataType;
use crate::writer::{Writer, Written};

/// Something reduced over axes, which stay if the last argument says so. Without axes it is what the reduction
/// makes of each element.
type Compose = fn(&Writer, ValueId, &[usize], bool) -> Written;

fn read(node: &NodeView, graph: &mut Builder, compose: Compose) -> Result<Vec<ValueId>, Error> {
    let over = reduce::over(node)?.unwrap_or(Over { axes: Vec::new(), keep_dimensions: true });
    let x = node.operand(0)?.id;
    Ok(vec![compose(&Writer::new(node, graph), x, &over.axes, over.keep_dimensions)?])
}

/// ReduceL1: the sum of magnitudes.
pub(crate) fn read_l1(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    read(node, graph, |write, x, axes, keep| {
        write.reduce(Reduction::Sum, write.unary(Unary::Abs, x)?, axes, keep)
    })
}

/// ReduceSumSquare: the sum of squares.
pub(crate) fn read_sum_square(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    read(node, graph, |write, x, axes, keep| write.reduce(Reduction::Sum, write.mul(x, x)?, axes, keep))
}

/// ReduceLogSum: the logarithm of the sum.
pub(crate) fn read_log_sum(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    read(node, graph, |write, x, axes, keep| {
        write.unary(Unary::Log, write.reduce(Reduction::Sum, x, axes, keep)?)
    })
}

/// ReduceLogSumExp: the logarithm of the sum of exponentials. The largest element is taken out first, unless it
/// is infinite.
pub(crate) fn read_log_sum_exp(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    read(node, graph, |write, x, axes, keep| {
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
        return reduce::read(node, graph, reduction);
    }
    let over = reduce::over(node)?.unwrap_or(Over { axes: Vec::new(), keep_dimensions: true });
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let numbers = write.cast(x, DataType::I32)?;
    let reduced = write.reduce(reduction, numbers, &over.axes, over.keep_dimensions)?;
    Ok(vec![write.binary(Binary::Greater, reduced, write.like(reduced, 0.0))?])
}
