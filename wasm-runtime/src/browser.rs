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

/// Returns what a thrown value says of itself: `TypeError: ...`.
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

/// The browser's major version, as it says itself; none where it says nothing that is known.
pub fn major_version() -> Option<u32> {
    let agent = property(&property(&js_sys::global(), "navigator"), "userAgent").as_string()?;
    let version = ["Firefox/", "Chrome/", "Version/"].into_iter().find_map(|name| agent.split_once(name));
    protocol::least::major(version?.1)
}

/// Returns whether the page is cross-origin isolated, which makes its clock finer.
pub fn is_cross_origin_isolated() -> bool {
    property(&js_sys::global(), "crossOriginIsolated").is_truthy()
}

/// The bytes at `url`, outside our own memory.
///
/// # Errors
/// Names the URL, and the HTTP status or what the network said.
pub async fn fetch(url: &str) -> Result<Uint8Array, RuntimeError> {
    body(url, &answered(url, &[]).await?.ok_or_else(|| missing(url))?).await
}

/// `length_bytes` of the bytes at `url` from `offset_bytes` on, outside our own memory.
///
/// # Errors
/// Names the URL, and the HTTP status or what the network said.
pub async fn fetch_range(
    url: &str,
    offset_bytes: u64,
    length_bytes: u64,
) -> Result<Uint8Array, RuntimeError> {
    let Some(last) = length_bytes.checked_sub(1).map(|last| offset_bytes.saturating_add(last)) else {
        return Ok(Uint8Array::new_with_length(0));
    };
    let headers = Object::new();
    set(&headers, "Range", &format!("bytes={offset_bytes}-{last}").into());
    let response = answered(url, &[("headers", headers.into())]).await?.ok_or_else(|| missing(url))?;
    let bytes = body(url, &response).await?;
    if response.status() == PARTIAL {
        return Ok(bytes);
    }
    // A server that knows no ranges sends it all.
    let bound = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
    Ok(bytes.slice(bound(offset_bytes), bound(last.saturating_add(1))))
}

/// How many bytes there are at `url`, or `None` where the server says that there is no such file.
///
/// # Errors
/// Names the URL, and the HTTP status or what the network said.
pub async fn size_bytes(url: &str) -> Result<Option<u64>, RuntimeError> {
    let Some(response) = answered(url, &[("method", "HEAD".into())]).await? else { return Ok(None) };
    let length = response.headers().get("content-length").ok().flatten();
    let length = length.and_then(|length| length.parse().ok());
    let reason = "the server does not say how long it is".to_owned();
    length.map(Some).ok_or_else(|| RuntimeError::Fetch { url: url.to_owned(), reason })
}

/// That there is no such file.
pub fn missing(url: &str) -> RuntimeError {
    let reason = "there is no such file; check the model folder and its model.toml".to_owned();
    RuntimeError::Fetch { url: url.to_owned(), reason }
}

/// Bytes of WebAssembly memory that this page has. It grows and never shrinks.
pub fn wasm_memory_bytes() -> f64 {
    property(&property(&wasm_bindgen::memory(), "buffer"), "byteLength").as_f64().unwrap_or_default()
}

/// The answer to a request with these options, `None` where the server says that there is no such file.
async fn answered(url: &str, options: &[(&str, JsValue)]) -> Result<Option<Response>, RuntimeError> {
    let failed = |reason: String| RuntimeError::Fetch { url: url.to_owned(), reason };
    let request = Object::new();
    // Requests for parts of one file would wait for each other to fill the cache.
    set(&request, "cache", &"no-store".into());
    options.iter().for_each(|(name, value)| set(&request, name, value));
    let response = JsFuture::from(fetch_with(url, &request)).await.map_err(|e| failed(thrown(&e)))?;
    let response: Response = response.unchecked_into();
    match response.status() {
        NOT_FOUND => Ok(None),
        _ if response.ok() => Ok(Some(response)),
        status => Err(failed(format!("the server answered {status} {}", response.status_text()))),
    }
}

async fn body(url: &str, response: &Response) -> Result<Uint8Array, RuntimeError> {
    let failed = |reason: String| RuntimeError::Fetch { url: url.to_owned(), reason };
    let body = response.array_buffer().map_err(|e| failed(thrown(&e)))?;
    let body = JsFuture::from(body).await.map_err(|e| failed(thrown(&e)))?;
    Ok(Uint8Array::new(body.unchecked_ref::<ArrayBuffer>()))
}

/// A plain object with these properties.
pub fn object(properties: impl IntoIterator<Item = (impl AsRef<str>, JsValue)>) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        set(&object, name.as_ref(), &value);
    }
    object
}

/// Sets a property of a plain object, which does not throw.
pub fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &name.into(), value);
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
    let options = [("method", "POST".into()), ("body", Uint8Array::from(bytes).into())];
    answered(url, &options).await?.map(|_| ()).ok_or_else(|| missing(url))
}

const NOT_FOUND: u16 = 404;
const PARTIAL: u16 = 206;
