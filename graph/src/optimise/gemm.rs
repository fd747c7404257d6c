//! Gemm as MatMul, which kernels are written for.

use super::rewriter::{Rewrite, Rewriter};
use crate::ir::ValueId;
use crate::ops::{Binary, Gemm, MatMul, Operator, Transpose};

/// `A' · B' + C` as a product, a bias where C is one, an addition where it is more. Factors other than 1
/// stay Gemm.
pub(super) fn to_matmul(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Gemm(gemm) = rewriter.node.operator else { return None };
    let operand = |index: usize| rewriter.node.inputs.get(index).copied().flatten();
    let (a, b, c) = (operand(0)?, operand(1)?, operand(2));
    if gemm.alpha != 1.0 || (c.is_some() && gemm.beta != 1.0) {
        return None;
    }
    let Gemm { transpose_a, transpose_b, .. } = gemm;
    let (a, b) = (turned(rewriter, a, transpose_a)?, turned(rewriter, b, transpose_b)?);
    let product = Operator::MatMul(MatMul::default());
    let columns = rewriter.shape(b)[1];
    match c {
        None => Some(Rewrite::Replace(product, vec![Some(a), Some(b)])),
        Some(c) if rewriter.shape(c) == [columns] => {
            Some(Rewrite::Replace(product, vec![Some(a), Some(b), Some(c)]))
        }
        Some(c) => {
            let product = rewriter.add(product, vec![Some(a), Some(b)])?;
            Some(Rewrite::Replace(Operator::Binary(Binary::Add), vec![Some(product), Some(c)]))
        }
    }
}

fn turned(rewriter: &mut Rewriter, id: ValueId, transposed: bool) -> Option<ValueId> {
    let transpose = Operator::Transpose(Transpose { permutation: vec![1, 0] });
    if transposed { rewriter.add(transpose, vec![Some(id)]) } else { Some(id) }
}
