//! Product with a matrix of packed small integers, unpacked block by block.

use super::matmul::multiply;
use super::{Rule, float_operand, floats, operand, optional};
use crate::error::{Error, invalid, unsupported};
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// `A · Wᵀ`, where `W[n, k] = (q[n, k] − zero[n, k / block]) · scale[n, k / block]`.
///
/// Inputs: `A [batch…, k]` f32; `q [n, blocks, block_size · bits / 8]` u8; `scale [n, blocks]` f32; optional
/// `zero [n, ⌈blocks · bits / 8⌉]` u8, packed likewise; without it every zero is `2^(bits − 1)`. The first of the
/// numbers in a byte lies in its lowest bits. There are `⌈k / block_size⌉` blocks; the last may reach beyond k.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MatMulNBits {
    /// Bits of each number: 2, 4 or 8.
    pub bits: usize,
    /// Numbers that have a scale in common: a power of two, 16 or more.
    pub block_size: usize,
}

impl MatMulNBits {
    /// The number at a place in a row of packed ones.
    fn unpack(&self, row: &[u8], at: usize) -> u8 {
        let bit = at * self.bits;
        let mask = (0xff_u16 >> (8 - self.bits)) as u8;
        row[bit / 8] >> (bit % 8) & mask
    }

    /// The weights as a matrix `[k, n]`.
    fn weights(&self, inputs: &[Option<&Tensor>], inner: usize, columns: usize) -> Result<Vec<f32>, Error> {
        let packed = bytes(operand(inputs, 1)?)?;
        let (scales, zeros) = (floats(inputs, 2)?, optional(inputs, 3).map(bytes).transpose()?);
        let blocks = inner.div_ceil(self.block_size);
        let length = (self.block_size * self.bits / 8) * blocks;
        let zero_length = (blocks * self.bits).div_ceil(8);
        let mut weights = vec![0.0; inner * columns];
        for column in 0..columns {
            let row = &packed[column * length..(column + 1) * length];
            for at in 0..inner {
                let block = at / self.block_size;
                let zero = zeros
                    .map_or(1 << (self.bits - 1), |zeros| self.unpack(&zeros[column * zero_length..], block));
                let number = f32::from(self.unpack(row, at)) - f32::from(zero);
                weights[at * columns + column] = number * scales[column * blocks + block];
            }
        }
        Ok(weights)
    }
}

fn bytes(tensor: &Tensor) -> Result<&[u8], Error> {
    tensor.elements().ok_or_else(|| invalid!("{} is not packed in u8", tensor.tensor_type()))
}

impl Rule for MatMulNBits {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (a, packed, scales) = (float_operand(inputs, 0)?, operand(inputs, 1)?, float_operand(inputs, 2)?);
        let known = matches!(self.bits, 2 | 4 | 8);
        if !known || !self.block_size.is_power_of_two() || self.block_size < 16 {
            return Err(unsupported!("its weights have {} bits in blocks of {}", self.bits, self.block_size));
        }
        let misfit = || invalid!("{a} does not multiply with {packed} scaled by {scales}");
        let (&inner, lead) = a.shape.split_last().ok_or_else(misfit)?;
        let (columns, blocks) = (packed.shape.first().copied().unwrap_or(0), inner.div_ceil(self.block_size));
        let fits = packed.shape == [columns, blocks, self.block_size * self.bits / 8]
            && packed.data_type == DataType::U8
            && scales.shape == [columns, blocks];
        if !fits {
            return Err(misfit());
        }
        let zeros = TensorType::new(DataType::U8, [columns, (blocks * self.bits).div_ceil(8)]);
        if let Some(given) = optional(inputs, 3).filter(|given| **given != zeros) {
            return Err(invalid!("its zero points are {given}, not {zeros}"));
        }
        Ok(TensorType::new(DataType::F32, [lead, &[columns]].concat()))
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let inner = operand(inputs, 0)?.shape.last().copied().unwrap_or(0);
        let columns = result.shape.last().copied().unwrap_or(0);
        if inner == 0 {
            return Ok(vec![0f32; result.element_count()].into());
        }
        let product = multiply(floats(inputs, 0)?, &self.weights(inputs, inner, columns)?, inner, columns);
        Ok(Data::F32(product.into_iter().map(|sum| sum as f32).collect()))
    }
}
