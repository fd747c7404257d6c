//! Completes a bare ONNX file to a model folder: inputs from a seed, and as expected outputs what a reference engine
//! gives for them.

mod doubts;
mod extents;
mod inputs;
mod open;
pub mod resized;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use graph::onnx::Model;
use graph::{Tensor, tensor_file};
use protocol::{BareModel, CompletedModel, Component, Device, Features, Manifest, Precision, Sampling};
use sha2::{Digest, Sha256};

use crate::course::begin;
use crate::engines::{Chosen, EngineEntry, Prepare, Prepared};
use crate::error::RunnerError;
use crate::model::Loaded;
use extents::{Extents, Unnamed};

const MANIFEST: &str = "model.toml";
const INPUTS: &str = "inputs.safetensors";
const EXPECTED: &str = "expected.safetensors";
/// The name of the one component, and its file.
const COMPONENT: &str = "model";
const FILE: &str = "model.onnx";
/// Changes whenever the same file would be completed otherwise than before.
const EDITION: &str = "parallax-bare-4";
/// The tolerance's reason, for whoever reads the folder.
const WHY: &str = "\
# Bare ONNX files come without one: 1e-4 for f32, 2e-2 where f16 is kept, 3e-1 where activations are quantised (one
# rounding apart is a whole step), each of the magnitudes around an element. This is the same of the largest of all.
";

type Tensors = BTreeMap<String, Tensor>;

/// Does what a [`BareModel`] asks for; a folder that is there already is left as it is.
///
/// # Errors
/// A reference that is not here, a file that is missing or no ONNX model, inputs that cannot be made up, a model that the engine
/// does not run, a folder that cannot be written.
pub fn run(chosen: &Chosen, bare: &BareModel) -> Result<CompletedModel, RunnerError> {
    let reference = reference(chosen)?;
    let source = Source::read(bare)?;
    let folder = bare.folders.join(format!("{}-{}", bare.name, source.key(&reference)?));
    let Chosen { entry, device, .. } = *chosen;
    finished(&bare.folders, &folder, |unfinished| source.fill(entry, device, reference, unfinished))?;
    Ok(CompletedModel { folder })
}

/// The engine as manifests name it: the reference that gave their expected outputs.
fn reference(Chosen { entry, device, .. }: &Chosen) -> Result<String, RunnerError> {
    let version = (entry.detect)(*device)?.version.unwrap_or_default();
    Ok(format!("{}:{} {version}", entry.engine.name(), device.name()))
}

/// Has a folder filled beside its place and moved there when it is whole, unless it is there already.
fn finished(
    folders: &Path,
    folder: &Path,
    fill: impl FnOnce(&Path) -> Result<(), RunnerError>,
) -> Result<(), RunnerError> {
    if folder.join(MANIFEST).is_file() {
        return Ok(());
    }
    let unfinished = folders.join(format!("unfinished-{}", std::process::id()));
    let made = fs::create_dir_all(&unfinished).map_err(|error| unwritten(&unfinished, &error));
    let made = made.and_then(|()| fill(&unfinished)).and_then(|()| {
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
        Ok(hexadecimal(&hasher.finalize()[..16]))
    }

    /// Writes all that the folder holds.
    fn fill(
        &self,
        entry: &EngineEntry,
        device: Device,
        reference: String,
        folder: &Path,
    ) -> Result<(), RunnerError> {
        write(&folder.join(FILE), &self.bytes)?;
        for (file, path) in self.weights() {
            put(&path, &folder.join(file))?;
        }
        let mut manifest = self.manifest(reference);
        manifest.precision = precision(&self.bytes, &self.model);
        let (inputs, [expected, again, plain]) = self.run(entry, device, folder, &mut manifest)?;
        doubts::allow(&mut manifest, &expected);
        manifest.notes.extend(doubts::of(&manifest, &expected, &again, &plain));
        write_tensors(&folder.join(INPUTS), &inputs)?;
        write_tensors(&folder.join(EXPECTED), &expected)?;
        write(&folder.join(MANIFEST), text(&manifest, &folder.join(MANIFEST))?.as_bytes())
    }

    /// Inputs that the engine takes, and what it gives for them; the manifest is told of the extents.
    fn run(
        &self,
        entry: &EngineEntry,
        device: Device,
        folder: &Path,
        manifest: &mut Manifest,
    ) -> Result<(Tensors, [Tensors; 3]), RunnerError> {
        let attempt = |unnamed: Unnamed| {
            let extents = Extents::of(&self.model, &self.bare.dimensions, unnamed);
            let model = || self.bare.name.clone();
            let extents =
                extents.map_err(|(input, reason)| RunnerError::NoInput { model: model(), input, reason })?;
            if let Some(unknown) = extents.unknown.first() {
                let known = extents.filled.iter().map(|(name, _)| name.as_str());
                return Err(RunnerError::no_dimension(model(), unknown.clone(), known));
            }
            let inputs = inputs::of(&self.model, &extents);
            let outputs = self.outputs(entry, device, folder, manifest, &inputs)?;
            Ok((extents, inputs, outputs))
        };
        let customary = attempt(Unnamed::ByCustom);
        // Where custom was wrong it is to blame, and its error the one to tell.
        let ran = customary.or_else(|error| attempt(Unnamed::One).map_err(|_: RunnerError| error));
        let (extents, inputs, outputs) = ran?;
        manifest.notes = extents.notes();
        manifest.batch = extents.batch.and_then(|batch| u32::try_from(batch).ok());
        Ok((inputs, outputs))
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
            batch: None,
            tolerance_scale: 1.0,
            notes: Vec::new(),
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

    /// The engine's outputs for the inputs, those when it runs again, and those without its optimisations.
    fn outputs(
        &self,
        entry: &EngineEntry,
        device: Device,
        folder: &Path,
        manifest: &Manifest,
        inputs: &Tensors,
    ) -> Result<[Tensors; 3], RunnerError> {
        let Prepare::Files { prepare, prepare_plain, .. } = entry.prepare else {
            return Err(RunnerError::NoReference { engine: entry.engine });
        };
        let loaded = Loaded {
            manifest: manifest.clone(),
            folder: folder.to_owned(),
            models: BTreeMap::from([(COMPONENT.to_owned(), self.model.clone())]),
            inputs: inputs.clone(),
            expected: Tensors::new(),
            decoding: None,
            features: Features::default(),
            tuning: None,
        };
        let run = |prepared: &mut Prepared| Ok(prepared.model.run(0, inputs)?.outputs);
        let mut course = begin(Sampling::default());
        let ran = prepare(&loaded, device, &mut course)
            .and_then(|mut prepared| Ok([run(&mut prepared)?, run(&mut prepared)?]));
        let [expected, again] = ran.map_err(|source| {
            let (model, fed) = (self.bare.name.clone(), inputs::described(&self.model, inputs));
            RunnerError::Uncompleted { model, fed, source: Box::new(source) }
        })?;
        // What only runs optimised has no second opinion.
        let plain = prepare_plain(&loaded, device, &mut course).and_then(|mut prepared| run(&mut prepared));
        let plain = plain.unwrap_or_else(|_| expected.clone());
        Ok([expected, again, plain])
    }
}

/// Returns the precision, as the graph's operators and weights tell it.
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

/// Puts a file into a folder that may not be there yet.
fn put(from: &Path, to: &Path) -> Result<(), RunnerError> {
    let made = to.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::copy(from, to)).map(|_| ()).map_err(|error| unwritten(to, &error))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unwritten(path: &Path, error: &dyn std::fmt::Display) -> RunnerError {
    RunnerError::Deposit { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests;
