//! Element-wise operators, with broadcasting: elementwise.wgsl. Each is one expression.

use graph::ops::{Activation, Binary, Cast, Unary};
use graph::{DataType, ValueId};

use super::{Grid, Shader, Step, Task};
use crate::error::Error;
use crate::strides::Walk;
use crate::transfer::Element;
use crate::tuning::{Family, ShapeClass};

const FILE: &str = include_str!("elementwise.wgsl");

/// From so many elements on, work without broadcasting counts as long.
const LONG: usize = 1 << 14;

/// What the operands are computed with, unless as they are.
#[derive(Clone, Copy)]
enum Computed {
    AsTheyAre,
    /// All as floats: the exponent of a power may be an integer.
    AsFloats,
}

/// What an element-wise kernel computes.
struct Form<'a> {
    /// The result, as an expression over x0, x1, ...; R is its type and $T0 that of x0.
    result: &'a str,
    /// What `activate` stands for.
    activation: Option<Activation>,
    computed: Computed,
}

pub(super) fn binary(task: &Task<'_>, operator: Binary) -> Result<Vec<Step>, Error> {
    let operands = [task.input(0)?, task.input(1)?];
    let element = Element::of(operands[0].data_type);
    let float = matches!(element, Element::F32);
    let (result, computed) = match operator {
        Binary::Add => ("x0 + x1", Computed::AsTheyAre),
        Binary::Sub => ("x0 - x1", Computed::AsTheyAre),
        Binary::Mul => ("x0 * x1", Computed::AsTheyAre),
        Binary::Div => ("x0 / x1", Computed::AsTheyAre),
        Binary::Pow if float => ("power(x0, x1)", Computed::AsFloats),
        Binary::Pow => {
            return Err(task.unsupported(format!("there is no kernel for powers of {}", operands[0])));
        }
        Binary::Max if float => ("larger(x0, x1)", Computed::AsTheyAre),
        Binary::Min if float => ("smaller(x0, x1)", Computed::AsTheyAre),
        Binary::Mod
        | Binary::Remainder
        | Binary::BitwiseAnd
        | Binary::BitwiseOr
        | Binary::BitwiseXor
        | Binary::ShiftLeft
        | Binary::ShiftRight => return Err(task.unsupported("there is no kernel for it")),
        Binary::Max => ("max(x0, x1)", Computed::AsTheyAre),
        Binary::Min => ("min(x0, x1)", Computed::AsTheyAre),
        Binary::And => ("x0 & x1", Computed::AsTheyAre),
        Binary::Or => ("x0 | x1", Computed::AsTheyAre),
        Binary::Xor => ("x0 ^ x1", Computed::AsTheyAre),
        Binary::Equal => ("R(x0 == x1)", Computed::AsTheyAre),
        Binary::Greater => ("R(x0 > x1)", Computed::AsTheyAre),
        Binary::GreaterOrEqual => ("R(x0 >= x1)", Computed::AsTheyAre),
        Binary::Less => ("R(x0 < x1)", Computed::AsTheyAre),
        Binary::LessOrEqual => ("R(x0 <= x1)", Computed::AsTheyAre),
    };
    let name = format!("{operator:?}");
    let result = wrapped(result, task.output()?.data_type);
    let form = Form { result: &result, activation: None, computed };
    emit(task, &name, &form, &[task.input_id(0)?, task.input_id(1)?])
}

/// Small unsigned types wrap around as on the host; others wrap at 32 bits.
pub(super) fn wrapped(result: &str, data_type: DataType) -> String {
    match data_type {
        DataType::U8 => format!("({result}) & R(255u)"),
        DataType::I8 => format!("(({result}) << U(24u)) >> U(24u)"),
        DataType::F32 | DataType::I64 | DataType::I32 | DataType::Bool => result.to_owned(),
    }
}

pub(super) fn unary(task: &Task<'_>, operator: Unary) -> Result<Vec<Step>, Error> {
    let input = task.input(0)?;
    let element = Element::of(input.data_type);
    let result = match (operator, element) {
        (Unary::Not, Element::U32) => "R(x0 == $T0(0u))",
        (Unary::Abs, Element::F32 | Element::I32) => "abs(x0)",
        (Unary::Neg, Element::F32 | Element::I32) => "-x0",
        (Unary::Sqrt, Element::F32) => "sqrt(x0)",
        (Unary::Exp, Element::F32) => "exp(x0)",
        (Unary::Log, Element::F32) => "log(x0)",
        (Unary::Erf, Element::F32) => "erf(x0)",
        (Unary::Sin, Element::F32) => "sin(x0)",
        (Unary::Cos, Element::F32) => "cos(x0)",
        (Unary::Floor, Element::F32) => "floor(x0)",
        (Unary::Reciprocal, Element::F32) => "F(1.0) / x0",
        (Unary::IsNaN, Element::F32) => "R(not_a_number(x0))",
        (Unary::Activation(_), Element::F32) => "activate(x0)",
        _ => return Err(task.unsupported(format!("there is no kernel for {operator:?} of {input}"))),
    };
    let activation = match operator {
        Unary::Activation(activation) => Some(activation),
        _ => None,
    };
    let form = Form { result, activation, computed: Computed::AsTheyAre };
    emit(task, &format!("{operator:?}"), &form, &[task.input_id(0)?])
}

