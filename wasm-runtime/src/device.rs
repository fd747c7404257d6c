//! Opens the browser's WebGPU device with everything its adapter has, and turns what goes wrong on it into
//! errors: validation, out of memory, a device lost.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::select;
use js_sys::{Function, JsString, Number, Object, Promise, Reflect};
use protocol::{BrowserKind, Feature, Features};
use shaders::Limits;
use wasm_bindgen::convert::FromWasmAbi;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    Gpu, GpuAdapter, GpuAdapterInfo, GpuDevice, GpuDeviceDescriptor, GpuDeviceLostInfo, GpuErrorFilter,
    GpuPowerPreference, GpuQueue, GpuRequestAdapterOptions, GpuSupportedFeatures, GpuSupportedLimits,
    GpuUncapturedErrorEvent,
};

use crate::adapter::Description;
use crate::browser::{self, property, thrown};
use crate::completion::Completion;
use crate::error::RuntimeError;
use crate::setting::Setting;
use crate::timing::{self, Clock};

/// Features asked for where the adapter has them, and the optimisation that they are asked for.
const WANTED_FEATURES: [(&str, Option<Feature>); 3] =
    [("timestamp-query", None), ("subgroups", Some(Feature::Subgroups)), ("shader-f16", Some(Feature::F16))];

const LOSS_GRACE_MS: f64 = 200.0;

/// An open device. Dropping it destroys it and everything made on it, if it is ours.
#[derive(Debug)]
pub struct Device {
    /// The WebGPU device.
    pub gpu: GpuDevice,
    /// Its queue.
    pub queue: GpuQueue,
    /// Its adapter's description.
    pub description: Description,
    /// The limits that plans have to keep to.
    pub limits: Limits,
    /// How its work is awaited.
    pub completion: Completion,
    /// True if a pipeline may be compiled only when it is first dispatched, though it was awaited: Firefox's, on llvmpipe.
    pub compiles_late: bool,
    /// The page's clock.
    pub clock: Clock,
    /// What it was opened for.
    pub setting: Setting,
    faults: Rc<RefCell<Faults>>,
    /// Hears its errors; none on a device of somebody else, who hears them there.
    on_uncaptured: Option<Closure<dyn FnMut(GpuUncapturedErrorEvent)>>,
}

/// The faults that the device reported on its own.
#[derive(Debug, Default)]
struct Faults {
    lost: Option<String>,
    uncaptured: Option<String>,
}

/// The adapter the browser offers first.
///
/// # Errors
/// `NoWebgpu`, `NoAdapter` or `AdapterRefused`, each with what to do.
pub async fn request_adapter() -> Result<GpuAdapter, RuntimeError> {
    let navigator = browser::window()?.navigator();
    let gpu = property(&navigator, "gpu").dyn_into::<Gpu>().map_err(|_| RuntimeError::NoWebgpu)?;
    let options = GpuRequestAdapterOptions::new();
    options.set_power_preference(GpuPowerPreference::HighPerformance);
    let adapter = JsFuture::from(gpu.request_adapter_with_options(&options)).await;
    // No valid request is ever rejected: the browser has the interface and nothing behind it.
    let adapter = adapter.map_err(|e| RuntimeError::AdapterRefused { reason: thrown(&e) })?;
    adapter.into_option().ok_or(RuntimeError::NoAdapter)
}

/// Returns whether the browser's WGSL has a language feature (WGSL, section 4.1.2).
pub fn has_language_feature(name: &str) -> bool {
    let Ok(window) = browser::window() else { return false };
    let features = property(&property(&window.navigator(), "gpu"), "wgslLanguageFeatures");
    let has = property(&features, "has").dyn_into::<Function>();
    has.is_ok_and(|has| has.call1(&features, &JsValue::from_str(name)).is_ok_and(|has| has.is_truthy()))
}

/// Describes an adapter as the browser does; where that says nothing, WebGL is asked as well.
pub fn describe(adapter: &GpuAdapter) -> Description {
    let described = description(&adapter.info(), &adapter.features(), &adapter.limits());
    // Chromium up to 135 has it on the adapter, all later browsers on its info.
    let is_fallback = described.is_fallback || property(adapter, "isFallbackAdapter").is_truthy();
    Description { is_fallback, ..described }
}

fn description(
    info: &GpuAdapterInfo,
    features: &GpuSupportedFeatures,
    limits: &GpuSupportedLimits,
) -> Description {
    let mut description = Description {
        vendor: info.vendor(),
        architecture: info.architecture(),
        device: info.device(),
        description: info.description(),
        is_fallback: property(info, "isFallbackAdapter").is_truthy(),
        webgl_renderer: None,
        features: features.values().into_iter().flatten().map(String::from).collect(),
        limits: limits_of(limits).into_iter().map(|(name, value)| (name, value as u64)).collect(),
    };
    if description.is_anonymous() {
        description.webgl_renderer = webgl_renderer();
    }
    description
}

