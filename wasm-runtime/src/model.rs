//! Fetches a model folder: the ONNX files, their external data, what to feed and what to expect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use graph::Tensor;
use graph::onnx::Model;
use graph::pipeline::{self, Decoding, Pipeline};
use js_sys::Uint8Array;
use protocol::{Inference, Manifest};

use crate::browser;
use crate::error::RuntimeError;

/// A model in host memory.
pub struct Loaded {
    /// What its folder says of it.
    pub manifest: Manifest,
    /// Its components, by name.
    pub models: BTreeMap<String, Model>,
    /// What to feed it, by name.
    pub inputs: BTreeMap<String, Tensor>,
    /// What PyTorch gave.
    pub expected: BTreeMap<String, Tensor>,
    /// How it makes tokens, if it does.
    pub decoding: Option<Decoding>,
}

/// A component's ONNX file as it came, and the files of weights beside it, for engines that read them themselves.
pub struct OnnxFile {
    /// The ONNX file.
    pub bytes: Uint8Array,
    /// The files beside it, by name.
    pub external: BTreeMap<String, Uint8Array>,
}

/// Each component's file.
pub type Files = BTreeMap<String, OnnxFile>;

impl Loaded {
    /// Fetches what an inference asks for.
    ///
    /// # Errors
    /// A file that is missing or broken, a prompt that is none.
    pub async fn fetch(inference: &Inference) -> Result<(Loaded, Files), RuntimeError> {
        let folder = Folder(inference);
        let manifest = inference.manifest.clone();
        let (mut models, mut files) = (BTreeMap::new(), Files::new());
        for component in &manifest.components {
            let (model, file) = folder.model(&component.file).await?;
            models.insert(component.name.clone(), model);
            files.insert(component.name.clone(), file);
        }
        let inputs = folder.tensors(&manifest.inputs).await?;
        let expected = folder.tensors(&manifest.expected).await?;
        let decoding = Decoding::of(&manifest, &inputs).map_err(|source| wrong(&manifest.name, source))?;
        Ok((Loaded { manifest, models, inputs, expected, decoding }, files))
    }

    /// The model as static, optimised graphs.
    ///
    /// # Errors
    /// An operator nobody knows, inputs that do not fit, components that do not fit together.
    pub fn pipeline(&self) -> Result<Pipeline, RuntimeError> {
        let pipeline = pipeline::compose(&self.manifest, &self.models, &self.inputs, &self.wanted());
        pipeline.map_err(|source| wrong(&self.manifest.name, source))
    }

    /// The same before fusion.
    ///
    /// # Errors
    /// Those of [`Loaded::pipeline`].
    pub fn unfused_pipeline(&self) -> Result<Pipeline, RuntimeError> {
        let pipeline = pipeline::compose_unfused(&self.manifest, &self.models, &self.inputs, &self.wanted());
        pipeline.map_err(|source| wrong(&self.manifest.name, source))
    }

    fn wanted(&self) -> BTreeSet<String> {
        self.expected.keys().cloned().collect()
    }
}

/// What the graph says against a model, with the model's name.
pub fn wrong(model: &str, source: graph::Error) -> RuntimeError {
    RuntimeError::Graph { model: model.to_owned(), source: Box::new(source) }
}

/// The folder that an inference is about.
struct Folder<'a>(&'a Inference);

impl Folder<'_> {
    fn url(&self, file: &str) -> String {
        format!("{}{file}", self.0.location)
    }

    async fn tensors(&self, file: &str) -> Result<BTreeMap<String, Tensor>, RuntimeError> {
        let bytes = browser::fetch(&self.url(file)).await?;
        graph::tensor_file::read(&bytes.to_vec()).map_err(|source| self.broken(file, source))
    }

    async fn model(&self, file: &str) -> Result<(Model, OnnxFile), RuntimeError> {
        let bytes = browser::fetch(&self.url(file)).await?;
        let model = Model::parse(&bytes.to_vec()).map_err(|source| self.broken(file, source))?;
        let external = self.external(&model).await?;
        let weights: BTreeMap<String, Arc<[u8]>> =
            external.iter().map(|(name, bytes)| (name.clone(), bytes.to_vec().into())).collect();
        let model = model.with_external(&weights).map_err(|source| self.broken(file, source))?;
        Ok((model, OnnxFile { bytes, external }))
    }

    /// The files of weights beside a component; what is missing is left out, and the model says what it was for.
    async fn external(&self, model: &Model) -> Result<BTreeMap<String, Uint8Array>, RuntimeError> {
        let mut files = BTreeMap::new();
        for file in model.external_files() {
            if let Some(bytes) = browser::fetch_if_there(&self.url(&file)).await? {
                files.insert(file, bytes);
            }
        }
        Ok(files)
    }

    fn broken(&self, file: &str, source: graph::Error) -> RuntimeError {
        let (model, file) = (self.0.manifest.name.clone(), file.to_owned());
        RuntimeError::File { model, file, source: Box::new(source) }
    }
}
