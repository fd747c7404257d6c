//! GatherBlockQuantized of ONNX Runtime: rows of a quantised table, picked by index and made f32.

use crate::builder::Builder;
use crate::element_type::ElementType;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::{NodeView, axis};
use crate::ops::Binary;
use crate::tensor::DataType;
use crate::writer::{Writer, Written};

/// GatherBlockQuantized: table, indices, scales of the blocks along the last axis, zero points of the table's type. In
/// a table of u8 two numbers of 4 bits share a byte, the first in its low half; those of u4 and i4 are apart.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let number = |name: &str, default: i64| Ok::<_, Error>(node.attributes.int(name)?.unwrap_or(default));
    let (table, scales) = (node.operand(0)?, node.operand(2)?.id);
    let rank = table.tensor_type.shape.len();
    let (gathered, quantised) =
        (axis(number("gather_axis", 0)?, rank)?, axis(number("quantize_axis", 1)?, rank)?);
    let separate = matches!(table.element_type, ElementType::U4 | ElementType::I4);
    let (bits, block) = (if separate { 8 } else { number("bits", 4)? }, number("block_size", 128)?);
    let block = usize::try_from(block).map_err(|_| invalid!("block_size is {block}"))?;
    if gathered != 0 || quantised + 1 != rank || rank < 2 || !matches!(bits, 4 | 8) {
        return Err(unsupported!(
            "it gathers along axis {gathered} what is quantised along axis {quantised} to {bits} bits"
        ));
    }
    if table.tensor_type.data_type != DataType::U8 && !separate {
        return Err(unsupported!("its table is {}", table.tensor_type));
    }
    let (table, indices) = (table.id, node.operand(1)?.id);
    let write = &Writer::new(node, graph);
    let pick = |x: ValueId| write.gather(x, 0, indices);
    let numbers = unpacked(write, pick(table)?, bits)?;
    let scales = pick(scales)?;
    let (shape, blocks) = (write.shape(numbers), write.shape(scales));
    let (Some((&width, lead)), Some(&count)) = (shape.split_last(), blocks.last()) else {
        return Err(invalid!("its table has no rows"));
    };
    let zero = match node.optional(3) {
        None if separate => write.float(0.0),
        None => write.float(f32::from(1u8 << (bits - 1))),
        Some(zero) => {
            let zero = unpacked(write, pick(zero.id)?, bits)?;
            let zero = write.slice(zero, lead.len(), 0, count)?;
            write.reshape(zero, &[lead, &[count, 1]].concat())?
        }
    };
    if count * block != width {
        return Err(unsupported!("{count} blocks of {block} do not fill rows of {width}"));
    }
    let apart = write.reshape(numbers, &[lead, &[count, block]].concat())?;
    let centred = write.sub(apart, zero)?;
    let scaled = write.mul(centred, write.reshape(scales, &[lead, &[count, 1]].concat())?)?;
    Ok(vec![write.reshape(scaled, &shape)?])
}

/// The numbers in bytes, as f32, along the last axis.
fn unpacked(write: &Writer, bytes: ValueId, bits: i64) -> Written {
    if bits == 8 {
        return write.cast(bytes, DataType::F32);
    }
    let mut shape = write.shape(bytes);
    let rank = shape.len();
    let low = write.binary(Binary::BitwiseAnd, bytes, write.like(bytes, 15.0))?;
    let high = write.binary(Binary::ShiftRight, bytes, write.like(bytes, 4.0))?;
    let beside = [write.trailing(low, rank + 1)?, write.trailing(high, rank + 1)?];
    let pairs = write.concat(rank, &beside)?;
    shape[rank - 1] *= 2;
    write.cast(write.reshape(pairs, &shape)?, DataType::F32)
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        check_near(&[
            (
                "packed in halves of bytes",
                "a: u8[2,8] = 240 159 174 228 147 197 212 57 14 76 72 222 232 1 127 209\n\
                 b: i64[1] = 1\n\
                 c: f32[2,1] = 0.5 0.25\n\
                 d: u8[2,1] = 3 9\n\
                 y = com.microsoft.GatherBlockQuantized(a, b, c, d, bits=4, block_size=16, quantize_axis=1)",
                "f32[1,16] = 1.25 -2.25 0.75 -1.25 -0.25 -1.25 1.25 1 -0.25 1.25 -2 -2.25 1.5 -0.5 -2 1",
            ),
            (
                "i4",
                "a: i4[2,16] = -8 -7 -6 -5 -4 -3 -2 -1 0 1 2 3 4 5 6 7 7 6 5 4 3 2 1 0 -1 -2 -3 -4 -5 -6 -7 -8\n\
                 b: i64[1] = 0\n\
                 c: f32[2,1] = 2 0.25\n\
                 y = com.microsoft.GatherBlockQuantized(a, b, c, block_size=16, quantize_axis=1)",
                "f32[1,16] = -16 -14 -12 -10 -8 -6 -4 -2 0 2 4 6 8 10 12 14",
            ),
            (
                "whole bytes",
                "a: u8[2,16] = 33 203 30 119 208 77 87 70 183 64 252 113 121 128 148 141 129 253 205 202 178 158 86 252 118 54 215 40 218 156 29 11\n\
                 b: i64[1] = 0\n\
                 c: f32[2,1] = 0.5 0.25\n\
                 y = com.microsoft.GatherBlockQuantized(a, b, c, bits=8, block_size=16, quantize_axis=1)",
                "f32[1,16] = -47.5 37.5 -49 -4.5 40 -25.5 -20.5 -29 27.5 -32 62 -7.5 -3.5 0 10 6.5",
            ),
        ]);
    }
}
