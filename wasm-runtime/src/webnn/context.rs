//! Opens a context, and turns what goes wrong on it into errors.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{JSON, Promise};
use protocol::{Adapter, Device};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use webnn::Limits;

use super::api::{Ml, MlContext, MlTensor};
use crate::browser::{self, property, thrown};
use crate::error::RuntimeError;
use crate::timing::Clock;

/// The devices that WebNN can be asked for.
pub const DEVICES: [Device; 3] = [Device::Cpu, Device::Gpu, Device::Npu];

/// A context that is open. Dropping it destroys it and everything made on it.
pub struct Context {
    /// The browser's own.
    pub ml: MlContext,
    /// The limits that it says it supports, less what it was found to refuse.
    pub limits: RefCell<Limits>,
    /// The page's clock.
    pub clock: Clock,
    /// The device type it was asked for.
    pub device: Device,
    /// The kinds of calls that it claimed and then refused to build, and its words.
    pub broken: RefCell<Vec<(String, String)>>,
    lost: Rc<RefCell<Option<String>>>,
}

/// `navigator.ml`, where the browser has it.
fn entry() -> Option<Ml> {
    let ml = property(&browser::window().ok()?.navigator(), "ml");
    // No browser needs to expose its class by the name that it is bound by here.
    ml.is_object().then(|| ml.unchecked_into())
}

impl Context {
    /// A context for a device type.
    ///
    /// # Errors
    /// No WebNN, or the browser's own words for refusing.
    pub async fn open(device: Device) -> Result<Context, RuntimeError> {
        let clock = Clock::open()?;
        let ml = entry().ok_or(RuntimeError::NoWebnn)?;
        let opened = JsFuture::from(ml.create_context(&json(&options(device)))).await;
        let opened = opened.map_err(|e| RuntimeError::NoContext { device, reason: thrown(&e) })?;
        let ml: MlContext = opened.unchecked_into();
        let limits = ml.op_support_limits().map_err(|e| refused("asking for opSupportLimits", &e))?;
        let limits = JSON::stringify(&limits).ok().and_then(|text| text.as_string());
        let limits = limits.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let lost = Rc::new(RefCell::new(None));
        watch(&ml, &lost);
        Ok(Context {
            ml,
            limits: RefCell::new(Limits::read(&limits)),
            clock,
            device,
            broken: RefCell::default(),
            lost,
        })
    }

    /// Awaits a promise of this context's work.
    ///
    /// # Errors
    /// The promise's rejection, or the loss of the context where that is the reason.
    pub async fn wait(&self, doing: &str, promise: Promise) -> Result<JsValue, RuntimeError> {
        JsFuture::from(promise).await.map_err(|rejection| self.failure(doing, &rejection))
    }

    /// The error for something that this context threw: its loss, where that is the reason.
    pub fn failure(&self, doing: &str, rejection: &JsValue) -> RuntimeError {
        match self.lost.borrow().as_ref() {
            Some(reason) => RuntimeError::DeviceLost { doing: doing.to_owned(), reason: reason.clone() },
            None => refused(doing, rejection),
        }
    }

    /// Does some work; where that fails, the browser has time to tell of a loss: on a lost context calls throw before
    /// the news of it is here.
    ///
    /// # Errors
    /// Those of the work, or the loss of the context where that is the reason.
    pub async fn told<T>(
        &self,
        work: impl Future<Output = Result<T, RuntimeError>>,
    ) -> Result<T, RuntimeError> {
        let error = match work.await {
            Err(error) => error,
            done => return done,
        };
        let doing = match &error {
            RuntimeError::Browser { doing, .. } => doing.clone(),
            RuntimeError::NotBuilt { what, .. } => format!("building {what}"),
            _ => return Err(error),
        };
        let scalar = json(&serde_json::json!({ "dataType": "float32", "shape": [] }));
        // A round trip to the browser, whatever comes of it.
        if let Ok(tensor) = JsFuture::from(self.ml.create_tensor(&scalar)).await {
            destroyed(tensor.unchecked_into::<MlTensor>().destroy_tensor());
        }
        match self.lost.borrow().clone() {
            Some(reason) => Err(RuntimeError::DeviceLost { doing, reason }),
            None => Err(error),
        }
    }

    /// Takes note that it does not build what it claims.
    pub fn learn(&self, kind: String, message: String) {
        self.broken.borrow_mut().push((kind.clone(), message.clone()));
        self.limits.borrow_mut().refuse(kind, message);
    }

    /// Returns whether the browser has taken it away.
    pub fn is_lost(&self) -> bool {
        self.lost.borrow().is_some()
    }

    /// Returns whether the context says that it computes on more than the CPU, where it says.
    pub fn accelerated(&self) -> Option<bool> {
        property(&self.ml, "accelerated").as_bool()
    }

    /// Returns what is known of its adapter, which is little: browsers do not name it.
    pub fn adapter(&self) -> Adapter {
        let said = match self.accelerated() {
            Some(true) => "; the context says it is accelerated",
            Some(false) => "; the context says it is not accelerated",
            None => "",
        };
        Adapter {
            description: format!("WebNN context for {}{said}", self.device.name()),
            backend: "webnn".to_owned(),
            software: self.device == Device::Cpu || self.accelerated() == Some(false),
            ..Adapter::default()
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // It may be lost already.
        let _ = self.ml.destroy();
    }
}

/// The options of a context for a device. Later drafts of WebNN know no device types, but whether to accelerate and
/// whether to spare power, <https://www.w3.org/TR/webnn/#dictdef-mlcontextoptions>: a browser takes what it knows.
pub fn options(device: Device) -> serde_json::Value {
    let (accelerated, power) = match device {
        Device::Cpu => (false, "default"),
        Device::Npu => (true, "low-power"),
        _ => (true, "high-performance"),
    };
    serde_json::json!({ "deviceType": device.name(), "accelerated": accelerated, "powerPreference": power })
}

fn watch(ml: &MlContext, lost: &Rc<RefCell<Option<String>>>) {
    let (promise, lost) = (ml.lost(), Rc::clone(lost));
    spawn_local(async move {
        if let Ok(info) = JsFuture::from(promise).await {
            let message = property(&info, "message").as_string().unwrap_or_default();
            *lost.borrow_mut() = Some(message);
        }
    });
}

/// Destroying fails where the context is lost, which has destroyed everything on it.
pub fn destroyed(done: Result<(), JsValue>) {
    drop(done);
}

fn refused(doing: &str, thrown_value: &JsValue) -> RuntimeError {
    RuntimeError::Browser { doing: doing.to_owned(), message: thrown(thrown_value) }
}

/// A value of JSON as the page's own.
pub fn json(value: &serde_json::Value) -> JsValue {
    // What serde writes is JSON.
    JSON::parse(&value.to_string()).unwrap_or(JsValue::UNDEFINED)
}
