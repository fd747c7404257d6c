//! A model folder, to be made anew with its inputs at other extents: what is asked for. The answer is the folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;

/// Make a model folder of another one: the same graphs, inputs at other extents, and what the engine gives for them as the
/// expected outputs. Where the extents are the folder's own, it is the answer itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResizedModel {
    /// The folder as it is.
    pub folder: PathBuf,
    /// Its `model.toml`.
    pub manifest: Manifest,
    /// SHA-256 over all that is in it.
    pub digest: String,
    /// Where such folders are kept, each below a name that follows from all that it is made of.
    pub folders: PathBuf,
    /// Extents of open dimensions, by their names or as `input.axis`; `batch` is every dimension that counts items.
    pub dimensions: BTreeMap<String, usize>,
}
