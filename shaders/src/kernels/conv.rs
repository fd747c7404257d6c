//! Convolution with the channels last, as a product of matrices: conv_shared.wgsl and conv_alone.wgsl, and
//! conv_depthwise.wgsl for channels that do not mix.

use graph::ValueId;
use graph::ops::Conv;

use super::elementwise;
use super::launch::{Grid, Launch, Shader, Task};
use super::tiling::{Tiling, class};
use super::windows::{self, Window};
use crate::error::Error;
use crate::tuning::{Family, ShapeClass, Variant};

const SHARED: &str = include_str!("conv_shared.wgsl");
const ALONE: &str = include_str!("conv_alone.wgsl");
const DEPTHWISE: &str = include_str!("conv_depthwise.wgsl");

/// Names of the overrides that say how far apart neighbouring places of x are, from the innermost dimension.
const STEPS: [&str; 2] = ["X0", "X1"];

/// What the windows cover, as rows of a matrix.
struct Rows {
    kernel: Vec<usize>,
    strides: Vec<usize>,
    pads_begin: Vec<usize>,
    dilations: Vec<usize>,
    /// Elements that lie one behind another, wherever a window is.
    run: usize,
    /// Elements of x between neighbours along each spatial dimension, images and groups.
    steps: Vec<usize>,
    image: usize,
    group: usize,
    /// True where a window may reach beyond its image.
    padded: bool,
}

impl Rows {
    /// `x` is `[batch, spatial…, channels]`.
    fn new(conv: &Conv, x: &[usize], kernel: Vec<usize>) -> Rows {
        let channels = x[x.len() - 1];
        let spatial = &x[1..x.len() - 1];
        let steps = (0..spatial.len()).map(|axis| channels * spatial[axis + 1..].iter().product::<usize>());
        let rows = Rows {
            kernel,
            strides: conv.strides.clone(),
            pads_begin: conv.pads_begin.clone(),
            dilations: conv.dilations.clone(),
            run: channels / conv.groups,
            steps: steps.collect(),
            image: channels * spatial.iter().product::<usize>(),
            group: channels / conv.groups,
            padded: conv.pads_begin.iter().chain(&conv.pads_end).any(|&pad| pad > 0),
        };
        if conv.groups == 1 { rows.lines_joined(conv) } else { rows }
    }

    /// Elements of a window that are neighbours along the innermost dimension become one run, where none of them can
    /// lie outside.
    fn lines_joined(mut self, conv: &Conv) -> Rows {
        let last = self.kernel.len() - 1;
        if self.dilations[last] == 1 && self.pads_begin[last] == 0 && conv.pads_end[last] == 0 {
            self.run *= std::mem::replace(&mut self.kernel[last], 1);
            self.steps[last] *= std::mem::replace(&mut self.strides[last], 1);
        }
        self
    }

    /// Returns whether every run can be read in vectors of four.
    fn has_vectors(&self) -> bool {
        let distances = [self.run, self.image, self.group];
        self.steps.iter().chain(&distances).all(|distance| distance.is_multiple_of(4))
    }

    /// The shader with all of it, in elements of so many scalars.
    fn describe(
        &self,
        task: &Task<'_>,
        shader: Shader,
        width: usize,
        shapes: [&[usize]; 2],
    ) -> Result<Shader, Error> {
        let window = Window {
            kernel: &self.kernel,
            strides: &self.strides,
            pads_begin: &self.pads_begin,
            dilations: &self.dilations,
        };
        let shader = windows::describe(task, shader, &window, shapes[0], shapes[1])?;
        let steps = STEPS.into_iter().zip(self.steps.iter().rev());
        let shader = steps.fold(shader, |shader, (name, step)| shader.size(name, step / width));
        Ok(shader.size("IMAGE", self.image / width))
    }

    /// The turns of an invocation, where the innermost loop is over so many elements, and takes so many at a turn.
    fn turns(&self, elements: usize, at_a_turn: usize) -> usize {
        self.kernel.iter().rev().fold(elements.div_ceil(at_a_turn), |turns, extent| extent * (1 + turns))
    }
}

