//! Launches of kernels: the node to be computed, a shader put together for it, and the dispatch they become.

use std::sync::Arc;

use graph::{DataType, Graph, Node, TensorType, ValueId};

use super::{rows, storage};
use crate::device::DeviceProperties;
use crate::error::Error;
use crate::plan::{Access, Kernel};
use crate::strides::IterationSpace;
use crate::template::Words;
use crate::transfer::{Element, Encoding};
use crate::tuning::{Choice, Chooser, Family, ShapeClass};

const LAUNCH: &str = include_str!("launch.wgsl");
const FUNCTIONS: &str = include_str!("functions.wgsl");
const COLUMNS: &str = include_str!("columns.wgsl");
const WIDE: &str = include_str!("wide.wgsl");
pub(super) const ORDERING: &str = include_str!("ordering.wgsl");

/// Dimensions that a kernel can be given constants for, once those that lie behind each other are joined.
pub(super) const MAX_RANK: usize = 8;

pub(super) const EXTENTS: [&str; MAX_RANK] = ["D0", "D1", "D2", "D3", "D4", "D5", "D6", "D7"];
pub(super) const STRIDES: [[&str; MAX_RANK]; 3] = [
    ["S0_0", "S0_1", "S0_2", "S0_3", "S0_4", "S0_5", "S0_6", "S0_7"],
    ["S1_0", "S1_1", "S1_2", "S1_3", "S1_4", "S1_5", "S1_6", "S1_7"],
    ["S2_0", "S2_1", "S2_2", "S2_3", "S2_4", "S2_5", "S2_6", "S2_7"],
];

/// An invocation that has gone through 65,535 turns in all its loops together is through with them on llvmpipe, which
/// says nothing (LP_MAX_TGSI_LOOP_ITERATIONS in Mesa); and browsers do not say whether a software adapter is
/// llvmpipe. What is left is for loops of a few turns, which nobody counts.
pub(super) const MOST_TURNS: usize = 65_000;

/// So many elements a turn, and a shader becomes too long.
const MOST_AT_A_TURN: usize = 64;

/// A dispatch before memory is planned. Its bindings are the values read, in order, and then the one written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Launch {
    pub kernel: Kernel,
    pub reads: Vec<Read>,
    pub write: ValueId,
    pub workgroups: [u32; 3],
}

/// A value as a kernel reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    pub value: ValueId,
    /// Only constants can be packed.
    pub encoding: Encoding,
}

impl From<ValueId> for Read {
    fn from(value: ValueId) -> Self {
        Read { value, encoding: Encoding::Elements }
    }
}

/// The workgroups of a launch.
pub(crate) enum Grid {
    /// So many that each of these results has an invocation.
    Invocations(usize),
    /// One for each of these rows.
    Workgroups(usize),
    /// One for each of so many blocks along each dimension; `block_of` in WGSL says which it has.
    Blocks([usize; 3]),
}

/// A node to be computed, and the device that will do it.
pub(crate) struct Task<'a> {
    pub graph: &'a Graph,
    pub node: &'a Node,
    pub device: &'a DeviceProperties,
    pub tuning: &'a Chooser<'a>,
    /// By value, true for i64 that take two words each, since nothing proves that they fit in one.
    pub wide: &'a [bool],
}

impl<'a> Task<'a> {
    /// Returns whether the node computes with i64 of two words: it reads or makes some.
    pub fn is_wide(&self) -> bool {
        self.node.inputs.iter().flatten().chain(&self.node.outputs).any(|id| self.wide[id.0])
    }

    /// The element that the node computes with where it reads or makes a value.
    pub fn element(&self, value: ValueId) -> Element {
        match self.value_type(value).data_type {
            DataType::I64 if self.is_wide() => Element::Wide,
            data_type => Element::of(data_type),
        }
    }

    /// The element of an operand that has to be there.
    pub fn input_element(&self, index: usize) -> Result<Element, Error> {
        self.input_id(index).map(|value| self.element(value))
    }

    /// Refuses the node.
    pub fn unsupported(&self, reason: impl Into<String>) -> Error {
        let described = self.node.operator.to_string();
        let operator = described.split([' ', '{', '(']).next().unwrap_or_default().to_owned();
        Error::Unsupported { node: self.node.name.clone(), operator, reason: reason.into() }
    }

