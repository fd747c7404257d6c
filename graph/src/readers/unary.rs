//! Element-wise operators of one operand.

use crate::builder::Builder;
use crate::error::{Error, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::{Activation, Operator, Unary};

/// Abs, Sqrt, ...: one operand, no attributes.
pub(crate) fn read(node: &NodeView, graph: &mut Builder, operator: Unary) -> Result<Vec<ValueId>, Error> {
    node.apply(graph, Operator::Unary(operator), 1)
}

/// IsInf.
pub(crate) fn read_is_inf(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let negative = node.attributes.flag("detect_negative", true)?;
    let positive = node.attributes.flag("detect_positive", true)?;
    read(node, graph, Unary::IsInf { negative, positive })
}

/// Gelu, of ONNX since opset 20 and of the domain com.microsoft, which knows no `approximate`.
pub(crate) fn read_gelu(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let activation = match node.attributes.text("approximate")?.unwrap_or("none") {
        "none" => Activation::Gelu,
        "tanh" => Activation::GeluTanh,
        other => return Err(unsupported!("its approximation is {other:?}")),
    };
    read(node, graph, Unary::Activation(activation))
}
