//! Finds the tensor that an attention operand was reshaped, transposed and scaled from, and its layout there.
//!
//! Kernels of attention read heads where the projection before them left them, so that no head is moved in memory.
//! Exporters write the split into heads in many ways; strides tell them all apart, where patterns of operators would be
//! a list without end.

use super::rewriter::{Rewriter, binary, first};
use crate::ir::{Node, ValueId};
use crate::ops::{Binary, HeadLayout, Operator, Reshape};

/// An attention operand: a tensor that holds its elements, their layout in it, and the factor they lack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub id: ValueId,
    pub layout: HeadLayout,
    pub scale: f32,
}

/// Extents of an operand, and which axis of the value is which: `[batch, heads, sequence, depth]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub extents: [usize; 4],
    axes: [usize; 4],
}

impl Heads {
    /// For a value of shape `[batch, heads, sequence, depth]`, or with the last two the other way round.
    pub fn of(shape: &[usize], transposed: bool) -> Option<Heads> {
        let axes = if transposed { [0, 1, 3, 2] } else { [0, 1, 2, 3] };
        (shape.len() == 4 && !shape.contains(&0))
            .then(|| Heads { extents: axes.map(|axis| shape[axis]), axes })
    }

    fn shape(&self, layout: HeadLayout) -> Vec<usize> {
        let [batch, heads, sequence, depth] = self.extents;
        match layout {
            HeadLayout::HeadsFirst => vec![batch, heads, sequence, depth],
            HeadLayout::SequenceFirst => vec![batch, sequence, heads * depth],
        }
    }

    /// Returns whether strides of the value say that its elements lie in this layout; axes of extent 1 do not count.
    fn lie(&self, strides: &[usize], layout: HeadLayout) -> bool {
        let [_, heads, sequence, depth] = self.extents;
        let wanted = match layout {
            HeadLayout::HeadsFirst => [heads * sequence * depth, sequence * depth, depth, 1],
            HeadLayout::SequenceFirst => [heads * sequence * depth, depth, heads * depth, 1],
        };
        (0..4).all(|at| self.extents[at] == 1 || strides[self.axes[at]] == wanted[at])
    }
}

/// Looks for the best source of a value: sequence-first if there is one, as far back as scale and layout can be
/// followed through values that nobody else uses; one of another shape is reshaped where there is none better.
/// `scalable`: whether factors on the way may be taken out.
pub(super) fn source(
    rewriter: &mut Rewriter,
    value: ValueId,
    heads: Heads,
    scalable: bool,
) -> Option<Source> {
    let found = search(rewriter, value, heads, scalable)?;
    let shape = heads.shape(found.layout);
    if rewriter.shape(found.id) == shape {
        return Some(found);
    }
    let id = rewriter.add(Operator::Reshape(Reshape { shape }), vec![Some(found.id)])?;
    Some(Source { id, ..found })
}

fn search(rewriter: &Rewriter, value: ValueId, heads: Heads, scalable: bool) -> Option<Source> {
    let (mut best, mut best_fits) = (None, false);
    let mut path: Vec<&Node> = Vec::new();
    let (mut id, mut scale) = (value, 1.0);
    loop {
        if let Some(layout) = layout(rewriter, id, &path, heads) {
            let fits = rewriter.shape(id) == heads.shape(layout);
            if fits || !best_fits {
                (best, best_fits) = (Some(Source { id, layout, scale }), fits);
            }
        }
        let Some(node) = rewriter.private(id, 1) else { return best };
        if let Some((factor, operand)) = scalable.then(|| scaling(rewriter, node)).flatten() {
            (scale, id) = (scale * factor, operand);
        } else if matches!(node.operator, Operator::Reshape(_) | Operator::Transpose(_)) {
            path.push(node);
            id = first(node)?;
        } else {
            return best;
        }
    }
}

/// The layout of an operand in `id`, if following the path from there leads to it.
fn layout(rewriter: &Rewriter, id: ValueId, path: &[&Node], heads: Heads) -> Option<HeadLayout> {
    let strides = follow(rewriter.shape(id), path)?;
    let layouts = [HeadLayout::SequenceFirst, HeadLayout::HeadsFirst];
    layouts.into_iter().find(|&layout| heads.lie(&strides, layout))
}

/// The constant factor that a node multiplies with, and what it multiplies.
pub(super) fn scaling(rewriter: &Rewriter, node: &Node) -> Option<(f32, ValueId)> {
    if let Some((left, right)) = binary(node, Binary::Mul) {
        let by_right = rewriter.scalar(right).map(|factor| (factor, left));
        return by_right.or_else(|| rewriter.scalar(left).map(|factor| (factor, right)));
    }
    let (dividend, divisor) = binary(node, Binary::Div)?;
    rewriter.scalar(divisor).map(|divisor| (divisor.recip(), dividend))
}

/// Strides, in a tensor of this shape, of the value at the end of the path (its last node comes first).
fn follow(shape: &[usize], path: &[&Node]) -> Option<Vec<usize>> {
    let mut shape = shape.to_vec();
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    for node in path.iter().rev() {
        (shape, strides) = match &node.operator {
            Operator::Transpose(transpose) => {
                transpose.permutation.iter().map(|&axis| (shape[axis], strides[axis])).unzip()
            }
            Operator::Reshape(reshape) => (reshape.shape.clone(), regroup(&shape, &strides, &reshape.shape)?),
            _ => return None,
        };
    }
    Some(strides)
}

/// Strides of a strided view after a reshape, if it can stay a view: each new axis has to lie within a
/// run of old
/// ones that are contiguous among themselves. Axes of extent 1 get stride 0.
fn regroup(shape: &[usize], strides: &[usize], wanted: &[usize]) -> Option<Vec<usize>> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (&extent, &stride) in shape.iter().zip(strides).rev().filter(|(extent, _)| **extent != 1) {
        match runs.last_mut() {
            Some((count, step)) if *count * *step == stride => *count *= extent,
            _ => runs.push((extent, stride)),
        }
    }
    let mut runs = runs.into_iter();
    let (mut left, mut step) = (1, 0);
    let mut regrouped = vec![0; wanted.len()];
    for axis in (0..wanted.len()).rev().filter(|&axis| wanted[axis] != 1) {
        if left == 1 {
            (left, step) = runs.next()?;
        }
        if left % wanted[axis] != 0 {
            return None;
        }
        regrouped[axis] = step;
        (left, step) = (left / wanted[axis], step * wanted[axis]);
    }
    Some(regrouped)
}

#[cfg(test)]
mod tests {
    use super::regroup;

    #[test]
    fn a_view_survives_a_reshape_within_its_runs() {
        // As torch.Tensor.view allows or refuses.
        type Case<'a> = (&'a str, &'a [usize], &'a [usize], &'a [usize], Option<&'a [usize]>);
        let cases: [Case; 5] = [
            ("split", &[2, 6], &[6, 1], &[2, 2, 3], Some(&[6, 3, 1])),
            ("merge", &[2, 2, 3], &[6, 3, 1], &[4, 3], Some(&[3, 1])),
            ("merge of transposed", &[3, 2], &[1, 3], &[6], None),
            ("split of transposed", &[4, 2], &[1, 4], &[2, 2, 2], Some(&[2, 1, 4])),
            ("ones come and go", &[1, 4], &[9, 1], &[4, 1], Some(&[1, 0])),
        ];
        for (name, shape, strides, wanted, expected) in cases {
            assert_eq!(regroup(shape, strides, wanted).as_deref(), expected, "{name}");
        }
    }
}
