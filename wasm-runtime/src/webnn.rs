//! The part of WebNN that detection needs, bound by hand: web-sys has none of it.
//!
//! <https://www.w3.org/TR/webnn/#api-ml>

use js_sys::{Object, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::browser::{self, property, thrown};

#[wasm_bindgen]
extern "C" {
    /// `navigator.ml`.
    #[derive(Debug, Clone)]
    pub type Ml;

    #[wasm_bindgen(method, js_name = createContext)]
    fn create_context(this: &Ml, options: &JsValue) -> Promise;

    /// A place where WebNN builds and runs graphs.
    #[derive(Debug, Clone)]
    pub type MlContext;

    #[wasm_bindgen(method, catch, js_name = opSupportLimits)]
    fn op_support_limits(this: &MlContext) -> Result<Object, JsValue>;
}

/// The device types that WebNN can be asked for.
pub const DEVICE_TYPES: [&str; 3] = ["cpu", "gpu", "npu"];

/// `navigator.ml`, where the browser has it.
pub fn entry() -> Option<Ml> {
    let ml = property(&browser::window().ok()?.navigator(), "ml");
    // `Ml` is bound by hand, and no browser needs to expose its class by that name.
    ml.is_object().then(|| ml.unchecked_into())
}

impl Ml {
    /// A context on a device type.
    ///
    /// # Errors
    /// The browser's own words.
    pub async fn open(&self, device_type: &str) -> Result<MlContext, String> {
        let options = serde_json::json!({ "deviceType": device_type }).to_string();
        let options = js_sys::JSON::parse(&options).map_err(|e| thrown(&e))?;
        let context = JsFuture::from(self.create_context(&options)).await.map_err(|e| thrown(&e))?;
        Ok(context.unchecked_into())
    }
}

impl MlContext {
    /// How many operators the context says it supports: the entries of `opSupportLimits()` that describe one.
    pub fn operator_count(&self) -> Option<usize> {
        let limits = self.op_support_limits().ok()?;
        // An operator's entry is an object per operand; those of the whole context are numbers, texts and lists.
        const OF_THE_CONTEXT: [&str; 4] = ["input", "constant", "output", "maxTensorByteLength"];
        let names = Object::keys(&limits).to_vec().into_iter().filter_map(|name| name.as_string());
        let operators = names
            .filter(|name| !OF_THE_CONTEXT.contains(&name.as_str()) && property(&limits, name).is_object());
        Some(operators.count())
    }

    /// Which device types the context says it may use, where it says so.
    pub fn accelerated(&self) -> Option<bool> {
        property(self, "accelerated").as_bool()
    }
}
