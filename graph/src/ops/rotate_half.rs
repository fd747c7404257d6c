//! Rotary position embedding of whole heads, the pairs lying half a head apart.

use super::{Rule, float_operand, floats};
use crate::error::{Error, invalid};
use crate::strided::{broadcast, broadcast_strides, offsets};
use crate::tensor::{Data, Tensor, TensorType};

/// Turns each pair `(a, b)` of elements that lie half the last axis apart: `(a · cos − b · sin, b · cos + a · sin)`
/// (Su et al. 2021, <https://arxiv.org/abs/2104.09864>, section 3.4.2, with the halves as Hugging Face's
/// `rotate_half` has them).
///
/// Inputs: x `[…, depth]`, cosines and sines of one type, which broadcast to x's shape, or to half its depth and
/// then count for both halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RotateHalf;

/// The shape that cosines and sines broadcast to: the operand's own last extent says whether to half the depth.
fn angles(x: &[usize], operand: &TensorType) -> Result<Vec<usize>, Error> {
    let (Some(&width), Some((&depth, lead))) = (operand.shape.last(), x.split_last()) else {
        return Err(invalid!("there are no pairs in {x:?}, or no angles in {operand}"));
    };
    let wanted = if width == depth { x.to_vec() } else { [lead, &[depth / 2]].concat() };
    if !depth.is_multiple_of(2) || *wanted.last().unwrap_or(&0) != width {
        return Err(invalid!("{width} angles do not turn {depth} elements in pairs"));
    }
    if broadcast(&operand.shape, &wanted)? != wanted {
        return Err(invalid!("{operand} does not expand to {wanted:?}"));
    }
    Ok(wanted)
}

impl Rule for RotateHalf {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let x = float_operand(inputs, 0)?;
        let (cosines, sines) = (float_operand(inputs, 1)?, float_operand(inputs, 2)?);
        if cosines.shape != sines.shape {
            return Err(invalid!("cosines {cosines} and sines {sines} differ"));
        }
        angles(&x.shape, cosines)?;
        Ok(x.clone())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let (x, cosines, sines) = (floats(inputs, 0)?, floats(inputs, 1)?, floats(inputs, 2)?);
        let depth = result.shape.last().copied().unwrap_or(0);
        let Some(Some(operand)) = inputs.get(1) else { return Err(invalid!("operand 1 is missing")) };
        let wanted = angles(&result.shape, &operand.tensor_type())?;
        let strides = broadcast_strides(&operand.shape, &wanted);
        let places: Vec<usize> = offsets(&wanted, &strides, 0).collect();
        let width = wanted.last().copied().unwrap_or(0);
        let turned = (0..x.len()).map(|at| {
            let (row, place) = (at / depth, at % depth);
            let angle = places[row * width + place % width];
            let other = if place < depth / 2 { -x[at + depth / 2] } else { x[at - depth / 2] };
            x[at] * cosines[angle] + other * sines[angle]
        });
        Ok(Data::F32(turned.collect()))
    }
}
