//! An ONNX file open in onnxruntime-web: named tensors in, named tensors out.

use std::collections::BTreeMap;
use std::rc::Rc;

use graph::Tensor;
use js_sys::{Array, Object};
use wasm_bindgen::{JsCast, JsValue};

use super::{JsSession, Library, Provider, narrate, providers, tensors};
use crate::browser::object;
use crate::error::RuntimeError;
use crate::model::OnnxFile;
use crate::placement::{self, Placement};

/// The known extents of a file's symbolic dimensions, by name.
pub type Extents = BTreeMap<String, usize>;

/// A session; dropping it gives its memory back.
pub struct Session {
    library: Rc<Library>,
    session: JsSession,
}

impl Session {
    /// Opens an ONNX file with the files beside it and with what is known of its symbolic dimensions.
    ///
    /// # Errors
    /// When the library refuses the file, or its device is lost.
    pub async fn open(
        library: &Rc<Library>,
        file: &OnnxFile,
        settled: &Extents,
    ) -> Result<Session, RuntimeError> {
        let options = options(library.provider, file, settled);
        let opening = JsSession::open(&library.namespace, &file.bytes, &options);
        let session = library.wait("opening the model", opening).await?.unchecked_into();
        Ok(Session { library: Rc::clone(library), session })
    }

    /// Runs it once, from inputs in host memory to outputs in host memory.
    ///
    /// # Errors
    /// When the library refuses the inputs or the run, or its device is lost.
    pub async fn infer(&self, inputs: &[(String, Tensor)]) -> Result<BTreeMap<String, Tensor>, RuntimeError> {
        const DOING: &str = "running the model";
        let results = self.library.wait(DOING, self.session.run(&tensors::to_feeds(inputs))).await?;
        tensors::from_results(&results).map_err(|reason| self.library.refused(DOING, &reason))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Nothing waits for the release, and a library that has failed may never come back from it.
        if self.library.is_sound() {
            let _ = self.session.release();
        }
    }
}

impl Library {
    /// Adds where the library puts the nodes of an ONNX file, for which it is opened once more.
    ///
    /// # Errors
    /// When the library refuses the file, or its log says nothing of it.
    pub async fn place(
        &self,
        file: &OnnxFile,
        settled: &Extents,
        placement: &mut Placement,
    ) -> Result<(), RuntimeError> {
        const DOING: &str = "telling where nodes run";
        let options = options(self.provider, file, settled);
        let telling = narrate(&self.namespace, &file.bytes, &options, placement::SOURCE);
        let lines: Array = self.wait(DOING, telling).await?.unchecked_into();
        let lines: Vec<String> = lines.iter().filter_map(|line| line.as_string()).collect();
        let read = placement.read(lines.iter().map(String::as_str));
        read.map_err(|reason| self.refused(DOING, &reason))
    }
}

/// A session's options.
fn options(provider: Provider, file: &OnnxFile, settled: &Extents) -> Object {
    let extents = object(settled.iter().map(|(name, &extent)| (name, JsValue::from_f64(extent as f64))));
    object([
        ("executionProviders", providers(provider).into()),
        ("externalData", external(file).into()),
        ("freeDimensionOverrides", extents.into()),
    ])
}

/// The files beside the model as the library takes them: `{ path, data }`.
fn external(file: &OnnxFile) -> Array {
    let entry = |(path, data): (&String, &js_sys::Uint8Array)| {
        object([("path", JsValue::from_str(path)), ("data", data.into())])
    };
    file.external.iter().map(entry).collect()
}
