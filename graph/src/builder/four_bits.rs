//! Matrices of floats that are there in four bits too.

use super::Builder;
use crate::error::Error;
use crate::ir::ValueId;
use crate::ops::{MatMulNBits, Operator};

/// A matrix `[k, n]` as the operands of [`MatMulNBits`] have it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FourBits {
    pub block_size: usize,
    pub packed: ValueId,
    pub scales: ValueId,
    pub zeros: Option<ValueId>,
}

impl FourBits {
    /// The product of a with the matrix.
    pub fn product(&self, name: &str, graph: &mut Builder, a: ValueId) -> Result<ValueId, Error> {
        let operator = Operator::MatMulNBits(MatMulNBits { bits: 4, block_size: self.block_size });
        graph.push(name, operator, &[Some(a), Some(self.packed), Some(self.scales), self.zeros])
    }
}
