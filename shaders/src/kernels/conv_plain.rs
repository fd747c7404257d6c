//! Convolution by scalars, for what vectors do not fit, and transposed convolution: conv_plain.wgsl and
//! conv_transpose.wgsl.

use graph::ops::{Activation, Conv, ConvTranspose};

use super::elementwise;
use super::launch::{Grid, Launch, Shader, Task};
use super::windows::{self, Window};
use crate::error::Error;
use crate::tuning::{Choice, Family, ShapeClass};

const CONV: &str = include_str!("conv_plain.wgsl");
const CONV_TRANSPOSE: &str = include_str!("conv_transpose.wgsl");

/// So many results keep any device busy, several to an invocation.
const LARGE: usize = 1 << 18;

/// The form of a convolution, transposed or not.
struct Form<'a> {
    name: &'static str,
    file: &'static str,
    /// True where the window lies in the loop over channels, and an invocation computes several places; else it is
    /// the other way round, and one.
    inner_window: bool,
    groups: usize,
    /// Channels of a group, in and out.
    channels: [usize; 2],
    activation: Option<Activation>,
    window: Window<'a>,
}

/// The tiling of the work.
struct Tiling {
    /// Channels of an invocation.
    block: usize,
    /// Blocks of channels of a group.
    blocks: usize,
    /// Places of an invocation.
    places: usize,
    lanes: u32,
    /// Workgroups that all places take.
    workgroups: usize,
}

impl Tiling {
    /// The tiling that the table says, as far as the work fills it: a tile larger than that computes the same results
    /// many times.
    fn new(choice: Choice, channels: usize, places: usize, several: bool) -> Self {
        // Of 9 channels, two blocks of 5 are less than 8 and 8.
        let blocks = channels.div_ceil(choice.tile[0] as usize);
        let lanes = places.next_power_of_two().min(choice.lanes as usize);
        let most = if several { choice.tile[1] as usize } else { 1 };
        let rounds = places.div_ceil(lanes);
        let workgroups = rounds.div_ceil(most);
        let places = rounds.div_ceil(workgroups.max(1));
        Tiling { block: channels.div_ceil(blocks), blocks, places, lanes: lanes as u32, workgroups }
    }
}

impl Form<'_> {
    /// The turns that an invocation goes through, where the innermost loop takes so many elements at a turn.
    fn turns(&self, at_a_turn: usize) -> usize {
        let [incoming, _] = self.channels;
        match self.inner_window {
            true => incoming * (1 + self.window.turns(at_a_turn)),
            false => {
                self.window.turns(1)
                    + self.window.kernel.iter().product::<usize>() * incoming.div_ceil(at_a_turn)
            }
        }
    }
}

pub(super) fn conv(task: &Task<'_>, operator: &Conv) -> Result<Vec<Launch>, Error> {
    let weight = &task.float_input(1)?.shape;
    let form = Form {
        name: "conv plain",
        file: CONV,
        inner_window: true,
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

pub(super) fn conv_transpose(task: &Task<'_>, operator: &ConvTranspose) -> Result<Vec<Launch>, Error> {
    let weight = &task.float_input(1)?.shape;
    let form = Form {
        name: "conv_transpose",
        file: CONV_TRANSPOSE,
        inner_window: false,
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

fn emit(task: &Task<'_>, form: &Form<'_>) -> Result<Vec<Launch>, Error> {
    let (x, output) = (&task.float_input(0)?.shape, &task.output()?.shape);
    let spatial = form.window.kernel.len();
    let [incoming, outgoing] = form.channels;
    let large = task.output()?.element_count() >= LARGE;
    let choice = task.choose(Family::ConvPlain, if large { ShapeClass::Large } else { ShapeClass::Small });
    let tiling = Tiling::new(choice, outgoing, output[2..].iter().product(), form.inner_window);
    let bias = task.optional(2);
    let shader = Shader::new(format!("{} {spatial}d", form.name), form.file)
        .functions(false, elementwise::activation(form.activation))
        .number("BLOCK", tiling.block)
        .number("PLACES", tiling.places)
        .optional_operand("BIAS", bias, 2)
        .size("GROUPS", form.groups)
        .size("IN", incoming)
        .size("OUT", outgoing)
        .size("BLOCKS", tiling.blocks)
        .turns(task, |at_a_turn| form.turns(at_a_turn))?;
    let shader = windows::describe(task, shader, &form.window, &x[2..], &output[2..])?;
    let grid = Grid::Blocks([tiling.workgroups, form.groups * tiling.blocks, output[0]]);
    let reads: Vec<_> = [task.input_id(0)?, task.input_id(1)?].into_iter().chain(bias).collect();
    Ok(vec![task.launch(shader, [tiling.lanes, 1], grid, &reads, task.output_id()?)?])
}
