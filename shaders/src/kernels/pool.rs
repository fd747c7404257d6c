//! Pooling: pool.wgsl.

use graph::DataType;
use graph::ops::{Pool, PoolKind};

use super::launch::{Grid, Launch, ORDERING, Shader, Task};
use super::windows::{self, Window};
use crate::error::Error;
use crate::transfer::Element;
use crate::tuning::{Family, ShapeClass};

const FILE: &str = include_str!("pool.wgsl");
const PADDED: [&str; 3] = ["PADDED0", "PADDED1", "PADDED2"];

/// Start, turn and end of a pool, as expressions over `a` (so far) and `x` (the next element).
struct Recipe {
    first: &'static str,
    step: String,
    finish: String,
}

fn recipe(kind: PoolKind, data_type: DataType, element: Element) -> Recipe {
    let recipe = |first, step: &str, finish: &str| Recipe { first, step: step.into(), finish: finish.into() };
    match kind {
        PoolKind::Max if element == Element::Wide => {
            recipe("vec2<u32>(0u, 0x80000000u)", "larger(a, x)", "a")
        }
        PoolKind::Max => recipe(lowest(data_type), "larger(a, x)", "a"),
        PoolKind::Average { count_include_pad: true } => recipe("0", "a + x", "a / f32(max(counted, 1u))"),
        PoolKind::Average { count_include_pad: false } => recipe("0", "a + x", "a / f32(max(inside, 1u))"),
        PoolKind::Lp { p: 1 } => recipe("0", "a + abs(x)", "a"),
        PoolKind::Lp { p: 2 } => recipe("0", "a + x * x", "sqrt(a)"),
        PoolKind::Lp { p } => {
            recipe("0", &format!("a + pow(abs(x), {p}.0)"), &format!("pow(a, 1.0 / {p}.0)"))
        }
    }
}

/// The maximum of a window without elements.
fn lowest(data_type: DataType) -> &'static str {
    match data_type {
        DataType::F32 | DataType::F16 => "float_of(0xff800000u)",
        DataType::I64 | DataType::I32 => "-2147483647 - 1",
        DataType::I8 => "-128",
        DataType::U8 | DataType::Bool => "0",
    }
}

pub(super) fn emit(task: &Task<'_>, operator: &Pool) -> Result<Vec<Launch>, Error> {
    let (input, output) = (task.input(0)?, task.output()?);
    let element = task.input_element(0)?;
    let recipe = recipe(operator.kind, input.data_type, element);
    let window = Window {
        kernel: &operator.kernel,
        strides: &operator.strides,
        pads_begin: &operator.pads_begin,
        dilations: &operator.dilations,
    };
    let shader = Shader::new(format!("pool {}d", operator.kernel.len()), FILE)
        .prelude(ORDERING)
        .word("E", element.wgsl(false))
        .ordered(element)
        .word("FIRST", recipe.first)
        .word("STEP", &recipe.step)
        .word("FINISH", &recipe.finish)
        .turns(task, |at_a_turn| window.turns(at_a_turn))?;
    let mut shader = windows::describe(task, shader, &window, &input.shape[2..], &output.shape[2..])?;
    for (name, axis) in PADDED.into_iter().zip((0..operator.kernel.len()).rev()) {
        let padded = input.shape[axis + 2] + operator.pads_begin[axis] + operator.pads_end[axis];
        shader = shader.size(name, padded);
    }
    let choice = task.choose(Family::ConvPlain, ShapeClass::Small);
    let grid = Grid::Invocations(output.element_count());
    Ok(vec![task.launch(shader, [choice.lanes, 1], grid, &[task.input_id(0)?], task.output_id()?)?])
}
