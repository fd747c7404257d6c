//! Index arithmetic on shapes: strides, broadcasting, and the joining of dimensions that lie behind each other.

/// Row-major strides of a shape, in elements.
pub(crate) fn contiguous(shape: &[usize]) -> Vec<i64> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as i64;
    }
    strides
}

/// Strides that read a tensor of `shape` as if it had been broadcast to `target`; none if it cannot be.
pub(crate) fn broadcast(shape: &[usize], target: &[usize]) -> Option<Vec<i64>> {
    let missing = target.len().checked_sub(shape.len())?;
    let mut strides = vec![0; missing];
    for ((&extent, stride), &wanted) in shape.iter().zip(contiguous(shape)).zip(&target[missing..]) {
        match extent {
            _ if extent == wanted => strides.push(if extent == 1 { 0 } else { stride }),
            1 => strides.push(0),
            _ => return None,
        }
    }
    Some(strides)
}

/// An iteration space, and the element of several tensors at each point of it. Innermost dimension first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IterationSpace {
    /// Extent of each dimension, innermost first; never empty.
    pub extents: Vec<usize>,
    /// For each tensor, the elements between neighbours along each dimension.
    pub strides: Vec<Vec<i64>>,
}

impl IterationSpace {
    /// The space of a `shape` (outermost first) with the given strides, joining dimensions where every tensor allows
    /// it.
    pub fn new(shape: &[usize], strides: &[Vec<i64>]) -> Self {
        let mut space = IterationSpace { extents: Vec::new(), strides: vec![Vec::new(); strides.len()] };
        for axis in (0..shape.len()).rev().filter(|&axis| shape[axis] != 1) {
            let here: Vec<i64> = strides.iter().map(|strides| strides[axis]).collect();
            space.push(shape[axis], &here);
        }
        if space.extents.is_empty() {
            space.push(1, &vec![0; strides.len()]);
        }
        space
    }

    fn push(&mut self, extent: usize, strides: &[i64]) {
        if let Some(last) = self.extents.len().checked_sub(1) {
            let span = self.extents[last] as i64;
            if self.strides.iter().zip(strides).all(|(known, &stride)| known[last] * span == stride) {
                self.extents[last] *= extent;
                return;
            }
        }
        self.extents.push(extent);
        for (known, &stride) in self.strides.iter_mut().zip(strides) {
            known.push(stride);
        }
    }

    /// The dimensions that are left.
    pub fn rank(&self) -> usize {
        self.extents.len()
    }

    /// For each tensor, true if it can be read in vectors of four; `None` if the space has no steps of four. One that
    /// cannot is one whose elements stay the same along the innermost dimension.
    pub fn vectors(&self) -> Option<Vec<bool>> {
        if !self.extents[0].is_multiple_of(4) {
            return None;
        }
        let vector = |strides: &Vec<i64>| match strides[0] {
            0 => Some(false),
            1 => strides[1..].iter().all(|stride| stride % 4 == 0).then_some(true),
            _ => None,
        };
        self.strides.iter().map(vector).collect()
    }

    /// The space in steps of four along the innermost dimension; `vectors` says whose elements are vectors.
    pub fn in_fours(mut self, vectors: &[bool]) -> Self {
        self.extents[0] /= 4;
        for (strides, _) in self.strides.iter_mut().zip(vectors).filter(|(_, vector)| **vector) {
            strides[1..].iter_mut().for_each(|stride| *stride /= 4);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_follows_numpy() {
        for (shape, target, expected) in [
            (vec![2, 3], vec![2, 3], Some(vec![3, 1])),
            (vec![3], vec![2, 3], Some(vec![0, 1])),
            (vec![2, 1], vec![2, 3], Some(vec![1, 0])),
            (vec![], vec![2, 3], Some(vec![0, 0])),
            (vec![2], vec![2, 3], None),
            (vec![2, 3], vec![3], None),
        ] {
            assert_eq!(broadcast(&shape, &target), expected, "{shape:?} to {target:?}");
        }
    }

    #[test]
    fn dimensions_are_joined_where_all_tensors_allow() {
        for (name, shape, strides, extents) in [
            ("same shape", vec![2, 3, 4], vec![vec![12, 4, 1], vec![12, 4, 1]], vec![24]),
            ("bias", vec![2, 3, 4], vec![vec![12, 4, 1], vec![0, 0, 1]], vec![4, 6]),
            ("scalar", vec![2, 3], vec![vec![3, 1], vec![0, 0]], vec![6]),
            ("transpose", vec![3, 2], vec![vec![1, 3]], vec![2, 3]),
            ("ones vanish", vec![1, 5, 1], vec![vec![5, 1, 1]], vec![5]),
            ("rank 0", vec![], vec![vec![]], vec![1]),
        ] {
            assert_eq!(IterationSpace::new(&shape, &strides).extents, extents, "{name}");
        }
    }

    #[test]
    fn vectors_need_neighbours() {
        for (name, shape, strides, expected) in [
            ("contiguous", vec![2, 4], vec![vec![4, 1]], Some(vec![true])),
            ("odd extent", vec![2, 3], vec![vec![3, 1]], None),
            ("splat", vec![2, 4], vec![vec![4, 1], vec![1, 0]], Some(vec![true, false])),
            ("column", vec![2, 4], vec![vec![1, 2]], None),
            ("unaligned rows", vec![2, 4], vec![vec![5, 1]], None),
        ] {
            assert_eq!(IterationSpace::new(&shape, &strides).vectors(), expected, "{name}");
        }
    }
}
