//! A model folder's `model.toml`: what the model is and which files hold it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The contents of `model.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The model's name, as tables show it.
    pub name: String,
    /// The model family: `bert`, `vit`, ...
    pub family: String,
    /// What goes in: `text`, `image`, `audio`.
    pub modality: String,
    /// Where the model came from, in words.
    pub source: String,
    /// File of named input tensors (safetensors).
    pub inputs: String,
    /// File of named expected output tensors (safetensors).
    pub expected: String,
    /// The ONNX graphs that make up the model.
    pub components: Vec<Component>,
    /// Largest absolute error allowed, by precision (`fp32`).
    pub tolerances: BTreeMap<String, f64>,
}

/// One ONNX graph of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// What the component is called: `model`, `encoder_model`.
    pub name: String,
    /// Its file inside the model folder.
    pub file: String,
}
