//! A window that moves over spatial dimensions, which convolutions and pools have in common.

use crate::strided::{contiguous, offsets};

/// A window and how it moves; one entry for each spatial dimension in every list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub kernel: &'a [usize],
    pub strides: &'a [usize],
    pub dilations: &'a [usize],
    pub pads_begin: &'a [usize],
}

/// The reach of a dilated kernel.
pub(crate) fn span(kernel: usize, dilation: usize) -> usize {
    kernel.saturating_sub(1).saturating_mul(dilation).saturating_add(kernel.min(1))
}

impl Window<'_> {
    /// For one position of the window: (offset in the plane, offset in the kernel) of each tap inside the plane.
    pub fn taps(&self, plane: &[usize], positions: &[usize], at: usize) -> Vec<(usize, usize)> {
        let strides = contiguous(plane);
        let position = coordinates(positions, at);
        let place = |tap: usize| {
            let step = coordinates(self.kernel, tap);
            let along = |axis: usize| {
                let padded = position[axis] * self.strides[axis] + step[axis] * self.dilations[axis];
                let at = padded.checked_sub(self.pads_begin[axis]).filter(|&at| at < plane[axis])?;
                Some(at * strides[axis] as usize)
            };
            (0..plane.len()).map(along).sum::<Option<usize>>().map(|at| (at, tap))
        };
        offsets(self.kernel, &contiguous(self.kernel), 0).filter_map(place).collect()
    }
}

fn coordinates(shape: &[usize], at: usize) -> Vec<usize> {
    let strides = contiguous(shape);
    (0..shape.len()).map(|axis| at / strides[axis] as usize % shape[axis]).collect()
}
