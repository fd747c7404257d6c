//! Products of matrices.

use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::{Gemm, MatMul, MatMulNBits, Operator};
use crate::tensor::DataType;
use crate::writer::Writer;

/// MatMul; one by a matrix that is there in four bits reads those.
pub(crate) fn read_matmul(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (a, b) = (node.operand(0)?, node.operand(1)?);
    if let Some(matrix) = graph.four_bits(b.id).filter(|_| !a.tensor_type.shape.is_empty()) {
        return Ok(vec![matrix.product(node.name, graph, a.id)?]);
    }
    node.apply(graph, Operator::MatMul(MatMul::default()), 2)
}

/// FusedMatMul: `alpha · A' · B'`, where a prime is an optional transpose of the last two axes.
pub(crate) fn read_fused(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    if node.attributes.flag("transBatchA", false)? || node.attributes.flag("transBatchB", false)? {
        return Err(unsupported!("it transposes its batches"));
    }
    let alpha = node.attributes.float("alpha")?.unwrap_or(1.0);
    let (a, b) = (node.operand(0)?.id, node.operand(1)?.id);
    let (turn_a, turn_b) = (node.attributes.flag("transA", false)?, node.attributes.flag("transB", false)?);
    let write = &Writer::new(node, graph);
    let turned = |x: ValueId, turn: bool| if turn { write.transpose_last(x) } else { Ok(x) };
    Ok(vec![write.times(write.matmul(turned(a, turn_a)?, turned(b, turn_b)?)?, alpha)?])
}

/// Gemm.
pub(crate) fn read_gemm(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let gemm = Gemm {
        transpose_a: node.attributes.flag("transA", false)?,
        transpose_b: node.attributes.flag("transB", false)?,
        alpha: node.attributes.float("alpha")?.unwrap_or(1.0),
        beta: node.attributes.float("beta")?.unwrap_or(1.0),
    };
    node.apply(graph, Operator::Gemm(gemm), 3)
}

/// MatMulNBits of the domain com.microsoft, whose scales and zeros may be flat.
pub(crate) fn read_matmul_n_bits(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    if node.optional(4).is_some() {
        return Err(unsupported!("its columns are grouped (g_idx)"));
    }
    let size = |name: &str, default: Option<i64>| {
        let given = node.attributes.int(name)?.or(default);
        let given = given.ok_or_else(|| invalid!("attribute {name:?} is missing"))?;
        usize::try_from(given).map_err(|_| invalid!("{name} is {given}"))
    };
    let (inner, columns) = (size("K", None)?, size("N", None)?);
    let (bits, block_size) = (size("bits", Some(4))?, size("block_size", None)?);
    let own = MatMulNBits { bits, block_size };
    let block_bytes = own.block_bytes()?;
    if node.shape(0)?.last() != Some(&inner) {
        return Err(invalid!("a {:?} has no rows of {inner} in blocks of {block_size}", node.shape(0)?));
    }
    let (a, blocks) = (node.operand(0)?.id, inner.div_ceil(block_size));
    let write = Writer::new(node, graph);
    let packed = write.reshape(node.operand(1)?.id, &[columns, blocks, block_bytes])?;
    let scales = write.reshape(node.operand(2)?.id, &[columns, blocks])?;
    let mut operands = vec![Some(a), Some(packed), Some(scales)];
    if let Some(zeros) = node.optional(3) {
        if zeros.tensor_type.data_type != DataType::U8 {
            return Err(unsupported!("its zero points are {}, not packed", zeros.tensor_type));
        }
        operands.push(Some(write.reshape(zeros.id, &[columns, (blocks * bits).div_ceil(8)])?));
    }
    let product = write.push(Operator::MatMulNBits(own), &operands)?;
    match node.optional(5) {
        Some(bias) => Ok(vec![write.add(product, bias.id)?]),
        None => Ok(vec![product]),
    }
}
