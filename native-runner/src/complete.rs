//! Completes a bare ONNX file to a model folder: inputs from a seed, and as expected outputs what a reference engine
//! gives for them.

mod inputs;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use graph::onnx::Model;
use graph::{Tensor, tensor_file};
use protocol::{BareModel, CompletedModel, Component, Device, Manifest, Precision};
use sha2::{Digest, Sha256};

use crate::engines::{Chosen, EngineEntry, Prepare};
use crate::error::RunnerError;
use crate::model::Loaded;

const MANIFEST: &str = "model.toml";
const INPUTS: &str = "inputs.safetensors";
const EXPECTED: &str = "expected.safetensors";
/// What the one component is called, and its file.
const COMPONENT: &str = "model";
const FILE: &str = "model.onnx";
/// Changes whenever the same file would be completed otherwise than before.
const EDITION: &str = "parallax-bare-1";
/// The tolerance's reason, for whoever reads the folder.
const WHY: &str = "\
# Bare ONNX files come without one: 1e-4 for f32, 2e-2 where f16 is kept, 3e-1 where activations are quantised (one
# rounding apart is a whole step), each times the largest expected magnitude where that is above 1.
";

/// Does what a [`BareModel`] asks for; a folder that is there already is left as it is.
///
/// # Errors
/// A reference that is not here, a file that is missing or no ONNX model, inputs that cannot be made up, a model that the engine
/// does not run, a folder that cannot be written.
pub fn run(chosen: Chosen, bare: &BareModel) -> Result<CompletedModel, RunnerError> {
    let Chosen { entry, device } = chosen;
    let version = (entry.detect)(device)?.version.unwrap_or_default();
    let reference = format!("{}:{} {version}", entry.engine.name(), device.name());
    let source = Source::read(bare)?;
    let folder = bare.folders.join(format!("{}-{}", bare.name, source.key(&reference)?));
    if !folder.join(MANIFEST).is_file() {
        source.complete(entry, device, reference, &folder)?;
    }
    Ok(CompletedModel { folder })
}

/// The file, read.
struct Source<'a> {
    bare: &'a BareModel,
    bytes: Vec<u8>,
    model: Model,
}