    /// The type of a value.
    pub fn value_type(&self, value: ValueId) -> &'a TensorType {
        &self.graph.values[value.0].tensor_type
    }

    /// An optional operand.
    pub fn optional(&self, index: usize) -> Option<ValueId> {
        self.node.inputs.get(index).copied().flatten()
    }

    /// An operand that has to be there.
    pub fn input_id(&self, index: usize) -> Result<ValueId, Error> {
        let missing = || Error::Malformed {
            node: self.node.name.clone(),
            reason: format!("operand {index} is missing"),
        };
        self.optional(index).ok_or_else(missing)
    }

    /// The type of an operand that has to be there.
    pub fn input(&self, index: usize) -> Result<&'a TensorType, Error> {
        self.input_id(index).map(|value| self.value_type(value))
    }

    /// The type of an operand that has to hold floats.
    pub fn float_input(&self, index: usize) -> Result<&'a TensorType, Error> {
        let input = self.input(index)?;
        match Element::of(input.data_type) {
            Element::F32 => Ok(input),
            Element::I32 | Element::U32 | Element::Wide => {
                Err(self
                    .unsupported(format!("operand {index} is {input}, and there is no kernel but for f32")))
            }
        }
    }

    /// The result.
    pub fn output_id(&self) -> Result<ValueId, Error> {
        match self.node.outputs[..] {
            [output] => Ok(output),
            _ => Err(self.unsupported(format!("has {} results, not one", self.node.outputs.len()))),
        }
    }

    /// The type of the result.
    pub fn output(&self) -> Result<&'a TensorType, Error> {
        self.output_id().map(|value| self.value_type(value))
    }

    /// The tiling that the tuning table says.
    pub fn choose(&self, family: Family, class: ShapeClass) -> Choice {
        self.tuning.choose(family, class, self.device)
    }

    /// The elements that the loops of a shader take at a turn: one, unless so many turns would be cut short.
    fn at_a_turn(&self, turns: impl Fn(usize) -> usize) -> Result<usize, Error> {
        if !self.device.software {
            return Ok(1);
        }
        let mut powers = (0..).map(|power| 1 << power).take_while(|&count| count <= MOST_AT_A_TURN);
        let enough = powers.find(|&count| turns(count) <= MOST_TURNS);
        let refused = || Error::Limit {
            place: format!("node \"{}\"", self.node.name),
            limit: "number of turns in the loops of an invocation",
            wanted: turns(1) as u64,
            available: (MOST_TURNS * MOST_AT_A_TURN) as u64,
        };
        enough.ok_or_else(refused)
    }

    /// A broadcast operand's strides in the iteration space `target`.
    pub fn broadcast(&self, shape: &[usize], target: &[usize]) -> Result<Vec<i64>, Error> {
        crate::strides::broadcast(shape, target).ok_or_else(|| Error::Malformed {
            node: self.node.name.clone(),
            reason: format!("an operand of shape {shape:?} does not broadcast to {target:?}"),
        })
    }

    /// A shader as a dispatch, checked against the limits.
    pub fn launch(
        &self,
        mut shader: Shader,
        [lanes, lines]: [u32; 2],
        grid: Grid,
        reads: &[impl Copy + Into<Read>],
        write: ValueId,
    ) -> Result<Launch, Error> {
        let reads: Vec<Read> = reads.iter().map(|&read| read.into()).collect();
        let invocations = lanes * lines;
        let folded = matches!(&grid, Grid::Blocks(blocks) if self.exceed(blocks));
        let (count, workgroups) = match grid {
            Grid::Invocations(count) => (count, self.fold(count.div_ceil(invocations as usize))?),
            Grid::Workgroups(count) => (count, self.fold(count)?),
            Grid::Blocks(blocks) if folded => {
                let [x, y, _] = blocks;
                shader = shader.size("BLOCKS_X", x).size("BLOCKS_Y", y);
                let count = blocks.iter().product();
                (count, self.fold(count)?)
            }
            Grid::Blocks(blocks) => (0, blocks.map(|count| count as u32)),
        };
        shader = shader.switch("FOLDED", folded).switch("STRAIGHT", !folded);
        self.check_limits(&shader, invocations, reads.len() + 1)?;
        shader = shader.constant("WX", lanes).constant("WY", lines);
        shader = shader.constant("GRID_X", workgroups[0]).size("COUNT", count);
        let mut bindings = vec![Access::Read; reads.len()];
        bindings.push(Access::ReadWrite);
        let stored = self.stored(&reads, write)?;
        if self.is_wide() {
            shader = shader.prelude(WIDE);
        }
        let wgsl = storage::kept(shader.text(), &stored)
            .ok_or_else(|| self.unsupported("there is no kernel for i64 that may not fit in 32 bits"))?;
        let workgroup = if lines > 1 { format!("{lanes}x{lines}") } else { lanes.to_string() };
        let kernel = Kernel {
            label: format!("{} {} by {workgroup}", shader.label, self.shapes(&reads, write)),
            wgsl,
            entry_point: "main",
            constants: shader.constants,
            workgroup_size: [lanes, lines, 1],
            bindings,
        };
        Ok(Launch { kernel, reads, write, workgroups })
    }

    /// The bindings that may hold something else than the kernel computes with, and what.
    fn stored(&self, reads: &[Read], write: ValueId) -> Result<Vec<(usize, &'static str)>, Error> {
        let values = reads.iter().map(|read| read.value).chain([write]);
        let stored = |value: ValueId| match self.value_type(value).data_type {
            DataType::F16 => Some("f16"),
            DataType::I64 if self.wide[value.0] => Some(Element::Wide.wgsl(false)),
            DataType::I64 | DataType::I32 | DataType::I8 if self.is_wide() => Some(Element::I32.wgsl(false)),
            _ => None,
        };
        let stored: Vec<_> =
            values.enumerate().filter_map(|(binding, value)| Some((binding, stored(value)?))).collect();
        match self.device.shader_f16 || stored.iter().all(|&(_, stored)| stored != "f16") {
            true => Ok(stored),
            false => Err(self.unsupported(
                "it works on f16, and the adapter has no feature shader-f16; use the model's fp32 variant here",
            )),
        }
    }

    fn shapes(&self, reads: &[Read], write: ValueId) -> String {
        let read: Vec<String> = reads.iter().map(|read| self.value_type(read.value).to_string()).collect();
        format!("{} -> {}", read.join(", "), self.value_type(write))
    }

    /// Returns whether there are more blocks along some dimension than the adapter allows.
    fn exceed(&self, blocks: &[usize; 3]) -> bool {
        let most = self.device.limits.max_compute_workgroups_per_dimension as usize;
        blocks.iter().any(|&count| count > most)
    }

    /// Workgroups in x and y, since no dimension may have more than the adapter allows.
    fn fold(&self, count: usize) -> Result<[u32; 3], Error> {
        let most = self.device.limits.max_compute_workgroups_per_dimension;
        let rows = count.div_ceil(most as usize);
        self.within("maxComputeWorkgroupsPerDimension", rows as u64, u64::from(most))?;
        Ok([count.div_ceil(rows.max(1)) as u32, rows as u32, 1])
    }

    fn check_limits(&self, shader: &Shader, invocations: u32, bindings: usize) -> Result<(), Error> {
        let limits = &self.device.limits;
        for (limit, wanted, available) in [
            ("maxComputeInvocationsPerWorkgroup", invocations, limits.max_compute_invocations_per_workgroup),
            (
                "maxComputeWorkgroupStorageSize",
                shader.shared_bytes,
                limits.max_compute_workgroup_storage_size,
            ),
            ("maxStorageBuffersPerShaderStage", bindings as u32, limits.max_storage_buffers_per_shader_stage),
        ] {
            self.within(limit, u64::from(wanted), u64::from(available))?;
        }
        Ok(())
    }

    fn within(&self, limit: &'static str, wanted: u64, available: u64) -> Result<(), Error> {
        if wanted <= available {
            return Ok(());
        }
        Err(Error::Limit { place: format!("node \"{}\"", self.node.name), limit, wanted, available })
    }
}

