//! Reads a model folder: the ONNX files, what to feed and what to expect. Large weights stay where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use graph::onnx::{self, Model};
use graph::pipeline::{self, Decoding, Pipeline};
use graph::{Rewriting, Tensor};
use protocol::tuning::TunedRows;
use protocol::{FailureKind, Features, Inference, Manifest};

use crate::error::RunnerError;
use crate::files::FolderFiles;

/// A model in host memory, but for its large weights.
pub struct Loaded {
    /// Its folder's manifest.
    pub manifest: Manifest,
    /// Where its files are.
    pub folder: PathBuf,
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
    /// Rows that go before those of the tuning table.
    pub tuning: Option<TunedRows>,
}

impl Loaded {
    /// Reads what an inference asks for.
    ///
    /// # Errors
    /// A file that is missing or broken, a prompt that is none.
    pub fn read(inference: &Inference) -> Result<Loaded, RunnerError> {
        let folder = Folder(inference);
        let manifest = inference.manifest.clone();
        let (mut files, mut models) = (FolderFiles::new(folder.path()), BTreeMap::new());
        for component in &manifest.components {
            models.insert(component.name.clone(), folder.model(&component.file, &mut files)?);
        }
        let shared = onnx::share(models.values_mut(), &mut files);
        shared.map_err(|source| refused(&manifest.name, source))?;
        let inputs = folder.tensors(&manifest.inputs)?;
        let expected = folder.tensors(&manifest.expected)?;
        let decoding = Decoding::of(&manifest, &inputs).map_err(|source| refused(&manifest.name, source))?;
        let (folder, features) = (folder.path(), inference.features.clone());
        let tuning = inference.tuning.clone();
        Ok(Loaded { manifest, folder, models, inputs, expected, decoding, features, tuning })
    }

    /// The model as static graphs, optimised as far as asked for.
    ///
    /// # Errors
    /// An operator nobody knows, inputs that do not fit, components that do not fit together.
    pub fn pipeline(&self) -> Result<Pipeline, RunnerError> {
        self.rewritten(Rewriting::of(&self.features))
    }

    /// The model as static graphs, rewritten so far.
    ///
    /// # Errors
    /// Those of [`Loaded::pipeline`].
    pub fn rewritten(&self, rewriting: Rewriting) -> Result<Pipeline, RunnerError> {
        let wanted: BTreeSet<String> = self.expected.keys().cloned().collect();
        let pipeline = pipeline::compose(&self.manifest, &self.models, &self.inputs, &wanted, rewriting);
        pipeline.map_err(|source| refused(&self.manifest.name, source))
    }

    /// Returns what is wrong with the model itself, which reads the same on every engine, or else what an engine that
    /// takes ONNX files says of it. That our reader does not know something is nothing against an engine that does.
    pub fn fault_or(&self, theirs: RunnerError) -> RunnerError {
        let lacks = |error: &RunnerError| error.kind() == FailureKind::Unsupported;
        match self.pipeline() {
            Err(ours) if !lacks(&ours) || lacks(&theirs) => ours,
            Err(_) | Ok(_) => theirs,
        }
    }

    /// The files that weights lie in.
    pub fn files(&self) -> FolderFiles {
        FolderFiles::new(self.folder.clone())
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

/// Turns an error of the graph into one that names the model.
pub fn refused(model: &str, source: graph::Error) -> RunnerError {
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

    fn model(&self, file: &str, files: &mut FolderFiles) -> Result<Model, RunnerError> {
        if let Err(source) = std::fs::metadata(self.path().join(file)) {
            let (model, file) = (self.0.manifest.name.clone(), file.to_owned());
            return Err(RunnerError::Read { model, file, source });
        }
        Model::open(file, files).map_err(|source| self.broken(file, source))
    }

    fn broken(&self, file: &str, source: graph::Error) -> RunnerError {
        let (model, file) = (self.0.manifest.name.clone(), file.to_owned());
        RunnerError::File { model, file, source: Box::new(source) }
    }
}
