//! Rotary position embedding, of ONNX since opset 23 and of the domain com.microsoft.

use super::heads;
use crate::builder::Builder;
use crate::builder::cache_length::linear::Integer;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::{Operator, RotateHalf};
use crate::writer::{Writer, Written};

/// The way pairs of elements are turned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rotation {
    /// True where a pair are neighbours; otherwise its halves lie half the rotated width apart.
    pub interleaved: bool,
    /// The number of the last axis' elements that turn; 0: all.
    pub width: usize,
}

impl Rotation {
    fn of(node: &NodeView) -> Result<Rotation, Error> {
        let width = node.attributes.int("rotary_embedding_dim")?.unwrap_or(0);
        let width = usize::try_from(width).map_err(|_| invalid!("rotary_embedding_dim is {width}"))?;
        Ok(Rotation { interleaved: node.attributes.flag("interleaved", false)?, width })
    }

    /// Pairs `(a, b)` become `(a · cos − b · sin, a · sin + b · cos)`; cosines and sines broadcast to half the
    /// rotated width.
    pub fn write(&self, write: &Writer, x: ValueId, cos: ValueId, sin: ValueId) -> Written {
        let shape = write.shape(x);
        let Some((axis, depth)) = shape.len().checked_sub(1).map(|axis| (axis, shape[axis])) else {
            return Err(invalid!("a scalar cannot be rotated"));
        };
        let width = if self.width == 0 { depth } else { self.width };
        let half = width / 2;
        if width > depth || !width.is_multiple_of(2) {
            return Err(invalid!("{width} of {depth} elements cannot be rotated in pairs"));
        }
        if width == depth && !self.interleaved && write.shape(cos).last() == Some(&half) {
            return write.push(Operator::RotateHalf(RotateHalf), &[Some(x), Some(cos), Some(sin)]);
        }
        let part = |first: usize| match self.interleaved {
            true => write.stride(x, axis, first, 2, half),
            false => write.slice(x, axis, first * half, half),
        };
        let (a, b) = (part(0)?, part(1)?);
        let real = write.sub(write.mul(a, cos)?, write.mul(b, sin)?)?;
        let imaginary = write.add(write.mul(a, sin)?, write.mul(b, cos)?)?;
        let rotated = match self.interleaved {
            false => write.concat(axis, &[real, imaginary])?,
            true => {
                let beside = [write.trailing(real, axis + 2)?, write.trailing(imaginary, axis + 2)?];
                let pairs = write.concat(axis + 1, &beside)?;
                write.reshape(pairs, &[&shape[..axis], &[width]].concat())?
            }
        };
        if width == depth {
            return Ok(rotated);
        }
        write.concat(axis, &[rotated, write.slice(x, axis, width, depth - width)?])
    }

    /// Turns `[batch, heads, sequence, depth]` or, split into so many heads, `[batch, sequence, heads ·
    /// depth]`, with cosines and sines `[batch or 1, sequence, half]`.
    pub fn on_heads(&self, write: &Writer, x: ValueId, heads: usize, cos: ValueId, sin: ValueId) -> Written {
        let shape = write.shape(x);
        let [batch, sequence, half] = write.shape(cos)[..] else {
            return Err(invalid!("its cosines are not of rank 3"));
        };
        match shape[..] {
            [_, _, _, _] => {
                let beside = |id: ValueId| write.reshape(id, &[batch, 1, sequence, half]);
                self.write(write, x, beside(cos)?, beside(sin)?)
            }
            [rows, length, width] if heads > 0 && width.is_multiple_of(heads) => {
                let beside = |id: ValueId| write.reshape(id, &[batch, sequence, 1, half]);
                let apart = write.reshape(x, &[rows, length, heads, width / heads])?;
                write.reshape(self.write(write, apart, beside(cos)?, beside(sin)?)?, &shape)
            }
            _ => Err(invalid!("{shape:?} does not split into {heads} heads")),
        }
    }
}

/// RotaryEmbedding of ONNX: x, cosines, sines, optional position ids.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let rotation = Rotation::of(node)?;
    let heads = if node.shape(0)?.len() == 3 { heads::count(node.attributes, "num_heads")? } else { 0 };
    let (x, cos, sin) = (node.operand(0)?.id, node.operand(1)?.id, node.operand(2)?.id);
    let write = &Writer::new(node, graph);
    let at = |cache: ValueId| match node.optional(3) {
        Some(positions) => write.gather(cache, 0, positions.id),
        None => Ok(cache),
    };
    Ok(vec![rotation.on_heads(write, x, heads, at(cos)?, at(sin)?)?])
}