/// The limits of an adapter or a device by their WebGPU names.
fn limits_of(limits: &GpuSupportedLimits) -> Vec<(String, f64)> {
    let names = Reflect::get_prototype_of(limits).and_then(|prototype| Reflect::own_keys(&prototype));
    let names = names.map(|names| names.to_vec()).unwrap_or_default();
    let named = names.iter().filter_map(|name| name.as_string());
    named.filter_map(|name| property(limits, &name).as_f64().map(|value| (name, value))).collect()
}

/// `UNMASKED_RENDERER_WEBGL` of WEBGL_debug_renderer_info.
const UNMASKED_RENDERER: u32 = 0x9246;

fn webgl_renderer() -> Option<String> {
    let canvas = browser::window().ok()?.document()?.create_element("canvas").ok()?;
    let canvas: web_sys::HtmlCanvasElement = canvas.dyn_into().ok()?;
    let context = canvas.get_context("webgl2").ok()??;
    let context: web_sys::WebGl2RenderingContext = context.dyn_into().ok()?;
    context.get_extension("WEBGL_debug_renderer_info").ok()??;
    context.get_parameter(UNMASKED_RENDERER).ok()?.as_string()
}

impl Device {
    /// Opens a device with the adapter's full limits and the features wanted that it has.
    ///
    /// # Errors
    /// No WebGPU, no adapter, or the browser's own words for refusing.
    pub async fn open(setting: Setting) -> Result<Self, RuntimeError> {
        let clock = Clock::open()?;
        let adapter = request_adapter().await?;
        let description = describe(&adapter);
        let descriptor = descriptor(&adapter, &setting.features);
        let device = JsFuture::from(adapter.request_device_with_descriptor(&descriptor)).await;
        let gpu = device.map_err(|e| refused("requesting a device", &e))?;
        let mut device = Self::watched(gpu, description, clock, setting);
        device.on_uncaptured = Some(watch_for_errors(&device.gpu, &device.faults));
        Ok(device)
    }

    /// A device that somebody else opened and keeps. It is described by itself: its features and limits are those
    /// that it was asked to have.
    ///
    /// # Errors
    /// Where the page has no clock.
    pub fn adopt(gpu: GpuDevice, browser: Option<BrowserKind>) -> Result<Self, RuntimeError> {
        let description = description(&gpu.adapter_info(), &gpu.features(), &gpu.limits());
        Ok(Self::watched(gpu, description, Clock::open()?, Setting::of(browser)))
    }

    fn watched(gpu: GpuDevice, description: Description, clock: Clock, setting: Setting) -> Self {
        let faults = Rc::new(RefCell::new(Faults::default()));
        watch_for_loss(&gpu, &faults);
        Device {
            queue: gpu.queue(),
            completion: Completion::of(&gpu.queue(), &setting, &clock),
            compiles_late: setting.browser == Some(BrowserKind::Firefox),
            limits: plan_limits(&gpu),
            gpu,
            description,
            clock,
            setting,
            faults,
            on_uncaptured: None,
        }
    }

    /// Returns whether the device has a feature.
    pub fn has(&self, feature: &str) -> bool {
        self.gpu.features().has(feature)
    }

    /// Does `work` and waits until the browser says whether it was valid.
    ///
    /// `wanted_bytes` is what it allocates, for the message when that is too much.
    ///
    /// # Errors
    /// Whatever `work` returns, a validation or internal error, out of memory, or the loss of the device.
    pub async fn guarded<T>(
        &self,
        doing: &str,
        wanted_bytes: u64,
        work: impl FnOnce() -> Result<T, RuntimeError>,
    ) -> Result<T, RuntimeError> {
        let filters = [GpuErrorFilter::Internal, GpuErrorFilter::OutOfMemory, GpuErrorFilter::Validation];
        filters.iter().for_each(|filter| self.gpu.push_error_scope(*filter));
        let done = work();
        let popped: Vec<_> =
            filters.iter().rev().map(|filter| (*filter, self.gpu.pop_error_scope())).collect();
        for (filter, error) in popped {
            let error = JsFuture::from(error).await.map_err(|e| self.failure(doing, &e))?;
            let Some(error) = error.into_option() else { continue };
            let (doing, message) = (doing.to_owned(), error.message());
            return Err(match filter {
                GpuErrorFilter::OutOfMemory => RuntimeError::OutOfMemory { doing, wanted_bytes, message },
                _ => RuntimeError::Browser { doing, message },
            });
        }
        self.check(doing)?;
        done
    }

