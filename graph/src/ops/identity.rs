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

/// Dropout, which drops nothing: the mask is true everywhere.
pub(crate) fn read_dropout(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let in_training = node.integers(2, "mode")?.is_some_and(|mode| mode != [0]);
    let ratio = node.constant(1, "ratio")?.map_or(0.5, |ratio| ratio.to_f32_vec().iter().sum());
    if in_training && ratio != 0.0 {
        return Err(unsupported!("it drops elements at random"));
    }
    let x = node.operand(0)?;
    if node.output_count < 2 {
        return Ok(vec![x.id]);
    }
    let write = Writer::new(node, graph);
    let kept = write.constant(Tensor::scalar(true));
    Ok(vec![x.id, write.expand(kept, &x.tensor_type.shape)?])
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            ("identity", "x: i64[2] = 1 2\ny = Identity(x)", "i64[2] = 1 2"),
            ("dropout", "x: f32[2] = 1 2\ny = Dropout(x)", "f32[2] = 1 2"),
            ("mask", "x: f32[2] = 1 2\nz, y = Dropout(x)", "bool[2] = 1 1"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[(
            "training",
            "x: f32[2]\nr: f32[] = 0.5\nt: bool[] = 1\ny = Dropout(x, r, t)",
            "at random",
        )]);
    }
}