/// RotaryEmbedding of com.microsoft: x, position ids (or the first of them), cosines, sines.
pub(crate) fn read_contributed(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    if node.attributes.flag("is_packed_batching", false)? {
        return Err(unsupported!("its batches are packed"));
    }
    let rotation = Rotation::of(node)?;
    let (x, cos, sin) = (node.operand(0)?.id, node.operand(2)?.id, node.operand(3)?.id);
    let shape = node.shape(0)?;
    let heads = match (node.attributes.int("num_heads")?.unwrap_or(0), shape, node.shape(2)?) {
        (0, &[_, _, width], &[_, half]) if half > 0 => width / (2 * half),
        (heads, ..) => usize::try_from(heads).map_err(|_| invalid!("num_heads is {heads}"))?,
    };
    let sequence = if shape.len() == 3 { shape[1] } else { *shape.get(2).unwrap_or(&0) };
    let positions = node.operand(1)?;
    let write = &Writer::new(node, graph);
    let mut places = positions.id;
    if positions.tensor_type.element_count() == 1 && sequence != 1 {
        let steps = write.count_from(Integer::constant(0), Integer::constant(sequence as i64))?;
        places = write.add(steps, write.reshape(places, &[1])?)?;
    }
    if write.shape(places).len() < 2 {
        places = write.reshape(places, &[1, sequence])?;
    }
    let at = |cache: ValueId| write.gather(cache, 0, places);
    Ok(vec![rotation.on_heads(write, x, heads, at(cos)?, at(sin)?)?])
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        check_near(&[
            (
                "contributed, positions",
                "a: f32[1,2,4] = -1.3 -0.5 -1.9 -1.3 -1.8 -0.2 -1.3 0.3\n\
                 b: i64[1,2] = 1 3\n\
                 c: f32[4,2] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3\n\
                 d: f32[4,2] = -0.5 -0.6 0.5 0.4 0.1 -0.9 -0 0.7\n\
                 y = com.microsoft.RotaryEmbedding(a, b, c, d)",
                "f32[1,2,4] = 1.34 0.97 -0.08 0.97 -0.18 -0.47 -0.13 0.25",
            ),
            (
                "contributed, first position",
                "a: f32[1,2,4] = 0.2 -0.2 -2.5 -0.5 -0 0.1 -1.5 -0.5\n\
                 b: i64[1] = 2\n\
                 c: f32[4,2] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3\n\
                 d: f32[4,2] = -0.5 -0.6 0.5 0.4 0.1 -0.9 -0 0.7\n\
                 y = com.microsoft.RotaryEmbedding(a, b, c, d, interleaved=1)",
                "f32[1,2,4] = -0.08 0.12 2.05 2.75 0 0.01 -1.6 -1.7",
            ),
            (
                "contributed, heads first",
                "a: f32[1,2,1,4] = -1 -0.8 1.1 -0.8 -0 0.9 -0.6 -0.1\n\
                 b: i64[1,1] = 2\n\
                 c: f32[4,2] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3\n\
                 d: f32[4,2] = -0.5 -0.6 0.5 0.4 0.1 -0.9 -0 0.7\n\
                 y = com.microsoft.RotaryEmbedding(a, b, c, d)",
                "f32[1,2,1,4] = 0.39 0.08 -0.65 1.52 0.06 -0.99 0.3 -0.71",
            ),
            (
                "contributed, in part",
                "a: f32[1,1,6] = 0.1 0.1 -1.2 0.1 1.4 -1.5\n\
                 b: i64[1,1] = 1\n\
                 c: f32[4,2] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3\n\
                 d: f32[4,2] = -0.5 -0.6 0.5 0.4 0.1 -0.9 -0 0.7\n\
                 y = com.microsoft.RotaryEmbedding(a, b, c, d, num_heads=1, rotary_embedding_dim=4)",
                "f32[1,1,6] = 0.57 -0.13 0.41 -0.05 1.4 -1.5",
            ),
        ]);
    }
}
