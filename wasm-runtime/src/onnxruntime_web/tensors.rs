//! Tensors on their way to onnxruntime-web and back: `[name, type, elements, shape]`, halves as
//! their bits.

use std::collections::BTreeMap;

use graph::{Data, Tensor};
use half::f16;
use js_sys::{Array, BigInt64Array, Float32Array, Int8Array, Int32Array, Uint8Array, Uint16Array};
use wasm_bindgen::{JsCast, JsValue};

/// Tensors by name, as the library's side takes them.
pub fn to_feeds(inputs: &[(String, Tensor)]) -> Array {
    inputs.iter().map(|(name, tensor)| JsValue::from(to_feed(name, tensor))).collect()
}

fn to_feed(name: &str, tensor: &Tensor) -> Array {
    let (element, elements) = match &tensor.data {
        Data::F32(elements) => ("float32", JsValue::from(Float32Array::from(&elements[..]))),
        Data::F16(elements) => {
            let bits: Vec<u16> = elements.iter().map(|element| element.to_bits()).collect();
            ("float16", JsValue::from(Uint16Array::from(&bits[..])))
        }
        Data::I64(elements) => ("int64", JsValue::from(BigInt64Array::from(&elements[..]))),
        Data::I32(elements) => ("int32", JsValue::from(Int32Array::from(&elements[..]))),
        Data::U8(elements) => ("uint8", JsValue::from(Uint8Array::from(&elements[..]))),
        Data::I8(elements) => ("int8", JsValue::from(Int8Array::from(&elements[..]))),
        Data::Bool(elements) => {
            let bytes: Vec<u8> = elements.iter().map(|&element| u8::from(element)).collect();
            ("bool", JsValue::from(Uint8Array::from(&bytes[..])))
        }
    };
    let shape: Array = tensor.shape.iter().map(|&extent| JsValue::from_f64(extent as f64)).collect();
    Array::of4(&JsValue::from_str(name), &JsValue::from_str(element), &elements, &shape)
}

/// Tensors by name, from what the library's side gives.
///
/// # Errors
/// Names an output of a type that no tensor of ours has.
pub fn from_results(results: &JsValue) -> Result<BTreeMap<String, Tensor>, String> {
    results.unchecked_ref::<Array>().iter().map(|result| from_result(result.unchecked_ref())).collect()
}

fn from_result(result: &Array) -> Result<(String, Tensor), String> {
    let [name, element, elements, shape] = [0, 1, 2, 3].map(|index| result.get(index));
    let name = name.as_string().unwrap_or_default();
    let data = match element.as_string().as_deref() {
        Some("float32") => Data::F32(elements.unchecked_into::<Float32Array>().to_vec().into()),
        Some("float16") => {
            let bits = elements.unchecked_into::<Uint16Array>().to_vec();
            Data::F16(bits.into_iter().map(f16::from_bits).collect())
        }
        Some("int64") => Data::I64(elements.unchecked_into::<BigInt64Array>().to_vec().into()),
        Some("int32") => Data::I32(elements.unchecked_into::<Int32Array>().to_vec().into()),
        Some("uint8") => Data::U8(elements.unchecked_into::<Uint8Array>().to_vec().into()),
        Some("int8") => Data::I8(elements.unchecked_into::<Int8Array>().to_vec().into()),
        Some("bool") => {
            let bytes = elements.unchecked_into::<Uint8Array>().to_vec();
            Data::Bool(bytes.into_iter().map(|byte| byte != 0).collect())
        }
        other => {
            let other = other.unwrap_or("no type");
            return Err(format!("output \"{name}\" has the type {other}"));
        }
    };
    let shape =
        shape.unchecked_into::<Array>().into_iter().map(|extent| extent.as_f64().unwrap_or(0.0) as usize);
    Ok((name, Tensor { shape: shape.collect(), data }))
}
