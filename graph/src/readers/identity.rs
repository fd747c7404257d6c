//! ONNX operators that hand their operand on: Identity, and Dropout, which acts in training only.

use crate::builder::Builder;
use crate::error::{Error, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::tensor::Tensor;
use crate::writer::Writer;

/// Identity.
pub(crate) fn read(node: &NodeView, _: &mut Builder) -> Result<Vec<ValueId>, Error> {
    node.single_output()?;
    Ok(vec![node.operand(0)?.id])
}

/// OptionalHasElement of a tensor, which has one, or of nothing.
pub(crate) fn read_has_element(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let there = Tensor::scalar(node.optional(0).is_some());
    Ok(vec![graph.constant(node.name, there)])
}

/// Dropout: the second output says of every element that it is kept, as a bool since opset 10.
pub(crate) fn read_dropout(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let number = |index: usize, what: &str| {
        let found = node.constant(index, what)?;
        Ok::<_, Error>(found.and_then(|found| found.to_f32_vec().first().copied()))
    };
    let training = number(2, "training mode")?.is_some_and(|mode| mode != 0.0);
    if training && number(1, "ratio")?.unwrap_or(0.5) != 0.0 {
        return Err(unsupported!("it is in training mode"));
    }
    let operand = node.operand(0)?;
    if node.output_count == 1 {
        return Ok(vec![operand.id]);
    }
    let write = Writer::new(node, graph);
    let kept = if node.opset < 10 { Tensor::scalar(1f32) } else { Tensor::scalar(true) };
    Ok(vec![operand.id, write.expand(write.constant(kept), &operand.tensor_type.shape)?])
}
