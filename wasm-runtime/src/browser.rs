//! The few things of the page that are not WebGPU: its window, errors, properties and files.

use js_sys::{ArrayBuffer, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Response, Window};

use crate::error::RuntimeError;

/// The page's window.
///
/// # Errors
/// Where there is none, as in a worker.
pub fn window() -> Result<Window, RuntimeError> {
    web_sys::window().ok_or_else(|| RuntimeError::Browser {
        doing: "looking for the window".to_owned(),
        message: "this is not a page; run jobs in a page, not in a worker".to_owned(),
    })
}

/// What a thrown value says of itself: `TypeError: ...`.
pub fn thrown(value: &JsValue) -> String {
    match value.dyn_ref::<js_sys::Object>() {
        Some(object) => String::from(object.to_string()),
        None => value.as_string().unwrap_or_else(|| format!("{value:?}")),
    }
}

/// A property, `undefined` where the object has none.
pub fn property(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

/// Whether the page is cross-origin isolated, which makes its clock finer.
pub fn is_cross_origin_isolated() -> bool {
    property(&js_sys::global(), "crossOriginIsolated").is_truthy()
}

/// The bytes at `url`, outside our own memory.
///
/// # Errors
/// Names the URL, and the HTTP status or what the network said.
pub async fn fetch(url: &str) -> Result<Uint8Array, RuntimeError> {
    let reason = "there is no such file; check the model folder and its model.toml".to_owned();
    fetch_if_there(url).await?.ok_or_else(|| RuntimeError::Fetch { url: url.to_owned(), reason })
}

/// The bytes at `url`, or `None` where the server says that there is no such file.
///
/// # Errors
/// Names the URL, and the HTTP status or what the network said.
pub async fn fetch_if_there(url: &str) -> Result<Option<Uint8Array>, RuntimeError> {
    let failed = |reason: String| RuntimeError::Fetch { url: url.to_owned(), reason };
    let response = JsFuture::from(window()?.fetch_with_str(url)).await.map_err(|e| failed(thrown(&e)))?;
    let response: Response = response.unchecked_into();
    if response.status() == NOT_FOUND {
        return Ok(None);
    }
    if !response.ok() {
        return Err(failed(format!("the server answered {} {}", response.status(), response.status_text())));
    }
    let body = response.array_buffer().map_err(|e| failed(thrown(&e)))?;
    let body = JsFuture::from(body).await.map_err(|e| failed(thrown(&e)))?;
    Ok(Some(Uint8Array::new(body.unchecked_ref::<ArrayBuffer>())))
}

#[wasm_bindgen]
extern "C" {
    /// `fetch` with its options: <https://fetch.spec.whatwg.org/#fetch-method>.
    #[wasm_bindgen(js_name = fetch)]
    fn fetch_with(url: &str, options: &Object) -> Promise;
}

/// Sends bytes to `url`.
///
/// # Errors
/// Names the URL, and the HTTP status or what the network said.
pub async fn post(url: &str, bytes: &[u8]) -> Result<(), RuntimeError> {
    let failed = |reason: String| RuntimeError::Fetch { url: url.to_owned(), reason };
    let options = Object::new();
    for (name, value) in [("method", "POST".into()), ("body", Uint8Array::from(bytes).into())] {
        // Setting a property of a plain object does not throw.
        let _ = Reflect::set(&options, &name.into(), &value);
    }
    let response = JsFuture::from(fetch_with(url, &options)).await.map_err(|e| failed(thrown(&e)))?;
    let response: Response = response.unchecked_into();
    match response.ok() {
        true => Ok(()),
        false => Err(failed(format!("the server answered {} {}", response.status(), response.status_text()))),
    }
}

const NOT_FOUND: u16 = 404;