/// A shader being put together.
pub(crate) struct Shader {
    label: String,
    files: Vec<&'static str>,
    words: Words,
    folds: Vec<rows::Fold>,
    constants: Vec<(&'static str, f64)>,
    shared_bytes: u32,
    at_a_turn: usize,
}

impl Shader {
    /// Starts from a kernel's file.
    pub fn new(label: impl Into<String>, file: &'static str) -> Self {
        Shader {
            label: label.into(),
            files: vec![LAUNCH, file],
            words: Words::default().number("FOUR", 4),
            folds: Vec::new(),
            constants: Vec::new(),
            shared_bytes: 0,
            at_a_turn: 1,
        }
    }

    /// Adds the functions of floats, for scalars or vectors, and what `activate(x)` does.
    pub fn functions(mut self, vector: bool, activation: &str) -> Self {
        self.files.insert(1, FUNCTIONS);
        let boolean = if vector { "vec4<bool>" } else { "bool" };
        self.words = self.words.word("F", Element::F32.wgsl(vector)).word("U", Element::U32.wgsl(vector));
        self.words = self.words.word("B", boolean).word("INT", Element::I32.wgsl(vector));
        self.words = self.words.word("ACTIVATION", activation);
        self
    }

    /// Adds the columns of a product's second matrix, bias and result: so many, in rows of so many.
    pub fn columns(mut self, columns: usize, row: usize) -> Self {
        let aligned = columns.is_multiple_of(4);
        self.files.push(COLUMNS);
        self.word("W", Element::F32.wgsl(aligned))
            .switch("ALIGNED", aligned)
            .switch("UNALIGNED", !aligned)
            .size("N", columns)
            .size("N4", columns.div_ceil(4))
            .size("OUT", if aligned { row / 4 } else { row })
    }

