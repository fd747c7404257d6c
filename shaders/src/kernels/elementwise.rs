//! Element-wise operators, with broadcasting: elementwise.wgsl. Each is one expression.

use graph::ops::{Activation, Binary, Cast, Unary};
use graph::{DataType, ValueId};

use super::launch::{Grid, Launch, Shader, Task};
use crate::error::Error;
use crate::strides::IterationSpace;
use crate::transfer::Element;
use crate::tuning::{Family, ShapeClass};

const FILE: &str = include_str!("elementwise.wgsl");
const ANGLES: &str = include_str!("angles.wgsl");
const CURVES: &str = include_str!("curves.wgsl");
const INTEGERS: &str = include_str!("integers.wgsl");
const QUOTIENT: &str = include_str!("quotient.wgsl");
const REMAINDER: &str = include_str!("remainder.wgsl");

/// The type that operands are computed in, if not in their own.
#[derive(Clone, Copy)]
enum Computed {
    AsTheyAre,
    /// All as floats: the exponent of a power may be an integer.
    AsFloats,
}

/// The computation of an element-wise kernel.
struct Form<'a> {
    /// The result, as an expression over x0, x1, ...; R is its type and $T0 that of x0.
    result: &'a str,
    /// The expression that `activate` stands for.
    activation: Option<Activation>,
    computed: Computed,
    /// Functions that the expression needs.
    prelude: Option<&'static str>,
    /// True where they are functions of single elements, not of vectors.
    single: bool,
}

impl Form<'_> {
    /// Operands as they are, and no functions but those all share.
    fn plain(result: &str) -> Form<'_> {
        Form { result, activation: None, computed: Computed::AsTheyAre, prelude: None, single: false }
    }
}

pub(super) fn binary(task: &Task<'_>, operator: Binary) -> Result<Vec<Launch>, Error> {
    let operands = [task.input_id(0)?, task.input_id(1)?];
    let element = task.element(operands[0]);
    let mixed = element != task.element(operands[1]) && element != Element::F32;
    if mixed && task.is_wide() {
        let reason =
            "there is no kernel for powers of i64 that may not fit in 32 bits, but to exponents of i64";
        return Err(task.unsupported(reason));
    }
    if element == Element::Wide {
        return emit(task, &format!("{operator:?}"), &Form::plain(of_wide(operator)), &operands);
    }
    let float = element == Element::F32;
    let result = match operator {
        Binary::Add => "x0 + x1",
        Binary::Sub => "x0 - x1",
        Binary::Mul => "x0 * x1",
        Binary::Div if float => "quotient(x0, x1)",
        Binary::Div => "x0 / x1",
        Binary::Mod => "floor_remainder(x0, x1)",
        Binary::Remainder if float => "remainder(x0, x1)",
        Binary::Remainder => "x0 % x1",
        Binary::Pow if float => "power(x0, x1)",
        Binary::Pow => "whole_power(x0, $INT(x1))",
        Binary::Max if float => "larger(x0, x1)",
        Binary::Min if float => "smaller(x0, x1)",
        Binary::Max => "max(x0, x1)",
        Binary::Min => "min(x0, x1)",
        Binary::And | Binary::BitwiseAnd => "x0 & x1",
        Binary::Or | Binary::BitwiseOr => "x0 | x1",
        Binary::Xor | Binary::BitwiseXor => "x0 ^ x1",
        Binary::ShiftLeft => "shifted_left(x0, x1)",
        Binary::ShiftRight => "shifted_right(x0, x1)",
        Binary::Equal => "R(x0 == x1)",
        Binary::Greater => "R(x0 > x1)",
        Binary::GreaterOrEqual => "R(x0 >= x1)",
        Binary::Less => "R(x0 < x1)",
        Binary::LessOrEqual => "R(x0 <= x1)",
    };
    let computed = if operator == Binary::Pow && float { Computed::AsFloats } else { Computed::AsTheyAre };
    let result = wrapped(result, task.output()?.data_type);
    let prelude = match operator {
        Binary::Div if float => Some(QUOTIENT),
        Binary::Remainder if float => Some(REMAINDER),
        Binary::Mod | Binary::Pow | Binary::ShiftLeft | Binary::ShiftRight if !float => Some(INTEGERS),
        _ => None,
    };
    let form = Form { computed, prelude, ..Form::plain(&result) };
    emit(task, &format!("{operator:?}"), &form, &operands)
}

/// Of i64 of two words. Shifts are of other types.
fn of_wide(operator: Binary) -> &'static str {
    match operator {
        Binary::Add => "wide_add(x0, x1)",
        Binary::Sub => "wide_subtract(x0, x1)",
        Binary::Mul => "wide_multiply(x0, x1)",
        Binary::Div => "wide_divide(x0, x1)",
        Binary::Mod => "wide_floor_remainder(x0, x1)",
        Binary::Remainder => "wide_remainder(x0, x1)",
        Binary::Pow => "wide_power(x0, x1)",
        Binary::Max => "wide_larger(x0, x1)",
        Binary::Min => "wide_smaller(x0, x1)",
        Binary::And | Binary::BitwiseAnd => "x0 & x1",
        Binary::Or | Binary::BitwiseOr => "x0 | x1",
        Binary::Xor | Binary::BitwiseXor | Binary::ShiftLeft | Binary::ShiftRight => "x0 ^ x1",
        Binary::Equal => "R(all(x0 == x1))",
        Binary::Greater => "R(wide_less(x1, x0))",
        Binary::GreaterOrEqual => "R(!wide_less(x0, x1))",
        Binary::Less => "R(wide_less(x0, x1))",
        Binary::LessOrEqual => "R(!wide_less(x1, x0))",
    }
}

