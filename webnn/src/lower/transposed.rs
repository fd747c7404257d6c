//! Transposed convolutions: where a context refuses one, a convolution of what lies apart.

use graph::ops::ConvTranspose;
use serde_json::json;

use super::Operands;
use super::elementwise::activation;
use super::shapes::bordered;
use super::windows::{plane, plane_shape, two, window};
use crate::error::Refusal;
use crate::plan::OperandId;
use crate::writer::{Lowered, Writer};

/// A transposed convolution of lines or planes.
pub fn conv_transpose(conv: &ConvTranspose, w: &mut Writer, operands: &Operands) -> Lowered {
    let own = Planes::of(conv, w, operands)?;
    let made = match own.transposed(conv, w, operands) {
        Err(Refusal::Broken { .. } | Refusal::NoMethod { .. } | Refusal::NotInWebnn { .. }) => {
            own.convolved(conv, w, operands)?
        }
        made => made?,
    };
    let made = conv.activation.map_or(Ok(made), |own| activation(own, made, w))?;
    w.reshape(made, &operands.result.shape)
}

/// Operands and extents as planes.
struct Planes {
    x: OperandId,
    weight: OperandId,
    strides: [usize; 2],
    dilations: [usize; 2],
    cropped: [usize; 2],
    result: Vec<usize>,
}

impl Planes {
    fn of(conv: &ConvTranspose, w: &mut Writer, operands: &Operands) -> Result<Planes, Refusal> {
        let result = plane_shape(&operands.result.shape);
        if result.len() != 4 {
            let what = format!("transposed convolution over {} dimensions", conv.strides.len());
            return Err(Refusal::NotInWebnn { what });
        }
        Ok(Planes {
            x: plane(operands.operand(0)?, w)?,
            weight: plane(operands.operand(1)?, w)?,
            strides: two(&conv.strides, 1),
            dilations: two(&conv.dilations, 1),
            cropped: two(&conv.pads_begin, 0),
            result,
        })
    }

    /// The distance of the outer taps of the kernel along an axis.
    fn span(&self, axis: usize, w: &Writer) -> usize {
        (w.shape(self.weight)[2 + axis] - 1) * self.dilations[axis]
    }

    /// WebNN's own without padding, since not every browser has that, and cut out of it what is wanted.
    fn transposed(&self, conv: &ConvTranspose, w: &mut Writer, operands: &Operands) -> Lowered {
        let mut shape = self.result.clone();
        let mut added = [0; 2];
        for axis in 0..2 {
            let whole = (w.shape(self.x)[2 + axis] - 1) * self.strides[axis] + self.span(axis, w) + 1;
            added[axis] = (self.cropped[axis] + self.result[2 + axis]).saturating_sub(whole);
            shape[2 + axis] = whole + added[axis];
        }
        if added.iter().zip(self.strides).any(|(&added, stride)| added >= stride) {
            let what = "transposed convolution with more added than a stride".to_owned();
            return Err(Refusal::NotInWebnn { what });
        }
        let call = w.call("convTranspose2d").operand("input", self.x).operand("filter", self.weight);
        let call = call.operand_option("bias", operands.optional(2));
        let call = window(call, &self.strides, &[0; 2], &[0; 2], &self.dilations);
        let call = call.option("outputPadding", json!(added));
        let call = call.option("filterLayout", json!("iohw")).option("groups", json!(conv.groups));
        let mut made = call.gives(operands.result.data_type.into(), shape.clone())?;
        for axis in 0..2 {
            if shape[2 + axis] != self.result[2 + axis] {
                made = w.window(made, 2 + axis, self.cropped[axis], self.result[2 + axis])?;
            }
        }
        Ok(made)
    }

    /// The elements of x with zeros between them, as far apart as the stride says, under the kernel turned over.
    fn convolved(&self, conv: &ConvTranspose, w: &mut Writer, operands: &Operands) -> Lowered {
        let (mut x, mut before, mut after) = (self.x, [0; 2], [0; 2]);
        for axis in 0..2 {
            x = spread(x, 2 + axis, self.strides[axis], w)?;
            let (extent, span) = (w.shape(x)[2 + axis], self.span(axis, w));
            // What the padding cuts off is not wanted; what the kernel reaches into is zero.
            let first = self.cropped[axis].saturating_sub(span);
            before[axis] = span.saturating_sub(self.cropped[axis]);
            let end = self.cropped[axis] + self.result[2 + axis];
            after[axis] = end.saturating_sub(extent);
            let last = end.min(extent);
            if (first, last) != (0, extent) {
                x = w.window(x, 2 + axis, first, last.saturating_sub(first))?;
            }
        }
        let weight = self.turned_over(conv.groups, w)?;
        let call = w.call("conv2d").operand("input", x).operand("filter", weight);
        let call = call.operand_option("bias", operands.optional(2));
        let call = window(call, &[1; 2], &before, &after, &self.dilations);
        let call = call.option("groups", json!(conv.groups));
        call.gives(operands.result.data_type.into(), self.result.clone())
    }

    /// `[in, out / groups, …]` as a convolution's `[out, in / groups, …]`, from its last tap to its first.
    fn turned_over(&self, groups: usize, w: &mut Writer) -> Lowered {
        let &[channels, out, height, width] = w.shape(self.weight).as_slice() else { return Ok(self.weight) };
        let apart = w.reshape(self.weight, &[groups, channels / groups, out, height, width])?;
        let swapped = w.transpose(apart, &[0, 2, 1, 3, 4])?;
        let joined = w.reshape(swapped, &[groups * out, channels / groups, height, width])?;
        w.reverse(joined, &[2, 3])
    }
}

/// Zeros between neighbours along an axis, so that they lie `stride` apart.
fn spread(x: OperandId, axis: usize, stride: usize, w: &mut Writer) -> Lowered {
    let mut shape = w.shape(x);
    let extent = shape[axis];
    if stride == 1 || extent == 1 {
        return Ok(x);
    }
    let (lead, rest) = (shape[..axis].iter().product::<usize>(), shape[axis + 1..].iter().product());
    let apart = w.reshape(x, &[lead * extent, 1, rest])?;
    let zero = w.number_like(0.0, x)?;
    let apart = bordered(apart, zero, &[0; 3], &[0, stride - 1, 0], w)?;
    shape[axis] = extent * stride;
    let apart = w.reshape(apart, &shape)?;
    w.window(apart, axis, 0, (extent - 1) * stride + 1)
}