    /// Says whether a product's first matrix can be read in vectors of four; `name` is the template's for the type of its
    /// elements then.
    pub fn elements(self, name: &str, vectors: bool) -> Self {
        self.word(name, Element::F32.wgsl(vectors))
            .number("WIDTH", if vectors { 4 } else { 1 })
            .switch("VECTOR", vectors)
            .switch("SINGLE", !vectors)
    }

    /// Adds a prelude.
    pub fn prelude(mut self, file: &'static str) -> Self {
        self.files.insert(1, file);
        self
    }

    /// Adds a fold over the lanes of a row.
    pub fn fold(mut self, fold: rows::Fold) -> Self {
        self.folds.push(fold);
        self
    }

    /// Fills in a word of the template.
    pub fn word(mut self, name: &str, value: &str) -> Self {
        self.words = self.words.word(name, value);
        self
    }

    /// Fills in a number of the template.
    pub fn number(mut self, name: &str, value: usize) -> Self {
        self.words = self.words.number(name, value);
        self
    }

    /// Sets a switch of the template.
    pub fn switch(mut self, name: &str, on: bool) -> Self {
        self.words = self.words.switch(name, on);
        self
    }

    /// Says how elements are compared, for ordering.wgsl.
    pub fn ordered(self, element: Element) -> Self {
        let wide = element == Element::Wide;
        let shader = self.switch("FLOAT", element == Element::F32).switch("WIDE", wide);
        shader.switch("WHOLE", element != Element::F32 && !wide)
    }

    /// An optional operand behind `operands` others: whether it is there, and so where the result is bound.
    pub fn optional_operand(self, switch: &str, operand: Option<ValueId>, operands: usize) -> Self {
        self.optional_operands(&[(switch, operand)], operands)
    }

    /// Optional operands behind `operands` others, in this order: which are there, where each of them is bound (by the
    /// name of its switch and `_AT`), and so the result.
    pub fn optional_operands(mut self, optional: &[(&str, Option<ValueId>)], operands: usize) -> Self {
        let mut next = operands;
        for (switch, operand) in optional {
            self = self.switch(switch, operand.is_some()).number(&format!("{switch}_AT"), next);
            next += usize::from(operand.is_some());
        }
        self.number("RESULT", next)
    }

    /// Sets an override.
    pub fn constant(mut self, name: &'static str, value: impl Into<f64>) -> Self {
        self.constants.push((name, value.into()));
        self
    }

    /// Sets an override to a size.
    pub fn size(self, name: &'static str, value: usize) -> Self {
        self.constant(name, value as f64)
    }

    /// Says how much workgroup memory it takes.
    pub fn shared_bytes(mut self, bytes: u32) -> Self {
        self.shared_bytes = bytes;
        self
    }

    /// Has the loops of the template take several elements at a turn where so many turns would be cut short. `turns`
    /// says how many an invocation goes through, at so many elements a turn.
    pub fn turns(mut self, task: &Task<'_>, turns: impl Fn(usize) -> usize) -> Result<Self, Error> {
        self.at_a_turn = task.at_a_turn(turns)?;
        Ok(self)
    }

    /// Sets extents and strides to those of an iteration space; `rank` is the template's name for its dimensions.
    pub fn iteration(mut self, task: &Task<'_>, space: &IterationSpace, rank: &str) -> Result<Self, Error> {
        if space.rank() > MAX_RANK {
            let reason =
                format!("needs {} dimensions that cannot be joined; {MAX_RANK} are possible", space.rank());
            return Err(task.unsupported(reason));
        }
        self = self.number(rank, space.rank()).number("LAST", space.rank() - 1);
        for (name, &extent) in EXTENTS.into_iter().zip(&space.extents) {
            self = self.size(name, extent);
        }
        for (names, strides) in STRIDES.into_iter().zip(&space.strides) {
            for (name, &stride) in names.into_iter().zip(strides) {
                self = self.constant(name, stride as f64);
            }
        }
        Ok(self)
    }

    fn text(&self) -> Arc<str> {
        let words = self.words.clone().number("TURNS", self.at_a_turn);
        let mut text = words.expand(&self.files.join("\n"));
        for fold in &self.folds {
            let words = self.words.clone().word("NAME", fold.name).word("COMBINE", fold.combine);
            text.push_str(&words.expand(rows::FOLD));
        }
        text.into()
    }
}
