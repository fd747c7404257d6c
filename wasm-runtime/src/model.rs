//! Fetches a model folder: the ONNX files, what to feed and what to expect. Large weights stay where they are.

use std::collections::{BTreeMap, BTreeSet};

use graph::constant::NoFiles;
use graph::onnx::{ComputedFile, Model};
use graph::pipeline::{self, Decoding, Pipeline};
use graph::{Rewriting, Tensor};
use js_sys::Uint8Array;
use protocol::{FailureKind, Features, Inference, Manifest};

use crate::browser;
use crate::error::RuntimeError;
use crate::files::Folder;

/// Computed files are filled so many elements at a time.
const PART_ELEMENTS: usize = 1 << 22;

/// A model in host memory, but for its large weights.
pub struct Loaded {
    /// Its folder's manifest.
    pub manifest: Manifest,
    /// Where its files are.
    pub folder: Folder,
    /// Its components, by name.
    pub models: BTreeMap<String, Model>,
    /// The inputs to feed it, by name.
    pub inputs: BTreeMap<String, Tensor>,
    /// The outputs that PyTorch gave.
    pub expected: BTreeMap<String, Tensor>,
    /// How it makes tokens, if it does.
    pub decoding: Option<Decoding>,
    /// The optimisations that are on.
    pub features: Features,
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
    pub async fn fetch(inference: &Inference) -> Result<Loaded, RuntimeError> {
        let (manifest, folder) = (inference.manifest.clone(), Folder::at(&inference.location));
        let broken = |file: &str, source| {
            let (model, file) = (manifest.name.clone(), file.to_owned());
            RuntimeError::File { model, file, source: Box::new(source) }
        };
        let mut models = BTreeMap::new();
        for component in &manifest.components {
            let model = folder.model(&component.file, |source| broken(&component.file, source)).await?;
            models.insert(component.name.clone(), model);
        }
        folder.share(&mut models).await?;
        let tensors = async |file: &str| {
            let bytes = browser::fetch(&folder.url(file)).await?;
            graph::tensor_file::read(&bytes.to_vec()).map_err(|source| broken(file, source))
        };
        let (inputs, expected) = (tensors(&manifest.inputs).await?, tensors(&manifest.expected).await?);
        let decoding = Decoding::of(&manifest, &inputs).map_err(|source| wrong(&manifest.name, source))?;
        let features = inference.features.clone();
        Ok(Loaded { manifest, folder, models, inputs, expected, decoding, features })
    }

    /// The components' files as a whole, for an engine that reads them itself.
    ///
    /// # Errors
    /// A file that is missing, weights that cannot be computed.
    pub async fn files(&self) -> Result<Files, RuntimeError> {
        let mut files = Files::new();
        for component in &self.manifest.components {
            let bytes = browser::fetch(&self.folder.url(&component.file)).await?;
            let mut external = BTreeMap::new();
            if let Some(model) = self.models.get(&component.name) {
                for file in model.external_files() {
                    let bytes = browser::fetch(&self.folder.url(&file)).await?;
                    external.insert(file, bytes);
                }
                let computed = model.computed_files().map_err(|source| wrong(&self.manifest.name, source))?;
                for (name, file) in computed {
                    let bytes = self.contents(&name, file)?;
                    external.insert(name, bytes);
                }
            }
            files.insert(component.name.clone(), OnnxFile { bytes, external });
        }
        Ok(files)
    }

    /// A computed file, filled piece by piece, so that our own memory never holds it.
    fn contents(&self, name: &str, file: ComputedFile) -> Result<Uint8Array, RuntimeError> {
        let length = u32::try_from(file.size_bytes).map_err(|_| RuntimeError::LimitExceeded {
            what: format!("file \"{name}\""),
            wanted: file.size_bytes,
            limit_name: "the length of an array",
            limit: u64::from(u32::MAX),
        })?;
        let bytes = Uint8Array::new_with_length(length);
        for (offset_bytes, constant) in file.weights {
            let mut at = offset_bytes as u32;
            for part in constant.parts(PART_ELEMENTS) {
                let part =
                    part.evaluate(&mut NoFiles).map_err(|source| wrong(&self.manifest.name, source))?;
                let part = part.to_le_bytes();
                bytes.set(&Uint8Array::from(&part[..]), at);
                at += part.len() as u32;
            }
        }
        Ok(bytes)
    }

    /// The model as static graphs, optimised as far as asked for.
    ///
    /// # Errors
    /// An operator nobody knows, inputs that do not fit, components that do not fit together.
    pub fn pipeline(&self) -> Result<Pipeline, RuntimeError> {
        self.rewritten(Rewriting::of(&self.features))
    }

    /// The model as static graphs, rewritten so far.
    ///
    /// # Errors
    /// Those of [`Loaded::pipeline`].
    pub fn rewritten(&self, rewriting: Rewriting) -> Result<Pipeline, RuntimeError> {
        let wanted: BTreeSet<String> = self.expected.keys().cloned().collect();
        let pipeline = pipeline::compose(&self.manifest, &self.models, &self.inputs, &wanted, rewriting);
        pipeline.map_err(|source| wrong(&self.manifest.name, source))
    }

    /// Returns what is wrong with the model itself, which reads the same on every engine, or else what an engine that
    /// takes ONNX files says of it. That our reader does not know something is nothing against an engine that does.
    pub fn fault_or(&self, theirs: RuntimeError) -> RuntimeError {
        let lacks = |error: &RuntimeError| error.kind() == FailureKind::Unsupported;
        match self.pipeline() {
            Err(ours) if !lacks(&ours) || lacks(&theirs) => ours,
            Err(_) | Ok(_) => theirs,
        }
    }
}

/// Turns an error of the graph into one that names the model.
pub fn wrong(model: &str, source: graph::Error) -> RuntimeError {
    RuntimeError::Graph { model: model.to_owned(), source: Box::new(source) }
}
