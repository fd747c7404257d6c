//! onnxruntime-web in this page: one instance for each of its execution providers, kept until it fails.

mod session;
mod tensors;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Object, Promise, Uint8Array};
use protocol::{Adapter, BrowserKind};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::browser::{self, object, property, thrown};
use crate::device::{self, Device};
use crate::engine::PageContext;
use crate::error::RuntimeError;
use crate::matmul;
use crate::refusal::Refusal;
use crate::webnn;

pub use session::{Extents, Session};

#[wasm_bindgen(module = "/src/onnxruntime_web/library.js")]
extern "C" {
    #[wasm_bindgen(js_name = load)]
    fn import(url: &str) -> Promise;

    fn narrate(ort: &JsValue, model: &Uint8Array, options: &Object, mark: &str) -> Promise;

    /// An open `InferenceSession`.
    #[wasm_bindgen(js_name = Session)]
    pub type JsSession;

    /// Opens an ONNX file with a session's options.
    #[wasm_bindgen(static_method_of = JsSession, js_class = "Session")]
    pub fn open(ort: &JsValue, model: &Uint8Array, options: &Object) -> Promise;

    #[wasm_bindgen(method)]
    fn run(this: &JsSession, feeds: &Array) -> Promise;

    /// Ends it.
    #[wasm_bindgen(method)]
    pub fn release(this: &JsSession) -> Promise;
}

/// An execution provider that a model can be put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// The browser's WebGPU.
    Webgpu,
    /// The browser's WebNN, on a device type.
    Webnn(protocol::Device),
    /// WebAssembly on the CPU.
    Wasm,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Provider; 5] = [
        Provider::Webgpu,
        Provider::Webnn(protocol::Device::Cpu),
        Provider::Webnn(protocol::Device::Gpu),
        Provider::Webnn(protocol::Device::Npu),
        Provider::Wasm,
    ];

    /// Its name in targets.
    pub fn subject(self) -> String {
        match self {
            Provider::Webnn(device) => format!("ort-webnn:{}", device.name()),
            Provider::Webgpu | Provider::Wasm => format!("ort-{}", self.name()),
        }
    }

    /// Its name among the options of a session.
    pub fn name(self) -> &'static str {
        match self {
            Provider::Webgpu => "webgpu",
            Provider::Webnn(_) => "webnn",
            Provider::Wasm => "wasm",
        }
    }

    /// Its name in the library's log.
    pub fn logged_name(self) -> &'static str {
        match self {
            Provider::Webgpu => "WebGpuExecutionProvider",
            Provider::Webnn(_) => "WebNNExecutionProvider",
            Provider::Wasm => "CPUExecutionProvider",
        }
    }

    /// The library's build that has it.
    pub fn module(self) -> &'static str {
        match self {
            Provider::Webgpu => "ort.webgpu.min.mjs",
            Provider::Webnn(_) => "ort.all.min.mjs",
            Provider::Wasm => "ort.wasm.min.mjs",
        }
    }
}

/// Loads the build with `provider` from the folder at `base`. An instance has a number, for each is a module of its
/// own.
///
/// # Errors
/// When the browser cannot load the module, in its words.
pub async fn load(base: &str, provider: Provider, instance: u32) -> Result<JsValue, RuntimeError> {
    let url = format!("{base}{}?instance={instance}", provider.module());
    JsFuture::from(import(&url)).await.map_err(|e| refused("loading", &thrown(&e)))
}

/// The library, started.
pub struct Library {
    /// The provider it was started for.
    pub provider: Provider,
    /// Its version, as it says itself.
    pub version: String,
    /// Threads of its WebAssembly.
    pub threads: u32,
    /// The device that it opened for itself, on WebGPU.
    pub device: Option<Device>,
    namespace: JsValue,
    sound: Cell<bool>,
    /// A session of the smallest model: it keeps the device open.
    _keeper: JsSession,
}

thread_local! {
    static STARTED: RefCell<Vec<Rc<Library>>> = const { RefCell::new(Vec::new()) };
    static INSTANCES: Cell<u32> = const { Cell::new(0) };
}

impl Library {
    /// The library with `provider`: the one that was started before, unless it has failed since.
    ///
    /// # Errors
    /// No such files, no WebGPU, or what the library throws while it starts.
    pub async fn get(provider: Provider, page: PageContext<'_>) -> Result<Rc<Library>, RuntimeError> {
        let base = page.onnxruntime_web.ok_or(RuntimeError::ReferenceRuntimeMissing)?;
        let fits = |library: &Rc<Library>| library.provider == provider && library.is_sound();
        if let Some(library) = STARTED.with_borrow(|started| started.iter().find(|l| fits(l)).cloned()) {
            return Ok(library);
        }
        let library = Rc::new(Self::start(provider, base, page.browser).await?);
        STARTED.with_borrow_mut(|started| {
            started.retain(|library| library.is_sound());
            started.push(Rc::clone(&library));
        });
        Ok(library)
    }

