//! Makes a model folder of another one: the same graphs, inputs at other extents, and as expected outputs what a reference
//! engine gives for them.

use std::collections::BTreeMap;
use std::path::Path;

use fastrand::Rng;
use graph::onnx::Model;
use graph::pipeline::{Decoding, fed};
use graph::{Tensor, tensor_file};
use protocol::{CompletedModel, Features, Inference, Manifest, ResizedModel, Sampling};
use sha2::{Digest, Sha256};

use super::open::{OpenDimensions, Shapes};
use super::{
    EXPECTED, INPUTS, MANIFEST, Tensors, doubts, finished, hexadecimal, inputs, put, reference, unwritten,
    write,
};
use crate::course::begin;
use crate::engines::{Chosen, Prepare, Prepared};
use crate::error::RunnerError;
use crate::measure::infer;
use crate::model::{Loaded, refused};

/// Changes whenever the same folder would be made otherwise than before.
const EDITION: &str = "parallax-resized-1";

/// Does what a [`ResizedModel`] asks for; a folder that is there already is left as it is.
///
/// # Errors
/// A folder that cannot be read, a name that none of its dimensions has, more than one prompt, a model that the engine does not
/// run at these extents, a folder that cannot be written.
pub fn run(chosen: &Chosen, asked: &ResizedModel) -> Result<CompletedModel, RunnerError> {
    let loaded = Loaded::read(&inference(asked))?;
    let own = || CompletedModel { folder: asked.folder.clone() };
    let Some((inputs, batch)) = resized(&loaded, asked)? else { return Ok(own()) };
    let reference = reference(chosen)?;
    let folder = asked.folders.join(format!("{}-{}", asked.manifest.name, key(asked, &reference)));
    let decoding = Decoding::of(&asked.manifest, &inputs);
    let decoding = decoding.map_err(|source| refused(&asked.manifest.name, source))?;
    let loaded = Loaded { inputs, decoding, ..loaded };
    let manifest = manifest(&asked.manifest, reference, batch);
    finished(&asked.folders, &folder, |unfinished| fill(chosen, asked, loaded, manifest, unfinished))?;
    Ok(CompletedModel { folder })
}

fn inference(asked: &ResizedModel) -> Inference {
    Inference {
        location: asked.folder.to_string_lossy().into_owned(),
        manifest: asked.manifest.clone(),
        sampling: Sampling::default(),
        strict: false,
        features: Features::default(),
        tuning: None,
    }
}

/// The folder's inputs at the extents asked for, and the items in one inference; none where these are its own.
fn resized(loaded: &Loaded, asked: &ResizedModel) -> Result<Option<(Tensors, Option<u32>)>, RunnerError> {
    let model = || asked.manifest.name.clone();
    let fed = fed(&loaded.manifest, &loaded.models);
    let open = OpenDimensions::of(&fed);
    let shapes = open.shapes(&loaded.inputs, &asked.dimensions);
    let Shapes { shapes, batch } =
        shapes.map_err(|name| RunnerError::no_dimension(model(), name, open.names()))?;
    let generation = loaded.manifest.generation.as_ref();
    let prompt = generation.and_then(|generation| shapes.get(&generation.prompt));
    if let Some([prompts, _]) = prompt.map(Vec::as_slice)
        && *prompts != 1
    {
        return Err(RunnerError::OnePrompt { model: model(), prompts: *prompts });
    }
    let image =
        generation.and_then(|generation| Some((&generation.prompt, generation.image.as_ref()?.token_id)));
    let mut random = Rng::with_seed(inputs::SEED);
    let mut tensors = Tensors::new();
    for (name, own) in &loaded.inputs {
        let shape = shapes.get(name).unwrap_or(&own.shape);
        let kept = image.filter(|(prompt, _)| *prompt == name).map(|(_, token)| token);
        tensors.insert(name.clone(), inputs::resized(name, own, shape, kept, &mut random));
    }
    let changed = tensors.iter().any(|(name, tensor)| loaded.inputs.get(name) != Some(tensor));
    Ok(changed.then(|| (tensors, batch.and_then(|batch| u32::try_from(batch).ok()))))
}

/// Half a SHA-256 over all that the folder is made of.
fn key(asked: &ResizedModel, reference: &str) -> String {
    let text = format!("{EDITION}\n{reference}\n{:?}\n{}", asked.dimensions, asked.digest);
    hexadecimal(&Sha256::digest(text)[..16])
}

fn manifest(own: &Manifest, reference: String, batch: Option<u32>) -> Manifest {
    let source = format!(
        "{}; inputs at other extents from seed {}, expected outputs by {reference}",
        own.source,
        inputs::SEED
    );
    Manifest {
        source,
        reference: Some(reference),
        batch: batch.or(own.batch),
        inputs: INPUTS.to_owned(),
        expected: EXPECTED.to_owned(),
        ..own.clone()
    }
}