impl Source<'_> {
    fn read(bare: &BareModel) -> Result<Source<'_>, RunnerError> {
        let (model, file) = (bare.name.clone(), bare.file.display().to_string());
        let bytes = fs::read(&bare.file).map_err(|source| RunnerError::Read {
            model: model.clone(),
            file: file.clone(),
            source,
        })?;
        let parsed = Model::parse(&bytes).map_err(|source| RunnerError::File {
            model,
            file,
            source: Box::new(source),
        })?;
        Ok(Source { bare, bytes, model: parsed })
    }

    /// The files of weights: relative paths, and where they are.
    fn weights(&self) -> impl Iterator<Item = (String, PathBuf)> {
        let beside = self.bare.file.parent().unwrap_or(Path::new("")).to_owned();
        self.model.external_files().into_iter().map(move |file| (file.clone(), beside.join(file)))
    }

    /// Half a SHA-256 over all that the folder is made of.
    fn key(&self, reference: &str) -> Result<String, RunnerError> {
        let mut hasher = Sha256::new();
        hasher.update(format!("{EDITION}\n{reference}\n{:?}\n", self.bare.dimensions));
        hasher.update(&self.bytes);
        for (file, path) in self.weights() {
            hasher.update(format!("\n{file}\n"));
            let hashed = File::open(&path).and_then(|mut opened| io::copy(&mut opened, &mut hasher));
            hashed.map_err(|source| RunnerError::WeightsMissing {
                model: self.bare.name.clone(),
                file,
                beside: self.bare.file.clone(),
                source,
            })?;
        }
        Ok(hasher.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Makes the folder beside its place and moves it there when it is whole.
    fn complete(
        &self,
        entry: &EngineEntry,
        device: Device,
        reference: String,
        folder: &Path,
    ) -> Result<(), RunnerError> {
        let unfinished = self.bare.folders.join(format!("unfinished-{}", std::process::id()));
        let made = self.fill(entry, device, reference, &unfinished).and_then(|()| {
            let moved = fs::rename(&unfinished, folder);
            // Another process may have been faster, with the same result.
            moved
                .or_else(|error| if folder.join(MANIFEST).is_file() { Ok(()) } else { Err(error) })
                .map_err(|error| unwritten(folder, &error))
        });
        // Nothing is left of it where all went well.
        let _ = fs::remove_dir_all(&unfinished);
        made
    }

    fn fill(
        &self,
        entry: &EngineEntry,
        device: Device,
        reference: String,
        folder: &Path,
    ) -> Result<(), RunnerError> {
        fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
        write(&folder.join(FILE), &self.bytes)?;
        for (file, path) in self.weights() {
            copy(&path, &folder.join(file))?;
        }
        let inputs = inputs::of(&self.bare.name, &self.model, &self.bare.dimensions)?;
        let mut manifest = self.manifest(reference);
        manifest.precision = precision(&self.bytes, &self.model);
        let expected = self.expected(entry, device, folder, &manifest, &inputs)?;
        manifest.tolerances.insert(manifest.precision, tolerance(manifest.precision, &expected));
        write_tensors(&folder.join(INPUTS), &inputs)?;
        write_tensors(&folder.join(EXPECTED), &expected)?;
        write(&folder.join(MANIFEST), text(&manifest, &folder.join(MANIFEST))?.as_bytes())
    }

    fn manifest(&self, reference: String) -> Manifest {
        let source = format!(
            "{}, a bare ONNX file; inputs from seed {}, expected outputs by {reference}",
            self.bare.origin,
            inputs::SEED
        );
        Manifest {
            name: self.bare.name.clone(),
            family: "unknown".to_owned(),
            modality: "tensors".to_owned(),
            source,
            reference: Some(reference),
            precision: Precision::default(),
            inputs: INPUTS.to_owned(),
            expected: EXPECTED.to_owned(),
            components: vec![Component {
                name: COMPONENT.to_owned(),
                file: FILE.to_owned(),
                from: BTreeMap::new(),
            }],
            generation: None,
            tolerances: BTreeMap::new(),
        }
    }

    /// What the engine gives for the inputs.
    fn expected(
        &self,
        entry: &EngineEntry,
        device: Device,
        folder: &Path,
        manifest: &Manifest,
        inputs: &BTreeMap<String, Tensor>,
    ) -> Result<BTreeMap<String, Tensor>, RunnerError> {
        let Prepare::Files { prepare, .. } = entry.prepare else {
            return Err(RunnerError::NoReference { engine: entry.engine });
        };
        let loaded = Loaded {
            manifest: manifest.clone(),
            folder: folder.to_owned(),
            models: BTreeMap::from([(COMPONENT.to_owned(), self.model.clone())]),
            inputs: inputs.clone(),
            expected: BTreeMap::new(),
            decoding: None,
        };
        let ran = prepare(&loaded, device).and_then(|mut prepared| prepared.model.run(0, inputs));
        ran.map(|ran| ran.outputs).map_err(|source| RunnerError::Uncompleted {
            model: self.bare.name.clone(),
            fed: inputs::described(&self.model, inputs),
            source: Box::new(source),
        })
    }
}

/// How far an answer may be from the expected one: what the model computes in, at the scale of its outputs.
fn tolerance(precision: Precision, expected: &BTreeMap<String, Tensor>) -> f64 {
    let relative = match precision {
        Precision::Int8 => 3e-1,
        Precision::Fp16 => 2e-2,
        Precision::Fp32 | Precision::Q4 => 1e-4,
    };
    let floats = expected.values().filter(|tensor| tensor.data_type().is_float());
    let magnitudes =
        floats.flat_map(|tensor| tensor.to_f32_vec()).map(f32::abs).filter(|size| size.is_finite());
    relative * f64::from(magnitudes.fold(1.0, f32::max))
}

/// What the graph's operators and weights say of it.
fn precision(file: &[u8], model: &Model) -> Precision {
    const QUANTISING: [&str; 3] = ["QuantizeLinear", "DynamicQuantizeLinear", "MatMulInteger"];
    let operators = Model::operators_in(file);
    if QUANTISING.iter().any(|operator| operators.contains(*operator)) {
        Precision::Int8
    } else if operators.contains("com.microsoft.MatMulNBits") {
        Precision::Q4
    } else if model.has_halves() {
        Precision::Fp16
    } else {
        Precision::Fp32
    }
}

fn text(manifest: &Manifest, path: &Path) -> Result<String, RunnerError> {
    let text = toml::to_string(manifest).map_err(|error| unwritten(path, &error))?;
    Ok(text.replace("[tolerances]", &format!("{WHY}[tolerances]")))
}

fn write_tensors(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<(), RunnerError> {
    write(path, &tensor_file::write(tensors).map_err(|error| unwritten(path, &error))?)
}

fn write(path: &Path, contents: &[u8]) -> Result<(), RunnerError> {
    fs::write(path, contents).map_err(|error| unwritten(path, &error))
}

/// Copies a file into a folder that may not be there yet.
fn copy(from: &Path, to: &Path) -> Result<(), RunnerError> {
    let made = to.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::copy(from, to)).map(|_| ()).map_err(|error| unwritten(to, &error))
}

fn unwritten(path: &Path, error: &dyn std::fmt::Display) -> RunnerError {
    RunnerError::Deposit { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests;
