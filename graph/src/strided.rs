//! Shapes, strides and broadcasting: where the elements of a view lie in its tensor.

use crate::error::{Error, invalid, unsupported};

/// A table that a reader makes of more elements than this belongs to no sound model.
const LARGEST_TABLE: usize = 1 << 24;

/// The elements that a table of these extents has. Refuses those that would fill the memory.
pub(crate) fn table(extents: &[usize]) -> Result<usize, Error> {
    let count = extents.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent));
    let count = count.filter(|&count| count <= LARGEST_TABLE);
    count.ok_or_else(|| unsupported!("it needs a table of extents {extents:?}"))
}

/// Distance between neighbours along each axis of a row-major tensor.
pub(crate) fn contiguous(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as isize;
    }
    strides
}

/// The rows of a row-major tensor along an axis: where each starts, and how far its elements lie apart.
pub(crate) fn rows(shape: &[usize], axis: usize) -> (impl Iterator<Item = usize> + use<>, usize) {
    let outer: usize = shape[..axis].iter().product();
    let stride: usize = shape[axis + 1..].iter().product();
    let period = shape[axis] * stride;
    ((0..outer).flat_map(move |block| block * period..block * period + stride), stride)
}

/// The shape that two operands broadcast to, by NumPy's rules.
pub(crate) fn broadcast(left: &[usize], right: &[usize]) -> Result<Vec<usize>, Error> {
    let rank = left.len().max(right.len());
    let extent =
        |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
    let extents = (0..rank).map(|axis| match (extent(left, axis), extent(right, axis)) {
        (1, other) | (other, 1) => Ok(other),
        (one, other) if one == other => Ok(one),
        _ => Err(invalid!("shapes {left:?} and {right:?} do not broadcast")),
    });
    extents.collect()
}

/// Strides with which a row-major tensor of shape `from` reads as one of shape `to`, which it broadcasts to.
pub(crate) fn broadcast_strides(from: &[usize], to: &[usize]) -> Vec<isize> {
    let lead = to.len() - from.len();
    let strides = contiguous(from);
    let stride = |axis: usize| axis.checked_sub(lead).filter(|&at| from[at] != 1).map_or(0, |at| strides[at]);
    (0..to.len()).map(stride).collect()
}

/// The offsets of a view's elements in row-major order.
pub(crate) fn offsets(shape: &[usize], strides: &[isize], start: usize) -> Offsets {
    Offsets {
        shape: shape.to_vec(),
        strides: strides.to_vec(),
        index: vec![0; shape.len()],
        offset: start as isize,
        left: shape.iter().product(),
    }
}

/// Iterator of [`offsets`].
#[derive(Debug, Clone)]
pub(crate) struct Offsets {
    shape: Vec<usize>,
    strides: Vec<isize>,
    index: Vec<usize>,
    offset: isize,
    left: usize,
}

impl Iterator for Offsets {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let offset = self.offset as usize;
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            self.offset += self.strides[axis];
            if self.index[axis] < self.shape[axis] {
                break;
            }
            self.offset -= self.strides[axis] * self.shape[axis] as isize;
            self.index[axis] = 0;
        }
        Some(offset)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_follows_numpy() {
        type Case<'a> = (&'a [usize], &'a [usize], Option<&'a [usize]>);
        let cases: [Case; 5] = [
            (&[2, 3], &[3], Some(&[2, 3])),
            (&[2, 1], &[1, 3], Some(&[2, 3])),
            (&[], &[4], Some(&[4])),
            (&[0, 1], &[5], Some(&[0, 5])),
            (&[2], &[3], None),
        ];
        for (left, right, expected) in cases {
            assert_eq!(broadcast(left, right).ok().as_deref(), expected, "{left:?} {right:?}");
        }
    }

    #[test]
    fn offsets_walk_a_view() {
        type Case<'a> = (&'a str, Offsets, &'a [usize]);
        let cases: [Case; 4] = [
            ("transposed", offsets(&[3, 2], &[1, 3], 0), &[0, 3, 1, 4, 2, 5]),
            ("broadcast", offsets(&[2, 3], &broadcast_strides(&[3], &[2, 3]), 0), &[0, 1, 2, 0, 1, 2]),
            ("backwards", offsets(&[3], &[-2], 5), &[5, 3, 1]),
            ("empty", offsets(&[2, 0], &[0, 1], 0), &[]),
        ];
        for (name, walk, expected) in cases {
            assert_eq!(walk.collect::<Vec<_>>(), expected, "{name}");
        }
    }
}
