//! Recipes of weights that no file holds, in the metadata of their tensors.

use super::proto::TensorProto;
use crate::constant::Recipe;
use crate::element_type::ElementType;
use crate::error::Error;
use crate::tensor::{DataType, TensorType};

/// The largest tensor that is computed: a file of a few bytes could ask for any.
const MOST_ELEMENTS: usize = 1 << 29;

/// The recipe in a tensor's metadata, if there is one: `seed`, `mean`, `deviation` and perhaps `order`.
///
/// # Errors
/// A recipe that cannot be read, or a tensor that it does not fit.
pub fn recipe(
    proto: &TensorProto,
    element_type: ElementType,
    tensor_type: &TensorType,
) -> Result<Option<Recipe>, Error> {
    let bad = |reason: String| Error::BadTensor { tensor: proto.name.clone(), reason };
    let entry = |key: &str| {
        proto.metadata_props.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    };
    let Some(seed) = entry("seed") else { return Ok(None) };
    let no_number = |key: &str, text: &str| bad(format!("its recipe's {key} is {text:?}, no number"));
    let float = |key: &str| {
        let text = entry(key).unwrap_or_default();
        let value = text.parse().ok().filter(|value: &f32| value.is_finite());
        value.ok_or_else(|| no_number(key, text))
    };
    let seed = seed.parse().map_err(|_| no_number("seed", seed))?;
    let (mean, deviation) = (float("mean")?, float("deviation")?);
    let column_major = match entry("order") {
        None | Some("row-major") => false,
        Some("column-major") if tensor_type.shape.len() == 2 => true,
        Some(order) => {
            return Err(bad(format!("its recipe's order is {order:?}, which {tensor_type} has not")));
        }
    };
    let is_float = element_type == ElementType::Kept(DataType::F32);
    if !is_float || tensor_type.element_count() > MOST_ELEMENTS {
        return Err(bad(format!(
            "only f32 of up to {MOST_ELEMENTS} elements is computed, not {element_type}{:?}",
            tensor_type.shape
        )));
    }
    Ok(Some(Recipe::new(seed, mean, deviation, column_major)))
}
