//! Convolution and transposed convolution: conv.wgsl and conv_transpose.wgsl.

use graph::ops::{Activation, Conv, ConvTranspose};

use super::elementwise;
use super::launch::{Grid, Shader, Step, Task};
use super::windows::{self, Window};
use crate::error::Error;
use crate::tuning::{Family, ShapeClass};

const CONV: &str = include_str!("conv.wgsl");
const CONV_TRANSPOSE: &str = include_str!("conv_transpose.wgsl");

/// So many results keep any device busy, several to an invocation.
const LARGE: usize = 1 << 17;

/// What both have in common.
struct Form<'a> {
    name: &'static str,
    file: &'static str,
    /// Whether an invocation computes several places.
    several: bool,
    groups: usize,
    /// Channels of a group, in and out.
    channels: [usize; 2],
    activation: Option<Activation>,
    window: Window<'a>,
}

pub(super) fn conv(task: &Task<'_>, operator: &Conv) -> Result<Vec<Step>, Error> {
    let weight = &task.float_input(1)?.shape;
    let form = Form {
        name: "conv",
        file: CONV,
        several: true,
        groups: operator.groups,
        channels: [weight[1], weight[0] / operator.groups],
        activation: operator.activation,
        window: Window {
            kernel: &weight[2..],
            strides: &operator.strides,
            pads_begin: &operator.pads_begin,
            dilations: &operator.dilations,
        },
    };
    emit(task, &form)
}

pub(super) fn conv_transpose(task: &Task<'_>, operator: &ConvTranspose) -> Result<Vec<Step>, Error> {
    let weight = &task.float_input(1)?.shape;
    let form = Form {
        name: "conv_transpose",
        file: CONV_TRANSPOSE,
        several: false,
        groups: operator.groups,
        channels: [weight[0] / operator.groups, weight[1]],
        activation: operator.activation,
        window: Window {
            kernel: &weight[2..],
            strides: &operator.strides,
            pads_begin: &operator.pads_begin,
            dilations: &operator.dilations,
        },
    };
    emit(task, &form)
}

fn emit(task: &Task<'_>, form: &Form<'_>) -> Result<Vec<Step>, Error> {
    let (x, output) = (&task.float_input(0)?.shape, &task.output()?.shape);
    let spatial = form.window.kernel.len();
    let [incoming, outgoing] = form.channels;
    let class = match spatial {
        1 => ShapeClass::Long,
        _ if task.output()?.element_count() >= LARGE => ShapeClass::Large,
        _ => ShapeClass::Small,
    };
    let choice = task.choose(Family::Conv, class);
    let most = choice.tile[0] as usize;
    let block = (1..=most).rev().find(|&block| outgoing.is_multiple_of(block)).unwrap_or(1);
    let places = if form.several { choice.tile[1] as usize } else { 1 };
    let bias = task.optional(2);
    let shader = Shader::new(format!("{} {spatial}d", form.name), form.file)
        .functions(false, elementwise::activation(form.activation))
        .number("BLOCK", block)
        .number("PLACES", places)
        .optional_operand("BIAS", bias, 2)
        .size("GROUPS", form.groups)
        .size("IN", incoming)
        .size("OUT", outgoing);
    let shader = windows::describe(task, shader, &form.window, &x[2..], &output[2..])?;
    let lanes = choice.workgroup_size.iter().product::<u32>() as usize;
    let blocks = output[2..].iter().product::<usize>().div_ceil(lanes * places);
    let grid = Grid::Blocks([blocks, form.groups * outgoing / block, output[0]]);
    let reads: Vec<_> = [task.input_id(0)?, task.input_id(1)?].into_iter().chain(bias).collect();
    Ok(vec![task.step(shader, choice.workgroup_size, grid, &reads, task.output_id()?)?])
}