/// The expression of x that kernels with a fused activation apply to their results.
pub(super) fn activation(activation: Option<Activation>) -> &'static str {
    match activation {
        None => "x",
        Some(Activation::Relu) => "select(x, F(0.0), x < F(0.0))",
        Some(Activation::Gelu) => "gelu(x)",
        Some(Activation::GeluTanh) => "gelu_tanh(x)",
        Some(Activation::Sigmoid) => "sigmoid(x)",
        Some(Activation::Tanh) => "safe_tanh(x)",
    }
}

pub(super) fn select(task: &Task<'_>) -> Result<Vec<Step>, Error> {
    let operands = [task.input_id(0)?, task.input_id(1)?, task.input_id(2)?];
    let result = "select(x2, x1, x0 != $T0(0u))";
    emit(task, "Where", &Form { result, activation: None, computed: Computed::AsTheyAre }, &operands)
}

/// Whether both types are the same on the device, with the same values.
pub(super) fn cast_is_free(task: &Task<'_>, cast: &Cast) -> Result<bool, Error> {
    let from = task.input(0)?.data_type;
    Ok(from == cast.to
        || matches!(
            (from, cast.to),
            (DataType::I32 | DataType::I8, DataType::I64)
                | (DataType::I64 | DataType::I8, DataType::I32)
                | (DataType::Bool, DataType::U8)
        ))
}

pub(super) fn cast(task: &Task<'_>, cast: &Cast) -> Result<Vec<Step>, Error> {
    let result = match cast.to {
        DataType::Bool => "R(x0 != $T0(0))",
        DataType::F32 | DataType::I64 | DataType::I32 => "R(x0)",
        DataType::U8 => "R(x0) & R(255u)",
        DataType::I8 => "(R(x0) << U(24u)) >> U(24u)",
    };
    let form = Form { result, activation: None, computed: Computed::AsTheyAre };
    emit(task, "Cast", &form, &[task.input_id(0)?])
}

fn emit(task: &Task<'_>, name: &str, form: &Form<'_>, operands: &[ValueId]) -> Result<Vec<Step>, Error> {
    let output = task.output()?;
    let shapes: Result<Vec<_>, _> =
        operands.iter().map(|&id| task.broadcast(&task.value_type(id).shape, &output.shape)).collect();
    let mut walk = Walk::new(&output.shape, &shapes?);
    let vectors = walk.vectors();
    let vector = vectors.is_some();
    let in_memory = vectors.unwrap_or_else(|| vec![false; operands.len()]);
    if vector {
        walk = walk.in_fours(&in_memory);
    }
    let count = output.element_count() / if vector { 4 } else { 1 };
    let long = walk.rank() == 1 && output.element_count() >= LONG;
    let choice = task.choose(Family::Elementwise, if long { ShapeClass::Long } else { ShapeClass::Small });
    let mut shader = Shader::new(format!("{name}{}", if vector { " in fours" } else { "" }), FILE)
        .functions(vector, activation(form.activation))
        .walk(task, &walk, "RANK")?
        .number("INPUTS", operands.len())
        .word("R", Element::of(output.data_type).wgsl(vector));
    for (index, (&id, &in_fours)) in operands.iter().zip(&in_memory).enumerate() {
        let element = Element::of(task.value_type(id).data_type);
        let used = match form.computed {
            Computed::AsTheyAre => element,
            Computed::AsFloats => Element::F32,
        };
        shader = shader
            .word(&format!("I{index}"), element.wgsl(in_fours))
            .word(&format!("X{index}"), element.wgsl(vector))
            .word(&format!("T{index}"), used.wgsl(vector));
    }
    let shader = shader.word("RESULT", form.result);
    let grid = Grid::Invocations(count);
    Ok(vec![task.step(shader, choice.workgroup_size, grid, operands, task.output_id()?)?])
}
