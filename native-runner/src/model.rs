//! Reads a model folder: the ONNX file, its external data, what to feed it and what to expect.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use graph::onnx::Model;
use graph::{Graph, Tensor, TensorType};
use protocol::Inference;

use crate::error::RunnerError;

/// A model in host memory, fixed at the types of its inputs.
pub struct Loaded {
    /// Its name.
    pub name: String,
    /// Where its ONNX file is.
    pub path: PathBuf,
    /// The static graph, optimised.
    pub graph: Graph,
    /// What to feed it, in the order of the graph's inputs.
    pub inputs: Vec<(String, Tensor)>,
    /// What PyTorch gave.
    pub expected: BTreeMap<String, Tensor>,
}

/// Reads what an inference asks for.
///
/// # Errors
/// A file that is missing or broken, an operator nobody knows, inputs that do not fit.
pub fn load(inference: &Inference) -> Result<Loaded, RunnerError> {
    let manifest = &inference.manifest;
    let [component] = manifest.components.as_slice() else {
        return Err(RunnerError::ComponentCount {
            model: manifest.name.clone(),
            family: manifest.family.clone(),
            count: manifest.components.len(),
        });
    };
    let tensors = read_tensors(inference, &manifest.inputs)?;
    let expected = read_tensors(inference, &manifest.expected)?;
    let graph = read_graph(inference, &component.file, &tensors)?;
    let names = graph.inputs.iter().map(|id| graph.values[id.0].name.as_str());
    let inputs = names.map(|name| input(inference, &tensors, name)).collect::<Result<_, _>>()?;
    let path = folder(inference).join(&component.file);
    Ok(Loaded { name: manifest.name.clone(), path, graph, inputs, expected })
}

fn folder(inference: &Inference) -> PathBuf {
    PathBuf::from(&inference.location)
}

fn read(inference: &Inference, file: &str) -> Result<Vec<u8>, RunnerError> {
    std::fs::read(folder(inference).join(file)).map_err(|source| RunnerError::Read {
        model: inference.manifest.name.clone(),
        file: file.to_owned(),
        source,
    })
}

fn read_tensors(inference: &Inference, file: &str) -> Result<BTreeMap<String, Tensor>, RunnerError> {
    graph::tensor_file::read(&read(inference, file)?).map_err(|source| broken(inference, file, source))
}

fn read_graph(
    inference: &Inference,
    file: &str,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<Graph, RunnerError> {
    let model = Model::parse(&read(inference, file)?).map_err(|source| broken(inference, file, source))?;
    let external = read_external(inference, &model)?;
    let model = model.with_external(&external).map_err(|source| broken(inference, file, source))?;
    let types: BTreeMap<String, TensorType> =
        tensors.iter().map(|(name, tensor)| (name.clone(), tensor.tensor_type())).collect();
    let graph = graph::specialise(&model, &types).map_err(|source| RunnerError::Graph {
        model: inference.manifest.name.clone(),
        source: Box::new(source),
    })?;
    Ok(graph::optimise(graph))
}

/// The files of weights beside the model; what is missing is left out, and the model says what it was for.
fn read_external(inference: &Inference, model: &Model) -> Result<BTreeMap<String, Arc<[u8]>>, RunnerError> {
    let there = model.external_files().into_iter().filter(|file| folder(inference).join(file).is_file());
    there.map(|file| Ok((file.clone(), read(inference, &file)?.into()))).collect()
}

fn broken(inference: &Inference, file: &str, source: graph::Error) -> RunnerError {
    let (model, file) = (inference.manifest.name.clone(), file.to_owned());
    RunnerError::File { model, file, source: Box::new(source) }
}

fn input(
    inference: &Inference,
    tensors: &BTreeMap<String, Tensor>,
    name: &str,
) -> Result<(String, Tensor), RunnerError> {
    let tensor = tensors.get(name).cloned().ok_or_else(|| RunnerError::InputMissing {
        model: inference.manifest.name.clone(),
        name: name.to_owned(),
        file: inference.manifest.inputs.clone(),
        held: tensors.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    })?;
    Ok((name.to_owned(), tensor))
}
