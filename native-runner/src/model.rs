//! Reads a model folder: the ONNX files, their external data, what to feed and what to expect.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use graph::Tensor;
use graph::onnx::Model;
use graph::pipeline::{self, Decoding, Pipeline};
use protocol::{Inference, Manifest};

use crate::error::RunnerError;

/// A model in host memory.
pub struct Loaded {
    /// What its folder says of it.
    pub manifest: Manifest,
    /// Where its files are.
    pub folder: PathBuf,
    /// Its components, by name.
    pub models: BTreeMap<String, Model>,
    /// What to feed it, by name.
    pub inputs: BTreeMap<String, Tensor>,
    /// What PyTorch gave.
    pub expected: BTreeMap<String, Tensor>,
    /// How it makes tokens, if it does.
    pub decoding: Option<Decoding>,
}

impl Loaded {
    /// Reads what an inference asks for.
    ///
    /// # Errors
    /// A file that is missing or broken, a prompt that is none.
    pub fn read(inference: &Inference) -> Result<Loaded, RunnerError> {
        let folder = Folder(inference);
        let manifest = inference.manifest.clone();
        let mut models = BTreeMap::new();
        for component in &manifest.components {
            models.insert(component.name.clone(), folder.model(&component.file)?);
        }
        let inputs = folder.tensors(&manifest.inputs)?;
        let expected = folder.tensors(&manifest.expected)?;
        let decoding = Decoding::of(&manifest, &inputs).map_err(|source| refused(&manifest.name, source))?;
        Ok(Loaded { manifest, folder: folder.path(), models, inputs, expected, decoding })
    }

    /// The model as static, optimised graphs.
    ///
    /// # Errors
    /// An operator nobody knows, inputs that do not fit, components that do not fit together.
    pub fn pipeline(&self) -> Result<Pipeline, RunnerError> {
        let pipeline = pipeline::compose(&self.manifest, &self.models, &self.inputs, &self.wanted());
        pipeline.map_err(|source| refused(&self.manifest.name, source))
    }

    /// The same before fusion.
    ///
    /// # Errors
    /// Those of [`Loaded::pipeline`].
    pub fn unfused_pipeline(&self) -> Result<Pipeline, RunnerError> {
        let pipeline = pipeline::compose_unfused(&self.manifest, &self.models, &self.inputs, &self.wanted());
        pipeline.map_err(|source| refused(&self.manifest.name, source))
    }

    fn wanted(&self) -> BTreeSet<String> {
        self.expected.keys().cloned().collect()
    }

    /// Reads a file of the model folder.
    ///
    /// # Errors
    /// A file that is missing.
    pub fn file(&self, file: &str) -> Result<Vec<u8>, RunnerError> {
        let (model, name) = (self.manifest.name.clone(), file.to_owned());
        std::fs::read(self.folder.join(file)).map_err(|source| RunnerError::Read {
            model,
            file: name,
            source,
        })
    }
}

fn refused(model: &str, source: graph::Error) -> RunnerError {
    RunnerError::Graph { model: model.to_owned(), source: Box::new(source) }
}

/// The folder that an inference is about.
struct Folder<'a>(&'a Inference);

impl Folder<'_> {
    fn path(&self) -> PathBuf {
        PathBuf::from(&self.0.location)
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, RunnerError> {
        let named = |source| {
            let (model, file) = (self.0.manifest.name.clone(), file.to_owned());
            RunnerError::Read { model, file, source }
        };
        std::fs::read(self.path().join(file)).map_err(named)
    }

    fn tensors(&self, file: &str) -> Result<BTreeMap<String, Tensor>, RunnerError> {
        graph::tensor_file::read(&self.read(file)?).map_err(|source| self.broken(file, source))
    }

    fn model(&self, file: &str) -> Result<Model, RunnerError> {
        let model = Model::parse(&self.read(file)?).map_err(|source| self.broken(file, source))?;
        let external = self.external(&model)?;
        model.with_external(&external).map_err(|source| self.broken(file, source))
    }

    /// The files of weights beside a component; what is missing is left out, and the model says what it was for.
    fn external(&self, model: &Model) -> Result<BTreeMap<String, Arc<[u8]>>, RunnerError> {
        let there = model.external_files().into_iter().filter(|file| self.path().join(file).is_file());
        there.map(|file| Ok((file.clone(), self.read(&file)?.into()))).collect()
    }

    fn broken(&self, file: &str, source: graph::Error) -> RunnerError {
        let (model, file) = (self.0.manifest.name.clone(), file.to_owned());
        RunnerError::File { model, file, source: Box::new(source) }
    }
}
