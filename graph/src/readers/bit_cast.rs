//! BitCast: the same bits, read as another type of the same width.

use super::narrow::element_type;
use crate::builder::Builder;
use crate::element_type::ElementType;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::{Cast, Operator};
use crate::tensor::{Data, DataType, Tensor};

/// BitCast, of a constant, and of bytes, where a cast keeps the bits.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let number = node.attributes.int("to")?.ok_or_else(|| invalid!("attribute \"to\" is missing"))?;
    let operand = node.operand(0)?;
    let [from, to] = [kept(operand.element_type)?, kept(element_type(number, "to")?)?];
    if from.size_bytes() != to.size_bytes() {
        return Err(invalid!("{from} and {to} are not of the same width"));
    }
    match (from, to) {
        (DataType::U8, DataType::I8) | (DataType::I8, DataType::U8) => {
            node.apply(graph, Operator::Cast(Cast { to }), 1)
        }
        _ if from == to => Ok(vec![operand.id]),
        _ => {
            let tensor = node.constant(0, "elements")?.ok_or_else(|| invalid!("operand 0 is missing"))?;
            let data = Data::from_le_bytes(to, &tensor.to_le_bytes());
            Ok(vec![graph.constant(node.name, Tensor { shape: tensor.shape.clone(), data })])
        }
    }
}

/// A type whose elements are kept with the bits that they have in a file.
fn kept(element_type: ElementType) -> Result<DataType, Error> {
    match element_type {
        ElementType::Kept(data_type) => Ok(data_type),
        other => Err(unsupported!("{other} is not kept with the bits it has in a file")),
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // Expected values from numpy.ndarray.view.
        check(&[
            (
                "floats",
                "x: f32[3] = 1 -2 0.5\ny = BitCast(x, to=6)",
                "i32[3] = 1065353216 -1073741824 1056964608",
            ),
            ("back", "x: i32[2] = 1065353216 -1073741824\ny = BitCast(x, to=1)", "f32[2] = 1 -2"),
            ("bytes", "x: u8[3] = 1 128 255\ny = BitCast(x, to=3)", "i8[3] = 1 -128 -1"),
        ]);
        refuse(&[
            ("another width", "x: f32[2] = 1\ny = BitCast(x, to=7)", "not of the same width"),
            ("computed", "x: f32[2]\ny = BitCast(x, to=6)", "depend on the data"),
        ]);
    }
}
