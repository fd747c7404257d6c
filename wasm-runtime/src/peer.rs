//! onnxruntime-web's side of a duel, on the same WebGPU device as ours; the calls into it are in `peer.js`.

use graph::{Data, Tensor};
use js_sys::{Float32Array, Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::GpuDevice;

use crate::browser::thrown;
use crate::device::Device;
use crate::error::RuntimeError;

#[wasm_bindgen(module = "/src/peer.js")]
extern "C" {
    #[wasm_bindgen(js_name = Peer)]
    type Session;

    #[wasm_bindgen(static_method_of = Session, js_class = "Peer")]
    fn open(url: &str, device: &GpuDevice, model: &[u8], size: u32, operands: &Object) -> Promise;

    #[wasm_bindgen(method)]
    fn multiply(this: &Session) -> Promise;

    #[wasm_bindgen(method)]
    fn close(this: &Session) -> Promise;
}

/// An open onnxruntime-web session with its operands on the device.
pub struct Peer<'a> {
    url: &'a str,
    device: &'a Device,
    session: Session,
}

impl<'a> Peer<'a> {
    /// Loads onnxruntime-web from `url` and gives it the product of `operands`, an ONNX file of one MatMul.
    ///
    /// # Errors
    /// What the module or its session throws.
    pub async fn open(
        url: &'a str,
        device: &'a Device,
        model: &[u8],
        operands: &[(&str, &Tensor)],
    ) -> Result<Self, RuntimeError> {
        let by_name = Object::new();
        for (name, tensor) in operands {
            // Setting a property of a plain object does not throw.
            let _ = Reflect::set(&by_name, &JsValue::from_str(name), &elements(tensor));
        }
        let size = operands.first().and_then(|(_, tensor)| tensor.shape.first()).copied().unwrap_or(0);
        let session = Session::open(url, &device.gpu, model, size as u32, &by_name);
        let session = JsFuture::from(session).await.map_err(|e| failed(url, "opening a session", &e))?;
        Ok(Peer { url, device, session: session.unchecked_into() })
    }

    /// Operands on the device, product in host memory. Kicked like ours: the device is the same.
    ///
    /// # Errors
    /// What the session throws.
    pub async fn multiply(&self) -> Result<Float32Array, RuntimeError> {
        let product = self.device.wait("onnxruntime-web was multiplying", self.session.multiply()).await;
        product.map(JsCast::unchecked_into).map_err(|error| match error {
            RuntimeError::Browser { message, .. } => {
                RuntimeError::Peer { url: self.url.to_owned(), doing: "multiplying".to_owned(), message }
            }
            ours => ours,
        })
    }

    /// Releases the session.
    ///
    /// # Errors
    /// What the session throws.
    pub async fn close(self) -> Result<(), RuntimeError> {
        let closed = JsFuture::from(self.session.close()).await;
        closed.map(|_| ()).map_err(|e| failed(self.url, "closing its session", &e))
    }
}

fn elements(tensor: &Tensor) -> JsValue {
    match &tensor.data {
        Data::F32(elements) => Float32Array::from(&elements[..]).into(),
        // The operands of a duel are f32; onnxruntime-web refuses the rest by name.
        Data::F16(_) | Data::I64(_) | Data::I32(_) | Data::U8(_) | Data::I8(_) | Data::Bool(_) => {
            JsValue::UNDEFINED
        }
    }
}

fn failed(url: &str, doing: &str, error: &JsValue) -> RuntimeError {
    RuntimeError::Peer { url: url.to_owned(), doing: doing.to_owned(), message: thrown(error) }
}