/// Writes all that the folder holds: the graphs and their weights as they are, and what follows from the new inputs.
fn fill(
    chosen: &Chosen,
    asked: &ResizedModel,
    loaded: Loaded,
    mut manifest: Manifest,
    folder: &Path,
) -> Result<(), RunnerError> {
    let [expected, again, plain] = outputs(chosen, &loaded).map_err(|source| RunnerError::NotResized {
        model: asked.manifest.name.clone(),
        extents: described(&asked.dimensions),
        source: Box::new(source),
    })?;
    manifest.notes.extend(doubts::of(&manifest, &expected, &again, &plain));
    let graphs = loaded.manifest.components.iter().map(|component| component.file.clone());
    let weights = loaded.models.values().flat_map(Model::external_files);
    for file in graphs.chain(weights) {
        let from = loaded.folder.join(&file);
        // The weights of full-size fixtures are computed.
        if from.is_file() {
            put(&from, &folder.join(&file))?;
        }
    }
    for (file, tensors) in [(INPUTS, &loaded.inputs), (EXPECTED, &expected)] {
        let bytes = tensor_file::write(tensors).map_err(|error| unwritten(&folder.join(file), &error))?;
        write(&folder.join(file), &bytes)?;
    }
    let path = folder.join(MANIFEST);
    let text = toml::to_string(&manifest).map_err(|error| unwritten(&path, &error))?;
    write(&path, text.as_bytes())
}

/// The engine's outputs for the inputs, those when it runs again, and those without its optimisations: those that the folder
/// expects.
fn outputs(chosen: &Chosen, loaded: &Loaded) -> Result<[Tensors; 3], RunnerError> {
    let Chosen { entry, device, .. } = *chosen;
    let Prepare::Files { prepare, prepare_plain, .. } = entry.prepare else {
        return Err(RunnerError::NoReference { engine: entry.engine });
    };
    let mut course = begin(Sampling::default());
    let mut prepared = prepare(loaded, device, &mut course)?;
    let run = |prepared: &mut Prepared| {
        let outputs = infer(prepared.model.as_mut(), loaded, &mut begin(Sampling::default()))?;
        let expected = |(name, _): &(String, Tensor)| loaded.expected.contains_key(name);
        Ok::<Tensors, RunnerError>(outputs.into_iter().filter(expected).collect())
    };
    let (expected, again) = (run(&mut prepared)?, run(&mut prepared)?);
    // What only runs optimised has no second opinion.
    let plain = prepare_plain(loaded, device, &mut course).and_then(|mut prepared| run(&mut prepared));
    let plain = plain.unwrap_or_else(|_| expected.clone());
    Ok([expected, again, plain])
}

/// Extents as a message tells them.
fn described(dimensions: &BTreeMap<String, usize>) -> String {
    dimensions.iter().map(|(name, extent)| format!("{name} = {extent}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A fixture at these extents.
    fn asked(fixture: &str, dimensions: &[(&str, usize)]) -> ResizedModel {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/models").join(fixture);
        let text = fs::read_to_string(folder.join(MANIFEST)).unwrap();
        ResizedModel {
            manifest: toml::from_str(&text).unwrap(),
            folder,
            digest: "digest".to_owned(),
            folders: PathBuf::new(),
            dimensions: dimensions.iter().map(|(name, extent)| ((*name).to_owned(), *extent)).collect(),
        }
    }

    fn shapes(fixture: &str, dimensions: &[(&str, usize)]) -> Result<Option<Vec<Vec<usize>>>, String> {
        let asked = asked(fixture, dimensions);
        let found = resized(&Loaded::read(&inference(&asked)).unwrap(), &asked);
        let shapes = |(tensors, _): (Tensors, _)| tensors.into_values().map(|tensor| tensor.shape).collect();
        found.map(|found| found.map(shapes)).map_err(|error| error.to_string())
    }

    #[test]
    fn fixtures_take_other_extents() {
        type Row = (&'static str, &'static [(&'static str, usize)], Option<&'static [&'static [usize]]>);
        let rows: [Row; 7] = [
            ("bert-tiny", &[("batch", 2)], Some(&[&[2, 16], &[2, 16], &[2, 16]])),
            ("bert-tiny", &[("batch", 1), ("sequence", 16)], None),
            ("clip-tiny", &[("batch", 2)], Some(&[&[2, 9], &[2, 9], &[2, 3, 32, 32]])),
            ("wav2vec2-tiny", &[("samples", 2400)], Some(&[&[1, 2400]])),
            // The prompt of a model that generates, fed as token ids or as embeddings.
            ("llama-tiny", &[("sequence", 32)], Some(&[&[1, 32]])),
            ("llava-tiny", &[("sequence", 32)], Some(&[&[1, 32], &[1, 3, 32, 32]])),
            ("t5-tiny", &[("encoder_sequence", 20)], Some(&[&[1, 20], &[1, 1], &[1, 20], &[1, 20]])),
        ];
        for (fixture, dimensions, expected) in rows {
            let expected = expected.map(|shapes| shapes.iter().map(|shape| shape.to_vec()).collect());
            assert_eq!(shapes(fixture, dimensions), Ok(expected), "{fixture} {dimensions:?}");
        }
    }

    #[test]
    fn what_a_folder_does_not_leave_open_is_refused_with_what_it_does() {
        for (fixture, dimensions, message) in [
            (
                "bert-tiny",
                ("height", 2),
                "model \"bert-tiny\" has no dimension \"height\"; it has batch, sequence",
            ),
            (
                "bert-tiny",
                ("sequenc", 2),
                "model \"bert-tiny\" has no dimension \"sequenc\" (did you mean \"sequence\"?); it has batch, sequence",
            ),
            ("vit-tiny", ("pixel_values.2", 64), "it has batch"),
            ("llama-tiny", ("batch", 4), "makes tokens for one prompt at a time, not for 4"),
        ] {
            let found = shapes(fixture, &[dimensions]).unwrap_err();
            assert!(found.contains(message), "{fixture} {dimensions:?}: {found}");
        }
    }
}