/// A convolution and its shapes.
struct Product<'a> {
    conv: &'a Conv,
    rows: Rows,
    /// Extents of x and of the result along the spatial dimensions.
    extents: [&'a [usize]; 2],
    /// Places of all images.
    places: usize,
    /// Channels of a group, in and out.
    channels: [usize; 2],
    /// Elements of a window.
    window: usize,
    bias: Option<ValueId>,
}

pub(super) fn emit(task: &Task<'_>, conv: &Conv) -> Result<Vec<Launch>, Error> {
    let (x, result) = (&task.float_input(0)?.shape, &task.output()?.shape);
    let (channels, kernel) = conv.filter(&task.float_input(1)?.shape);
    let last = x.len() - 1;
    let product = Product {
        conv,
        window: kernel.iter().product(),
        rows: Rows::new(conv, x, kernel),
        extents: [&x[1..last], &result[1..last]],
        places: result[..last].iter().product(),
        channels,
        bias: task.optional(2),
    };
    let launch = if channels == [1, 1] && conv.groups > 1 {
        product.depthwise(task)?
    } else {
        product.launch(task)?
    };
    Ok(vec![launch])
}

impl Product<'_> {
    fn launch(&self, task: &Task<'_>) -> Result<Launch, Error> {
        let ([incoming, outgoing], rows) = (self.channels, &self.rows);
        let terms = self.window * incoming;
        let class = class(task.device, self.places, outgoing, terms);
        let choice = task.choose(Family::Conv, class);
        let tiling = Tiling::new(task.device, choice, [self.places, terms, outgoing]);
        let vectors = rows.has_vectors();
        let width = if vectors { 4 } else { 1 };
        let (name, file, shared_bytes) = match choice.variant {
            Variant::Shared => ("shared", SHARED, tiling.block_bytes()),
            Variant::Alone => ("alone", ALONE, 0),
        };
        let run = rows.run / width;
        let label = format!("conv {name} {}x{} {}d", tiling.rows, tiling.vectors * 4, rows.kernel.len());
        let shader = Shader::new(label, file)
            .columns(outgoing, self.conv.groups * outgoing)
            .functions(true, elementwise::activation(self.conv.activation))
            .optional_operands(&[("BIAS", self.bias), ("RESIDUAL", None)], 2)
            .elements("X", vectors)
            .switch("PADDED", rows.padded)
            .switch("WITHIN", !rows.padded)
            .size("M", self.places)
            .size("RUN", run)
            .size("GROUP", rows.group / width)
            .turns(task, |at_a_turn| rows.turns(run, at_a_turn))?
            .shared_bytes(shared_bytes);
        let shader = if file == SHARED { shader.size("TERMS", terms) } else { shader };
        let shader = rows.describe(task, tiling.describe(shader), width, self.extents)?;
        let grid = Grid::Blocks([tiling.lines, tiling.columns, self.conv.groups]);
        self.finish(task, shader, [choice.lanes, choice.lines], grid)
    }

    fn depthwise(&self, task: &Task<'_>) -> Result<Launch, Error> {
        let choice = task.choose(Family::ConvDepthwise, ShapeClass::Small);
        let (rows, vectors) = ((choice.tile[0] as usize).min(self.places).max(1), self.conv.groups / 4);
        let innermost = self.rows.kernel[self.rows.kernel.len() - 1];
        let turns = |at_a_turn: usize| self.window / innermost * (1 + innermost.div_ceil(at_a_turn));
        let shader = Shader::new(format!("conv depthwise {rows}x4 {}d", self.rows.kernel.len()), DEPTHWISE)
            .functions(true, elementwise::activation(self.conv.activation))
            .optional_operand("BIAS", self.bias, 2)
            .number("ROWS", rows)
            .size("M", self.places)
            .size("C4", vectors)
            .turns(task, turns)?;
        let shader = self.rows.describe(task, shader, 4, self.extents)?;
        let grid = Grid::Invocations(self.places.div_ceil(rows) * vectors);
        self.finish(task, shader, [choice.lanes, 1], grid)
    }

    fn finish(
        &self,
        task: &Task<'_>,
        shader: Shader,
        workgroup: [u32; 2],
        grid: Grid,
    ) -> Result<Launch, Error> {
        let reads: Vec<_> = [task.input_id(0)?, task.input_id(1)?].into_iter().chain(self.bias).collect();
        task.launch(shader, workgroup, grid, &reads, task.output_id()?)
    }
}