    async fn start(
        provider: Provider,
        base: &str,
        browser: Option<BrowserKind>,
    ) -> Result<Library, RuntimeError> {
        // It asks for its own; these only say better why there is none.
        match provider {
            Provider::Webgpu => drop(device::request_adapter().await?),
            Provider::Webnn(device) => drop(webnn::Context::open(device).await?),
            Provider::Wasm => {}
        }
        let instance = INSTANCES.replace(INSTANCES.get() + 1);
        let namespace = load(base, provider, instance).await?;
        let smallest = Uint8Array::from(&matmul::onnx(1)[..]);
        let on_it = object([("executionProviders", providers(provider).into())]);
        let keeper = JsSession::open(&namespace, &smallest, &on_it);
        let keeper = JsFuture::from(keeper).await.map_err(|e| refused("starting", &thrown(&e)))?;
        let env = property(&namespace, "env");
        let device = match provider {
            Provider::Webgpu => Some(own_device(&env, browser).await?),
            Provider::Webnn(_) | Provider::Wasm => None,
        };
        Ok(Library {
            provider,
            version: property(&property(&env, "versions"), "web").as_string().unwrap_or_default(),
            threads: property(&property(&env, "wasm"), "numThreads").as_f64().unwrap_or(1.0) as u32,
            device,
            namespace,
            sound: Cell::new(true),
            _keeper: keeper.unchecked_into(),
        })
    }

    /// Returns whether nothing has gone wrong that an instance does not survive: a trap, the loss of its device.
    pub fn is_sound(&self) -> bool {
        let device = self.device.as_ref();
        self.sound.get() && device.is_none_or(|device| device.check("looking back").is_ok())
    }

    /// The adapter of its device, or the processor as far as a page is told.
    pub fn adapter(&self) -> Adapter {
        match (&self.device, self.provider) {
            (Some(device), _) => device.description.to_adapter(),
            (None, Provider::Webnn(device)) => Adapter {
                description: format!("WebNN context for {}", device.name()),
                backend: "webnn".to_owned(),
                software: device == protocol::Device::Cpu,
                ..Adapter::default()
            },
            (None, Provider::Webgpu | Provider::Wasm) => Adapter {
                description: format!("the processor, {}", threads(self.threads)),
                backend: "wasm".to_owned(),
                software: true,
                ..Adapter::default()
            },
        }
    }

    /// Returns whether its work is awaited with a kick.
    pub fn is_kicking(&self) -> bool {
        self.device.as_ref().is_some_and(|device| device.completion.is_kicking())
    }

    /// Awaits a promise of the library.
    async fn wait(&self, doing: &str, promise: Promise) -> Result<JsValue, RuntimeError> {
        let settled = match &self.device {
            Some(device) => device.wait(doing, promise).await,
            None => JsFuture::from(promise).await.map_err(|rejection| RuntimeError::Browser {
                doing: doing.to_owned(),
                message: thrown(&rejection),
            }),
        };
        settled.map_err(|error| match error {
            RuntimeError::Browser { message, .. } => self.refused(doing, &message),
            ours => ours,
        })
    }

    fn refused(&self, doing: &str, thrown: &str) -> RuntimeError {
        let refusal = Refusal::read(thrown);
        // What has no status did not come from ONNX Runtime but went past it.
        self.sound.set(self.sound.get() && refusal.status.is_some());
        RuntimeError::ReferenceRuntime { doing: doing.to_owned(), refusal }
    }
}

fn threads(count: u32) -> String {
    if count == 1 { "1 thread".to_owned() } else { format!("{count} threads") }
}

fn providers(provider: Provider) -> Array {
    let name = JsValue::from_str(provider.name());
    let Provider::Webnn(device) = provider else { return Array::of1(&name) };
    // It asks for a context with these, as we do.
    let options: Object = webnn::json(&webnn::options(device)).unchecked_into();
    browser::set(&options, "name", &name);
    Array::of1(&options)
}

/// `env.webgpu.device`: the library sets it when it opens a session on the device it asked for.
async fn own_device(env: &JsValue, browser: Option<BrowserKind>) -> Result<Device, RuntimeError> {
    let device = Promise::resolve(&property(&property(env, "webgpu"), "device"));
    let device = JsFuture::from(device).await.map_err(|e| refused("opening its device", &thrown(&e)))?;
    let device =
        device.dyn_into().map_err(|_| refused("opening its device", "it does not show its device"))?;
    Device::adopt(device, browser)
}

fn refused(doing: &str, thrown: &str) -> RuntimeError {
    RuntimeError::ReferenceRuntime { doing: doing.to_owned(), refusal: Refusal::read(thrown) }
}

/// Options that put a session on a device that is already open.
pub fn on_device(gpu: &web_sys::GpuDevice) -> Object {
    let name = JsValue::from_str(Provider::Webgpu.name());
    let providers = Array::of1(&object([("name", name), ("device", gpu.into())]));
    object([("executionProviders", providers.into())])
}