/// Small unsigned types wrap around as on the host; others wrap at 32 bits.
pub(super) fn wrapped(result: &str, data_type: DataType) -> String {
    match data_type {
        DataType::U8 => format!("({result}) & R(255u)"),
        DataType::I8 => format!("(({result}) << U(24u)) >> U(24u)"),
        DataType::F32 | DataType::F16 | DataType::I64 | DataType::I32 | DataType::Bool => result.to_owned(),
    }
}

pub(super) fn unary(task: &Task<'_>, operator: Unary) -> Result<Vec<Launch>, Error> {
    let input = task.input(0)?;
    let result = match task.input_element(0)? {
        Element::F32 => of_floats(operator),
        Element::Wide => of_wide_alone(operator),
        Element::I32 | Element::U32 => of_integers(operator, input.data_type),
    };
    let Some(result) = result else {
        return Err(task.unsupported(format!("there is no kernel for {operator:?} of {input}")));
    };
    let activation = match operator {
        Unary::Activation(activation) => Some(activation),
        _ => None,
    };
    let prelude = prelude(operator);
    let result = wrapped(result, task.output()?.data_type);
    let form = Form { activation, prelude, single: prelude == Some(ANGLES), ..Form::plain(&result) };
    emit(task, &format!("{operator:?}"), &form, &[task.input_id(0)?])
}

fn of_floats(operator: Unary) -> Option<&'static str> {
    Some(match operator {
        Unary::Abs => "abs(x0)",
        Unary::Neg => "-x0",
        Unary::Sqrt => "square_root(x0)",
        Unary::Exp => "exponential(x0)",
        Unary::Log => "logarithm(x0)",
        Unary::Erf => "erf(x0)",
        Unary::Sin => "sine(x0)",
        Unary::Cos => "cosine(x0)",
        Unary::Tan => "tangent(x0)",
        Unary::Asin => "arc_sine(x0)",
        Unary::Acos => "arc_cosine(x0)",
        Unary::Atan => "arc_tangent(x0)",
        Unary::Sinh => "hyperbolic_sine(x0)",
        Unary::Cosh => "hyperbolic_cosine(x0)",
        Unary::Asinh => "inverse_hyperbolic_sine(x0)",
        Unary::Acosh => "inverse_hyperbolic_cosine(x0)",
        Unary::Atanh => "inverse_hyperbolic_tangent(x0)",
        Unary::Floor => "kept(x0, floor(x0))",
        Unary::Ceil => "kept(x0, ceil(x0))",
        Unary::Round => "kept(x0, round(x0))",
        Unary::Sign => "kept(x0, sign(x0))",
        Unary::Reciprocal => "quotient(F(1.0), x0)",
        Unary::IsNaN => "R(not_a_number(x0))",
        Unary::IsInf { negative: true, positive: true } => "R(bitcast<U>(abs(x0)) == U(0x7f800000u))",
        Unary::IsInf { negative: true, positive: false } => "R(bitcast<U>(x0) == U(0xff800000u))",
        Unary::IsInf { negative: false, positive: true } => "R(bitcast<U>(x0) == U(0x7f800000u))",
        Unary::IsInf { negative: false, positive: false } => "R(0u)",
        Unary::Activation(_) => "activate(x0)",
        Unary::Not | Unary::BitwiseNot => return None,
    })
}

/// Of i64 of two words.
fn of_wide_alone(operator: Unary) -> Option<&'static str> {
    Some(match operator {
        Unary::Abs => "wide_size(x0)",
        Unary::Neg => "wide_negate(x0)",
        Unary::Sign => "wide_sign(x0)",
        Unary::BitwiseNot => "~x0",
        _ => return None,
    })
}

fn of_integers(operator: Unary, data_type: DataType) -> Option<&'static str> {
    let signed = Element::of(data_type) == Element::I32;
    Some(match operator {
        Unary::Not => "R(x0 == $T0(0u))",
        Unary::BitwiseNot => "~x0",
        Unary::Abs if signed => "abs(x0)",
        Unary::Abs => "x0",
        Unary::Neg => "R(0) - x0",
        Unary::Sign if signed => "sign(x0)",
        Unary::Sign => "min(x0, R(1u))",
        _ => return None,
    })
}

/// The file that has the function, unless all kernels of floats have it or it is one of WGSL.
fn prelude(operator: Unary) -> Option<&'static str> {
    match operator {
        Unary::Sin | Unary::Cos | Unary::Tan => Some(ANGLES),
        Unary::Reciprocal => Some(QUOTIENT),
        Unary::Asin
        | Unary::Acos
        | Unary::Atan
        | Unary::Sinh
        | Unary::Cosh
        | Unary::Asinh
        | Unary::Acosh
        | Unary::Atanh => Some(CURVES),
        _ => None,
    }
}

