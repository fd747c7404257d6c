//! onnxruntime-web's side of a comparison, on the same WebGPU device as ours; its operands' way there is in `reference_runtime.js`.

use graph::{Data, Tensor};
use js_sys::{Float32Array, Object, Promise, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::GpuDevice;

use crate::browser::{object, property, thrown};
use crate::device::Device;
use crate::error::RuntimeError;
use crate::onnxruntime_web::{self, JsSession, Provider};
use crate::refusal::Refusal;

#[wasm_bindgen(module = "/src/comparison/reference_runtime.js")]
extern "C" {
    #[wasm_bindgen(js_name = ReferenceRuntime)]
    type Multiplier;

    #[wasm_bindgen(static_method_of = Multiplier, js_class = "ReferenceRuntime")]
    fn upload(
        ort: &JsValue,
        session: &JsValue,
        device: &GpuDevice,
        size: u32,
        operands: &Object,
    ) -> Multiplier;

    #[wasm_bindgen(method)]
    fn multiply(this: &Multiplier) -> Promise;
}

/// An open onnxruntime-web session with its operands on the device.
pub struct ReferenceRuntime<'a> {
    device: &'a Device,
    session: JsSession,
    multiplier: Multiplier,
}

impl<'a> ReferenceRuntime<'a> {
    /// Loads onnxruntime-web from the folder at `base` and gives it the product of `operands`, an ONNX file of one
    /// MatMul.
    ///
    /// # Errors
    /// Whatever the module or its session throws.
    pub async fn open(
        base: &str,
        device: &'a Device,
        model: &[u8],
        operands: &[(&str, &Tensor)],
    ) -> Result<Self, RuntimeError> {
        let by_name = object(operands.iter().map(|(name, tensor)| (name, elements(tensor))));
        let size = operands.first().and_then(|(_, tensor)| tensor.shape.first()).copied().unwrap_or(0);
        let ort = onnxruntime_web::load(base, Provider::Webgpu, 0).await?;
        let (model, options) = (Uint8Array::from(model), onnxruntime_web::on_device(&device.gpu));
        let session = JsFuture::from(JsSession::open(&ort, &model, &options)).await;
        let session: JsSession = session.map_err(|e| failed("opening a session", &e))?.unchecked_into();
        let inner = property(&session, "session");
        let multiplier = Multiplier::upload(&ort, &inner, &device.gpu, size as u32, &by_name);
        Ok(ReferenceRuntime { device, session, multiplier })
    }

    /// Operands on the device, product in host memory. Kicked like ours: the device is the same.
    ///
    /// # Errors
    /// Whatever the session throws.
    pub async fn multiply(&self) -> Result<Float32Array, RuntimeError> {
        const DOING: &str = "multiplying";
        let product = self.device.wait(DOING, self.multiplier.multiply()).await;
        product.map(JsCast::unchecked_into).map_err(|error| match error {
            RuntimeError::Browser { message, .. } => {
                RuntimeError::ReferenceRuntime { doing: DOING.to_owned(), refusal: Refusal::read(&message) }
            }
            ours => ours,
        })
    }

    /// Releases the session.
    ///
    /// # Errors
    /// Whatever the session throws.
    pub async fn close(self) -> Result<(), RuntimeError> {
        let closed = JsFuture::from(self.session.release()).await;
        closed.map(|_| ()).map_err(|e| failed("closing its session", &e))
    }
}

fn elements(tensor: &Tensor) -> JsValue {
    match &tensor.data {
        Data::F32(elements) => Float32Array::from(&elements[..]).into(),
        // The operands of a comparison are f32; onnxruntime-web refuses the rest by name.
        Data::F16(_) | Data::I64(_) | Data::I32(_) | Data::U8(_) | Data::I8(_) | Data::Bool(_) => {
            JsValue::UNDEFINED
        }
    }
}

fn failed(doing: &str, error: &JsValue) -> RuntimeError {
    RuntimeError::ReferenceRuntime { doing: doing.to_owned(), refusal: Refusal::read(&thrown(error)) }
}
