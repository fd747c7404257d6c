//! Models of several components, and models that generate, give what PyTorch gave, on the reference interpreter.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use graph::onnx::Model;
use graph::pipeline::{self, Pipeline, Program, Run};
use graph::{Tensor, interpret};
use protocol::Manifest;

type Tensors = BTreeMap<String, Tensor>;

fn models() -> PathBuf {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("is in a checkout").join("fixtures");
    std::env::var_os("PARALLAX_FIXTURES").map_or(checkout, PathBuf::from).join("models")
}

fn tensors(folder: &Path, file: &str) -> Tensors {
    graph::tensor_file::read(&fs::read(folder.join(file)).expect("is there")).expect("is sound")
}

struct Loaded {
    manifest: Manifest,
    inputs: Tensors,
    expected: Tensors,
    pipeline: Pipeline,
}

fn load(folder: &Path) -> Result<Loaded, String> {
    let manifest = fs::read_to_string(folder.join("model.toml")).map_err(|error| error.to_string())?;
    let manifest: Manifest = toml::from_str(&manifest).map_err(|error| error.to_string())?;
    let (inputs, expected) = (tensors(folder, &manifest.inputs), tensors(folder, &manifest.expected));
    let mut models = BTreeMap::new();
    for component in &manifest.components {
        let bytes = fs::read(folder.join(&component.file)).map_err(|error| error.to_string())?;
        models.insert(component.name.clone(), Model::parse(&bytes).map_err(|error| error.to_string())?);
    }
    let wanted: BTreeSet<String> = expected.keys().cloned().collect();
    let pipeline =
        pipeline::compose(&manifest, &models, &inputs, &wanted).map_err(|error| error.to_string())?;
    Ok(Loaded { manifest, inputs, expected, pipeline })
}

/// Runs a program on what is given and what is in the states; leaves its states behind.
fn run(program: &Program, given: &Tensors, states: &mut Tensors) -> Result<Tensors, String> {
    program.graph.check().map_err(|error| format!("{}: {error}", program.name))?;
    let feed = |id: &graph::ValueId| {
        let value = &program.graph.values[id.0];
        let zeros = || Tensor::zeros(&value.tensor_type);
        let tensor = match program.states.get(&value.name) {
            Some(state) => states.get(state).cloned().unwrap_or_else(zeros),
            None => given.get(&value.name).cloned().unwrap_or_else(zeros),
        };
        (value.name.clone(), tensor)
    };
    let inputs: Tensors = program.graph.inputs.iter().map(feed).collect();
    let mut outputs =
        interpret(&program.graph, &inputs).map_err(|error| format!("{}: {error}", program.name))?;
    for (port, state) in &program.states {
        if let Some(tensor) = outputs.remove(port) {
            states.insert(state.clone(), tensor);
        }
    }
    Ok(outputs)
}

fn outputs(loaded: &Loaded) -> Result<Tensors, String> {
    let (mut states, pipeline) = (Tensors::new(), &loaded.pipeline);
    let mut inference = Run::new(pipeline.decoding, &loaded.inputs);
    while let Some(program) = inference.program() {
        let outputs = run(&pipeline.programs[program], inference.feeds(), &mut states)?;
        inference.take(outputs).map_err(|error| error.to_string())?;
    }
    Ok(inference.finish())
}

fn fault(folder: &Path) -> Option<String> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let loaded = match load(folder) {
        Ok(loaded) => loaded,
        Err(error) => return Some(format!("{name}: {error}")),
    };
    let outputs = match outputs(&loaded) {
        Ok(outputs) => outputs,
        Err(error) => return Some(format!("{name}: {error}")),
    };
    let tolerance = loaded.manifest.tolerances[&loaded.manifest.precision];
    let wrong = loaded.expected.iter().find_map(|(output, expected)| {
        let Some(given) = outputs.get(output) else { return Some(format!("no output {output}")) };
        let (given, wanted) = (given.to_f32_vec(), expected.to_f32_vec());
        let worst = given.iter().zip(&wanted).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        (given.len() != wanted.len() || worst.is_nan() || worst > tolerance)
            .then(|| format!("{output} is {worst} away; {given:?} instead of {wanted:?}"))
    });
    println!(
        "{name}: {} nodes",
        loaded
            .pipeline
            .programs
            .iter()
            .map(|program| program.graph.nodes.len().to_string())
            .collect::<Vec<_>>()
            .join(" + ")
    );
    wrong.map(|wrong| format!("{name}: {}", wrong.chars().take(300).collect::<String>()))
}

#[test]
fn every_fixture_gives_what_pytorch_gave() {
    let folders = fs::read_dir(models()).expect("there are models").flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = folders.collect();
    folders.sort();
    let faults: Vec<String> = folders.iter().filter_map(|folder| fault(folder)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
