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
    /// Bytes that the numbers of a block take, where weights like these are known.
    pub(crate) fn block_bytes(self) -> Result<usize, Error> {
        let MatMulNBits { bits, block_size } = self;
        let known = matches!(bits, 2 | 4 | 8) && block_size.is_power_of_two() && block_size >= 16;
        let block_bits = block_size.checked_mul(bits).filter(|_| known);
        let block_bits =
            block_bits.ok_or_else(|| unsupported!("its weights have {bits} bits in blocks of {block_size}"));
        Ok(block_bits? / 8)
    }

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
        let block_bytes = self.block_bytes()?;
        let misfit = || invalid!("{a} does not multiply with {packed} scaled by {scales}");
        let (&inner, lead) = a.shape.split_last().ok_or_else(misfit)?;
        let (columns, blocks) = (packed.shape.first().copied().unwrap_or(0), inner.div_ceil(self.block_size));
        let fits = packed.shape == [columns, blocks, block_bytes]
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

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // The formula in NumPy: row 0 of the weights is 16 times (1 - 8) · 0.5, row 1 (15 - 3) · 2 and (2 - 3) · 2 in
        // turns; of 2 bits, (3, 2, 1, 0) - 2 again and again.
        check(&[
            (
                "4 bits, flat zeros and a bias",
                "x: f32[2,16] = 1\nq: u8[2,1,8] = 17 17 17 17 17 17 17 17 47 47 47 47 47 47 47 47\ns: f32[2] = 0.5 2\n\
                 z: u8[2] = 8 3\nb: f32[2] = 1 0\n\
                 y = com.microsoft.MatMulNBits(x, q, s, z, _, b, K=16, N=2, bits=4, block_size=16)",
                "f32[2,2] = -55 176 -55 176",
            ),
            (
                "2 bits around 2",
                "x: f32[1,16] = 1 10 100 1000 0 0 0 0 0 0 0 0 0 0 0 0\nq: u8[1,1,4] = 27 0 0 0\ns: f32[1,1] = 1\n\
                 y = com.microsoft.MatMulNBits(x, q, s, K=16, N=1, bits=2, block_size=16)",
                "f32[1,1] = -2099",
            ),
            (
                "8 bits, a last block that is not whole",
                "x: f32[17] = 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 1\nq: u8[1,2,16] = 129\ns: f32[1,2] = 1 10\n\
                 y = com.microsoft.MatMulNBits(x, q, s, K=17, N=1, bits=8, block_size=16)",
                "f32[1] = 11",
            ),
        ]);
    }

    #[test]
    fn refusals() {
        let node = |inner: usize, bits: usize, block_size: usize| {
            format!(
                "x: f32[1,{inner}]\nq: u8[{}]\ns: f32[1]\n\
                 y = com.microsoft.MatMulNBits(x, q, s, K=16, N=1, bits={bits}, block_size={block_size})",
                16 * bits / 8
            )
        };
        refuse(&[
            ("bits", &node(16, 3, 16), "3 bits in blocks of 16"),
            ("blocks", &node(16, 4, 8), "4 bits in blocks of 8"),
            ("a block past counting", &node(16, 4, 1 << 62), "4 bits in blocks of 4611686018427387904"),
            ("inner", &node(8, 4, 16), "no rows of 16"),
        ]);
    }
}
