//! A bare ONNX file, to be completed to a model folder: what is asked for, and where the folder is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Make a model folder of an ONNX file alone: inputs from a seed, and what the engine gives for them as the expected
/// outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BareModel {
    /// The ONNX file; files of weights that it names lie beside it.
    pub file: PathBuf,
    /// Where the file came from, as whoever asked for it wrote it.
    pub origin: String,
    /// The name to give the model.
    pub name: String,
    /// Where such folders are kept, each below a name that follows from all that it is made of.
    pub folders: PathBuf,
    /// Extents of dimensions that the file leaves open, by their names or as `input.axis`; `batch` is whichever counts
    /// items.
    pub dimensions: BTreeMap<String, usize>,
}

/// The folder that was made, or was there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletedModel {
    /// A model folder like any other.
    pub folder: PathBuf,
}