    /// Succeeds if the device has reported nothing since it was opened.
    ///
    /// # Errors
    /// The loss of the device, or an error outside every [`Device::guarded`].
    pub fn check(&self, doing: &str) -> Result<(), RuntimeError> {
        let faults = self.faults.borrow();
        let doing = doing.to_owned();
        if let Some(reason) = &faults.lost {
            return Err(RuntimeError::DeviceLost { doing, reason: reason.clone() });
        }
        match &faults.uncaptured {
            Some(message) => Err(RuntimeError::Browser { doing, message: message.clone() }),
            None => Ok(()),
        }
    }

    /// Awaits a promise of this device's work.
    ///
    /// # Errors
    /// The promise's rejection, or the loss of the device where that is the reason.
    pub async fn wait<T: FromWasmAbi + 'static>(
        &self,
        doing: &str,
        promise: Promise<T>,
    ) -> Result<T, RuntimeError> {
        let settled = self.completion.wait(promise).await;
        if settled.is_err() {
            self.await_loss().await;
        }
        settled.map_err(|rejection| self.failure(doing, &rejection))
    }

    /// Gives a loss that came with a rejection time to be reported: Firefox rejects first and tells the loss later.
    async fn await_loss(&self) {
        if let Ok(grace) = timing::pause(LOSS_GRACE_MS) {
            select(JsFuture::from(self.gpu.lost()), JsFuture::from(grace)).await;
        }
    }

    /// The error for a promise of this device that was rejected: its loss, where that is the reason.
    pub fn failure(&self, doing: &str, rejection: &JsValue) -> RuntimeError {
        self.check(doing).err().unwrap_or_else(|| refused(doing, rejection))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if self.on_uncaptured.is_some() {
            self.gpu.set_onuncapturederror(None);
            self.gpu.destroy();
        }
    }
}

fn refused(doing: &str, thrown_value: &JsValue) -> RuntimeError {
    RuntimeError::Browser { doing: doing.to_owned(), message: thrown(thrown_value) }
}

fn descriptor(adapter: &GpuAdapter, on: &Features) -> GpuDeviceDescriptor {
    let features = adapter.features();
    let wanted = WANTED_FEATURES.into_iter().filter(|(_, feature)| feature.is_none_or(|one| on.has(one)));
    let wanted: Vec<JsString> =
        wanted.map(|(name, _)| name).filter(|name| features.has(name)).map(JsString::from).collect();
    let limits = Object::new();
    for (name, value) in limits_of(&adapter.limits()) {
        // Setting a property of a plain object does not throw.
        let _ = Reflect::set(&limits, &JsValue::from_str(&name), &JsValue::from_f64(value));
    }
    let descriptor = GpuDeviceDescriptor::new();
    descriptor.set_label("parallax");
    descriptor.set_required_features(&wanted);
    descriptor.set_required_limits(limits.unchecked_ref::<Object<Number>>());
    descriptor
}

fn plan_limits(gpu: &GpuDevice) -> Limits {
    let limits = gpu.limits();
    Limits {
        max_compute_workgroups_per_dimension: limits.max_compute_workgroups_per_dimension(),
        max_compute_invocations_per_workgroup: limits.max_compute_invocations_per_workgroup(),
        max_compute_workgroup_storage_size: limits.max_compute_workgroup_storage_size(),
        max_storage_buffers_per_shader_stage: limits.max_storage_buffers_per_shader_stage(),
        max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size() as u64,
        max_buffer_size: limits.max_buffer_size() as u64,
        min_storage_buffer_offset_alignment: limits.min_storage_buffer_offset_alignment(),
    }
}

fn watch_for_loss(gpu: &GpuDevice, faults: &Rc<RefCell<Faults>>) {
    let (lost, faults) = (gpu.lost(), Rc::clone(faults));
    spawn_local(async move {
        if let Ok(info) = JsFuture::from(lost).await {
            let info: GpuDeviceLostInfo = info;
            let reason = property(&info, "reason").as_string().unwrap_or_default();
            faults.borrow_mut().lost = Some(format!("{} (reason \"{reason}\")", info.message()));
        }
    });
}

fn watch_for_errors(
    gpu: &GpuDevice,
    faults: &Rc<RefCell<Faults>>,
) -> Closure<dyn FnMut(GpuUncapturedErrorEvent)> {
    let faults = Rc::clone(faults);
    let note = Closure::<dyn FnMut(GpuUncapturedErrorEvent)>::new(move |event: GpuUncapturedErrorEvent| {
        faults.borrow_mut().uncaptured.get_or_insert(event.error().message());
    });
    gpu.set_onuncapturederror(Some(note.as_ref().unchecked_ref()));
    note
}
