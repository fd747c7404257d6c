//! A window that moves over spatial dimensions, as shaders are told of it.

use super::launch::{Shader, Task};
use crate::error::Error;

const WINDOWS: &str = include_str!("windows.wgsl");

/// Dimensions that a window can move over.
const MAX_SPATIAL: usize = 3;

/// Names of the overrides of each spatial dimension, from the innermost.
const NAMES: [[&str; 6]; MAX_SPATIAL] = [
    ["O0", "I0", "K0", "STRIDE0", "PAD0", "DILATION0"],
    ["O1", "I1", "K1", "STRIDE1", "PAD1", "DILATION1"],
    ["O2", "I2", "K2", "STRIDE2", "PAD2", "DILATION2"],
];

/// A window and how it moves: an entry for each spatial dimension in every list.
pub(super) struct Window<'a> {
    pub kernel: &'a [usize],
    pub strides: &'a [usize],
    pub pads_begin: &'a [usize],
    pub dilations: &'a [usize],
}

impl Window<'_> {
    /// The turns that the loops over the window go through, where the innermost takes so many elements at a turn.
    pub fn turns(&self, at_a_turn: usize) -> usize {
        let mut extents = self.kernel.iter().rev();
        let innermost = extents.next().map_or(1, |extent| extent.div_ceil(at_a_turn));
        extents.fold(innermost, |turns, extent| extent * (1 + turns))
    }
}

/// Adds the extents of window, input and result, and how the window moves.
pub(super) fn describe(
    task: &Task<'_>,
    mut shader: Shader,
    window: &Window<'_>,
    input: &[usize],
    result: &[usize],
) -> Result<Shader, Error> {
    let spatial = window.kernel.len();
    if !(1..=MAX_SPATIAL).contains(&spatial) {
        let reason = format!("has {spatial} spatial dimensions; 1 to {MAX_SPATIAL} are possible");
        return Err(task.unsupported(reason));
    }
    for (names, axis) in NAMES.iter().zip((0..spatial).rev()) {
        let values = [result, input, window.kernel, window.strides, window.pads_begin, window.dilations];
        let named = names.iter().zip(values.map(|values| values[axis]));
        shader = named.fold(shader, |shader, (name, value)| shader.size(name, value));
    }
    Ok(shader
        .prelude(WINDOWS)
        .number("SPATIAL", spatial)
        .number("LAST", spatial - 1)
        .switch("AREA", spatial >= 2)
        .switch("VOLUME", spatial >= 3))
}
