//! Matrices of four bits that DequantizeLinear makes floats of, packed again for the product that reads them: on the
//! device they take an eighth of the floats' room.

use crate::builder::{Builder, FourBits};
use crate::element_type::ElementType;
use crate::error::Error;
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::Binary;
use crate::tensor::{DataType, Tensor, TensorType};
use crate::writer::{Writer, Written};

/// The matrix of a DequantizeLinear, if it is constant and its blocks are such as products know.
pub(super) fn of(
    node: &NodeView,
    graph: &mut Builder,
    axis: usize,
    block_size: usize,
) -> Result<Option<FourBits>, Error> {
    let (x, scale) = (node.operand(0)?, node.operand(1)?);
    let &[inner, columns] = &x.tensor_type.shape[..] else { return Ok(None) };
    let known = matches!(x.element_type, ElementType::I4 | ElementType::U4)
        && axis == 0
        && block_size.is_power_of_two()
        && block_size >= 16
        && inner.is_multiple_of(block_size);
    let constant = node.inputs.iter().flatten().all(|operand| graph.is_constant(operand.id));
    let blocks = inner.checked_div(block_size).unwrap_or(0);
    if !known
        || !constant
        || blocks == 0
        || scale.tensor_type != TensorType::new(DataType::F32, [blocks, columns])
    {
        return Ok(None);
    }
    let signed = x.element_type == ElementType::I4;
    let write = &Writer::new(node, graph);
    let rows = pairs(write, write.transpose_last(unsigned(write, x.id)?)?)?;
    let zeros = match node.optional(2) {
        Some(zeros) => Some(packed_zeros(write, zeros.id)?),
        // A product's own zero is 8, which is what 0 has become.
        None if signed => None,
        None => {
            Some(write.constant(Tensor::zeros(&TensorType::new(DataType::U8, [columns, blocks.div_ceil(2)]))))
        }
    };
    Ok(Some(FourBits {
        block_size,
        packed: write.reshape(rows, &[columns, blocks, block_size / 2])?,
        scales: write.transpose_last(scale.id)?,
        zeros,
    }))
}

/// Numbers of four bits from 0 on: those with a sign are moved by 8.
fn unsigned(write: &Writer, x: ValueId) -> Written {
    if write.data_type(x) == DataType::U8 {
        return Ok(x);
    }
    let moved = write.cast(x, DataType::I32)?;
    write.cast(write.plus(moved, 8.0)?, DataType::U8)
}

/// Zero points `[blocks, n]` packed by column.
fn packed_zeros(write: &Writer, zeros: ValueId) -> Written {
    let by_column = write.transpose_last(unsigned(write, zeros)?)?;
    let &[columns, blocks] = &write.shape(by_column)[..] else { return Ok(by_column) };
    if blocks.is_multiple_of(2) {
        return pairs(write, by_column);
    }
    let none = write.constant(Tensor::zeros(&TensorType::new(DataType::U8, [columns, 1])));
    pairs(write, write.concat(1, &[by_column, none])?)
}

/// Neighbours of each row in one byte, the first in its low half.
fn pairs(write: &Writer, x: ValueId) -> Written {
    let &[rows, width] = &write.shape(x)[..] else { return Ok(x) };
    let apart = write.reshape(x, &[rows, width / 2, 2])?;
    let low = write.slice(apart, 2, 0, 1)?;
    let high = write.slice(apart, 2, 1, 1)?;
    let shifted = write.binary(Binary::ShiftLeft, high, write.like(high, 4.0))?;
    write.reshape(write.binary(Binary::BitwiseOr, low, shifted)?, &[rows, width / 2])
}

#[cfg(test)]
mod tests {
    use crate::ops::Operator;
    use crate::ops::table::check_near;
    use crate::text;

    /// A product with a matrix of two blocks of 16 and one column: 1 to 7 and so on in the first, -8 in the second.
    fn product(weights: &str, zeros: &str) -> String {
        format!(
            "opset 21\nx: f32[1,32] = 1\n{weights}\ns: f32[2,1] = 0.5 2\n{zeros}\n\
             f = DequantizeLinear(w, s{}, axis=0, block_size=16)\ny = MatMul(x, f)",
            if zeros.is_empty() { "" } else { ", z" }
        )
    }

    fn cases() -> [(&'static str, String, &'static str); 4] {
        let signed = "w: i4[32,1] = 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 -8 -8 -8 -8 -8 -8 -8 -8 1 1 1 1 1 1 1 1";
        let unsigned =
            "w: u4[32,1] = 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 15 15 15 15 15 15 15 15 1 1 1 1 1 1 1 1";
        [
            // 0.5 · 56 + 2 · (8 · -8 + 8), and so on.
            ("signed", product(signed, ""), "f32[1,1] = -84"),
            ("signed with zeros", product(signed, "z: i4[2,1] = 1 -8"), "f32[1,1] = 164"),
            ("unsigned", product(unsigned, ""), "f32[1,1] = 284"),
            ("unsigned with zeros", product(unsigned, "z: u4[2,1] = 4 15"), "f32[1,1] = -228"),
        ]
    }

    #[test]
    fn values() {
        check_near(&cases().each_ref().map(|(name, graph, expected)| (*name, graph.as_str(), *expected)));
    }

    #[test]
    fn the_weights_stay_packed() {
        for (name, graph, _) in cases() {
            // What is fed cannot be folded.
            let graph = graph.replace("x: f32[1,32] = 1", "x: f32[1,32]");
            let graph = crate::optimise(text::parse(&format!("{graph}\nreturn y")).unwrap());
            assert!(matches!(graph.nodes[0].operator, Operator::MatMulNBits(_)), "{name}: {graph}");
        }
    }
}