/// The expression of x that kernels with a fused activation apply to their results.
pub(super) fn activation(activation: Option<Activation>) -> &'static str {
    match activation {
        None => "x",
        Some(Activation::Relu) => "kept(x, max(x, F(0.0)))",
        Some(Activation::Gelu) => "gelu(x)",
        Some(Activation::GeluTanh) => "gelu_tanh(x)",
        Some(Activation::QuickGelu) => "x * sigmoid_of_number(F(1.702) * x)",
        Some(Activation::Sigmoid) => "sigmoid(x)",
        Some(Activation::Silu) => "x * sigmoid_of_number(x)",
        Some(Activation::Tanh) => "safe_tanh(x)",
    }
}

pub(super) fn select(task: &Task<'_>) -> Result<Vec<Launch>, Error> {
    let operands = [task.input_id(0)?, task.input_id(1)?, task.input_id(2)?];
    let result = "select(x2, x1, x0 != $T0(0u))";
    emit(task, "Where", &Form::plain(result), &operands)
}

/// Returns whether both types are the same on the device, with the same values.
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

pub(super) fn cast(task: &Task<'_>, cast: &Cast) -> Result<Vec<Launch>, Error> {
    let operand = task.input_id(0)?;
    let result = match (task.element(operand), cast.to) {
        (Element::Wide, DataType::Bool) => "R(any(x0 != vec2<u32>()))",
        (Element::Wide, DataType::F32 | DataType::F16) => "float_of_wide(x0)",
        (Element::Wide, DataType::I64) => "x0",
        (Element::Wide, DataType::I32) => "low_word(x0)",
        (Element::Wide, DataType::U8) => "x0.x & 255u",
        (Element::Wide, DataType::I8) => "(low_word(x0) << 24u) >> 24u",
        (Element::F32, DataType::I64) if task.is_wide() => "wide_of_float(x0)",
        (Element::I32, DataType::I64) if task.is_wide() => "widened(x0)",
        (Element::U32, DataType::I64) if task.is_wide() => "vec2<u32>(x0, 0u)",
        (Element::F32, DataType::Bool) => "R((x0 != F(0.0)) | not_a_number(x0))",
        (_, DataType::Bool) => "R(x0 != $T0(0))",
        (_, DataType::F32 | DataType::F16) => "R(x0)",
        // What does not fit in i32 is its least number; smaller types are wrapped from there.
        (Element::F32, DataType::I64 | DataType::I32) => "whole(x0)",
        (Element::F32, DataType::U8) => "R(whole(x0)) & R(255u)",
        (Element::F32, DataType::I8) => "(whole(x0) << U(24u)) >> U(24u)",
        (_, DataType::I64 | DataType::I32) => "R(x0)",
        (_, DataType::U8) => "R(x0) & R(255u)",
        (_, DataType::I8) => "(R(x0) << U(24u)) >> U(24u)",
    };
    emit(task, "Cast", &Form::plain(result), &[operand])
}

fn emit(task: &Task<'_>, name: &str, form: &Form<'_>, operands: &[ValueId]) -> Result<Vec<Launch>, Error> {
    let output = task.output()?;
    let shapes: Result<Vec<_>, _> =
        operands.iter().map(|&id| task.broadcast(&task.value_type(id).shape, &output.shape)).collect();
    let mut space = IterationSpace::new(&output.shape, &shapes?);
    let vectors = space.vectors().filter(|_| !form.single && !task.is_wide());
    let vector = vectors.is_some();
    let in_memory = vectors.unwrap_or_else(|| vec![false; operands.len()]);
    if vector {
        space = space.in_fours(&in_memory);
    }
    let count = output.element_count() / if vector { 4 } else { 1 };
    let choice = task.choose(Family::Elementwise, ShapeClass::Small);
    let mut shader = Shader::new(format!("{name}{}", if vector { " in fours" } else { "" }), FILE)
        .functions(vector, activation(form.activation))
        .iteration(task, &space, "RANK")?
        .number("INPUTS", operands.len())
        .word("R", task.element(task.output_id()?).wgsl(vector));
    if let Some(file) = form.prelude {
        shader = shader.prelude(file);
    }
    for (index, (&id, &in_fours)) in operands.iter().zip(&in_memory).enumerate() {
        let element = task.element(id);
        let used = match (form.computed, element) {
            (Computed::AsFloats, Element::Wide) => "float_of_wide",
            (Computed::AsFloats, _) => Element::F32.wgsl(vector),
            (Computed::AsTheyAre, _) => element.wgsl(vector),
        };
        shader = shader
            .word(&format!("I{index}"), element.wgsl(in_fours))
            .word(&format!("X{index}"), element.wgsl(vector))
            .word(&format!("T{index}"), used);
    }
    let shader = shader.word("RESULT", form.result);
    let grid = Grid::Invocations(count);
    Ok(vec![task.launch(shader, [choice.lanes, 1], grid, operands, task.output_id()?)?])
}
