//! Operators that pick or write elements by index.

use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::{Gather, GatherElements, GatherNd, Operator, Scatter, ScatterElements, ScatterNd};

/// Gather.
pub(crate) fn read_gather(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let axis = node.axis(node.shape(0)?.len(), 0)?;
    node.apply(graph, Operator::Gather(Gather { axis }), 2)
}

/// GatherElements.
pub(crate) fn read_gather_elements(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let axis = node.axis(node.shape(0)?.len(), 0)?;
    node.apply(graph, Operator::GatherElements(GatherElements { axis }), 2)
}

/// GatherND.
pub(crate) fn read_gather_nd(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let dimensions = node.attributes.int("batch_dims")?.unwrap_or(0);
    let batch_dimensions = usize::try_from(dimensions).map_err(|_| invalid!("batch_dims is {dimensions}"))?;
    node.apply(graph, Operator::GatherNd(GatherNd { batch_dimensions }), 2)
}

/// ScatterElements, and Scatter as it was called before opset 11.
pub(crate) fn read_scatter_elements(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let axis = node.axis(node.shape(0)?.len(), 0)?;
    let scatter = scatter(node)?;
    node.apply(graph, Operator::ScatterElements(ScatterElements { axis, scatter }), 3)
}

/// ScatterND.
pub(crate) fn read_scatter_nd(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    node.apply(graph, Operator::ScatterNd(ScatterNd { scatter: scatter(node)? }), 3)
}

/// The attribute `reduction`.
fn scatter(node: &NodeView) -> Result<Scatter, Error> {
    Ok(match node.attributes.text("reduction")?.unwrap_or("none") {
        "none" => Scatter::Replace,
        "add" => Scatter::Add,
        "mul" => Scatter::Mul,
        "max" => Scatter::Max,
        "min" => Scatter::Min,
        other => return Err(invalid!("its reduction is {other:?}")),
    })
}
