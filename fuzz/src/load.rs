//! The loader's work on a file: parse, find weights, specialise, optimise, plan. The way of every job.

use std::collections::BTreeMap;
use std::sync::Arc;

use graph::onnx::{Dimension, Input, Model, Outline};
use graph::{Feed, TensorType};
use shaders::{DeviceProperties, Implementation, Limits};

/// Weights of as many bytes are left in their file.
const LARGE_BYTES: u64 = 256;

/// How far a file came before it was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// It is no ONNX model, or its weights are not there.
    Refused,
    /// It was read, and does not fit together.
    Parsed,
    /// It is a static graph that no GPU can hold or compute.
    Specialised,
    /// It could be run.
    Planned,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 4] = [Stage::Refused, Stage::Parsed, Stage::Specialised, Stage::Planned];

    /// Returns its name between processes.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Refused => "refused",
            Stage::Parsed => "parsed",
            Stage::Specialised => "specialised",
            Stage::Planned => "planned",
        }
    }
}

/// Takes a file as far as it goes.
pub fn load(bytes: &[u8], weights: &BTreeMap<String, Arc<[u8]>>) -> Stage {
    let Ok(model) = open(bytes, weights) else { return Stage::Refused };
    let types = model.inputs.iter().map(|input| (input.name.clone(), Feed::Type(fed(input)))).collect();
    let Ok(graph) = graph::specialise(&model, &types) else { return Stage::Parsed };
    let graph = graph::optimise(graph);
    match shaders::plan(&graph, &device()) {
        Ok(_) => Stage::Planned,
        Err(_) => Stage::Specialised,
    }
}

/// Reads the model as runners do, but leaves much smaller weights in its file, so that there are some.
fn open(bytes: &[u8], weights: &BTreeMap<String, Arc<[u8]>>) -> Result<Model, graph::Error> {
    const FILE: &str = "model.onnx";
    let mut files = weights.clone();
    files.insert(FILE.to_owned(), bytes.into());
    let outline = Outline::new(FILE, bytes.len() as u64).with_large_bytes(LARGE_BYTES);
    Model::open_outline(outline, &mut files)
}

/// The type that an input is fed: extents that are left open become those of one decoding step after four others.
fn fed(input: &Input) -> TensorType {
    let extent = |dimension: &Dimension| match dimension {
        Dimension::Fixed(extent) => *extent,
        Dimension::Symbol(name) if name.contains('+') || name.contains("total") => 5,
        Dimension::Symbol(name) if name.contains("past") => 4,
        Dimension::Symbol(_) | Dimension::Any => 1,
    };
    let shape: Vec<usize> = input.dimensions.iter().flatten().map(extent).collect();
    TensorType::new(input.data_type, shape)
}

fn device() -> DeviceProperties {
    DeviceProperties {
        implementation: Implementation::Chromium,
        software: true,
        shader_f16: true,
        limits: Limits::default(),
    }
}
