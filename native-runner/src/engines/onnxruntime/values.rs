//! Tensors on their way into ONNX Runtime and back. Types that no tensor here has are kept as those that hold them: f64
//! and bf16 as f32, narrow integers as i32, unsigned ones as i64.

use graph::{Data, Tensor};
use half::{bf16, f16};
use ort::value::{DynValue, IntoTensorElementType, PrimitiveTensorElementType, TensorElementType, Value};

use super::{NAME, refused};
use crate::error::RunnerError;

/// A tensor as a value of the type that the model declares, or else of its own.
///
/// # Errors
/// When ONNX Runtime refuses it, the type does not hold its integers, or the type cannot be handed over.
pub fn to_value(tensor: &Tensor, declared: Option<TensorElementType>) -> Result<DynValue, RunnerError> {
    use TensorElementType::{Bfloat16, Float64, Int16, Uint16, Uint32, Uint64};
    let floats = || tensor.to_f32_vec().into_iter();
    match (declared, &tensor.data) {
        (Some(declared), _) if !is_carried(declared) => Err(not_carried("an input", &declared)),
        (Some(Float64), Data::F32(_)) => value(tensor, floats().map(f64::from).collect()),
        (Some(Bfloat16), Data::F32(_)) => value(tensor, floats().map(bf16::from_f32).collect()),
        (Some(Int16), Data::I32(_)) => value(tensor, integers::<i16>(tensor)?),
        (Some(Uint16), Data::I32(_)) => value(tensor, integers::<u16>(tensor)?),
        (Some(Uint32), Data::I64(_)) => value(tensor, integers::<u32>(tensor)?),
        (Some(Uint64), Data::I64(_)) => value(tensor, integers::<u64>(tensor)?),
        (_, Data::F32(elements)) => value(tensor, elements.to_vec()),
        (_, Data::F16(elements)) => value(tensor, elements.to_vec()),
        (_, Data::I64(elements)) => value(tensor, elements.to_vec()),
        (_, Data::I32(elements)) => value(tensor, elements.to_vec()),
        (_, Data::U8(elements)) => value(tensor, elements.to_vec()),
        (_, Data::I8(elements)) => value(tensor, elements.to_vec()),
        (_, Data::Bool(elements)) => value(tensor, elements.to_vec()),
    }
}

fn value<T>(tensor: &Tensor, elements: Vec<T>) -> Result<DynValue, RunnerError>
where
    T: IntoTensorElementType + PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static,
{
    let shape: Vec<i64> = tensor.shape.iter().map(|extent| *extent as i64).collect();
    let value = Value::from_array((shape, elements));
    value.map(|value| value.into_dyn()).map_err(|error| refused("taking the inputs", error))
}

fn integers<T: TryFrom<i64>>(tensor: &Tensor) -> Result<Vec<T>, RunnerError> {
    let integer = |integer: i64| {
        let too_large =
            || refused("taking the inputs", format!("{integer} does not fit into the type declared"));
        T::try_from(integer).map_err(|_| too_large())
    };
    tensor.to_i64_vec().unwrap_or_default().into_iter().map(integer).collect()
}

/// Returns whether values of a type can be handed over and taken back: those that `ort` has a Rust type for.
fn is_carried(element: TensorElementType) -> bool {
    use TensorElementType::*;
    matches!(
        element,
        Float32
            | Float16
            | Bfloat16
            | Float64
            | Int8
            | Int16
            | Int32
            | Int64
            | Uint8
            | Uint16
            | Uint32
            | Uint64
            | Bool
    )
}

fn not_carried(what: &str, element: &dyn std::fmt::Display) -> RunnerError {
    let message = format!(
        "{what} of the type {element}, which its Rust interface cannot carry; cast it within the model"
    );
    RunnerError::EngineLacks { engine: NAME, message }
}

/// The tensor that a value holds.
///
/// # Errors
/// A type that no tensor here can keep.
pub fn to_tensor(name: &str, value: &DynValue) -> Result<Tensor, RunnerError> {
    /// Tries one element type after another until one is the value's.
    macro_rules! extract {
        ($($element:ty => $variant:ident $(by $keep:expr)?),*) => {
            $(if let Ok((shape, elements)) = value.try_extract_tensor::<$element>() {
                let shape = shape.iter().map(|extent| *extent as usize).collect();
                let elements = elements.iter().copied()$(.map($keep))?.collect();
                return Ok(Tensor { shape, data: Data::$variant(elements) });
            })*
        };
    }
    extract!(
        f32 => F32, f16 => F16, i64 => I64, i32 => I32, u8 => U8, i8 => I8, bool => Bool,
        f64 => F32 by |element| element as f32, bf16 => F32 by bf16::to_f32,
        i16 => I32 by i32::from, u16 => I32 by i32::from, u32 => I64 by i64::from, u64 => I64 by |element| element as i64
    );
    Err(not_carried(&format!("an output, \"{name}\","), value.dtype()))
}
