//! ONNX operators that hand their operand on: Identity, and Dropout, which acts in training only.

use crate::builder::Builder;
use crate::error::Error;
use crate::ir::ValueId;
use crate::node_view::NodeView;

/// Identity, Dropout.
pub(crate) fn read(node: &NodeView, _: &mut Builder) -> Result<Vec<ValueId>, Error> {
    node.single_output()?;
    Ok(vec![node.operand(0)?.id])
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            ("identity", "x: i64[2] = 1 2\ny = Identity(x)", "i64[2] = 1 2"),
            ("dropout", "x: f32[2] = 1 2\ny = Dropout(x)", "f32[2] = 1 2"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[("mask wanted", "x: f32[2]\ny, m = Dropout(x)", "first output")]);
    }
}
