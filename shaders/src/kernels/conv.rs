//! Convolution: conv.wgsl.

use graph::ops::Conv;

use super::{Grid, Shader, Step, Task, elementwise};
use crate::error::Error;
use crate::tuning::{Family, ShapeClass};

const FILE: &str = include_str!("conv.wgsl");

const MAX_SPATIAL: usize = 3;

/// Names of the overrides of each spatial dimension, from the innermost.
const NAMES: [[&str; 6]; MAX_SPATIAL] = [
    ["O0", "I0", "K0", "STRIDE0", "PAD0", "DILATION0"],
    ["O1", "I1", "K1", "STRIDE1", "PAD1", "DILATION1"],
    ["O2", "I2", "K2", "STRIDE2", "PAD2", "DILATION2"],
];

pub(super) fn emit(task: &Task<'_>, operator: &Conv) -> Result<Vec<Step>, Error> {
    let (x, weight) = (&task.float_input(0)?.shape, &task.float_input(1)?.shape);
    let output = &task.output()?.shape;
    let spatial = operator.strides.len();
    if !(1..=MAX_SPATIAL).contains(&spatial) {
        return Err(
            task.unsupported(format!("has {spatial} spatial dimensions; 1 to {MAX_SPATIAL} are possible"))
        );
    }
    let channels = weight[0] / operator.groups;
    let block = if channels.is_multiple_of(4) { 4 } else { 1 };
    let bias = task.optional(2);

    let mut shader = Shader::new(format!("conv {spatial}d"), FILE)
        .functions(false, elementwise::activation(operator.activation))
        .number("SPATIAL", spatial)
        .number("LAST", spatial - 1)
        .switch("AREA", spatial >= 2)
        .switch("VOLUME", spatial >= 3)
        .number("BLOCK", block)
        .optional_operand("BIAS", bias, 2)
        .size("GROUPS", operator.groups)
        .size("IN", weight[1])
        .size("OUT", channels);
    for (names, axis) in NAMES.iter().zip((0..spatial).rev()) {
        let values = [
            output[axis + 2],
            x[axis + 2],
            weight[axis + 2],
            operator.strides[axis],
            operator.pads_begin[axis],
            operator.dilations[axis],
        ];
        shader = names.iter().zip(values).fold(shader, |shader, (name, value)| shader.size(name, value));
    }
    let class = if spatial == 1 { ShapeClass::Long } else { ShapeClass::Small };
    let choice = task.choose(Family::Conv, class);
    let grid = Grid::Invocations(task.output()?.element_count() / block);
    let reads: Vec<_> = [task.input_id(0)?, task.input_id(1)?].into_iter().chain(bias).collect();
    Ok(vec![task.step(shader, choice.workgroup_size, grid, &reads, task.output_id()?)?])
}
