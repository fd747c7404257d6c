//! Values kept of a run, in files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use graph::{Constant, Tensor, pipeline};
use protocol::{Adapter, TracedNode};

use crate::error::RunnerError;
use crate::model::Loaded;

/// The values kept of a run, and the number of files it is in.
pub struct Kept {
    /// The adapter that it ran on.
    pub adapter: Adapter,
    /// The program that was run: `model` or `prefill`.
    pub program: String,
    /// How many files hold the values.
    pub files: usize,
    /// Every node whose value was kept, in order.
    pub nodes: Vec<TracedNode>,
    /// The constants among their operands.
    pub constants: BTreeMap<String, Constant>,
    /// Its outputs.
    pub outputs: BTreeMap<String, Tensor>,
    /// The outputs of a run in which nothing was kept.
    pub plain: BTreeMap<String, Tensor>,
}

/// The nodes and constants of the components that were run, in that order.
pub fn nodes(loaded: &Loaded, order: &[String]) -> (Vec<TracedNode>, BTreeMap<String, Constant>) {
    let given: BTreeSet<String> = loaded.inputs.keys().cloned().collect();
    pipeline::traced_nodes(&loaded.manifest, &loaded.models, &given, order)
}

/// The folder that values are left in.
pub struct Deposit<'a> {
    folder: &'a Path,
}

impl<'a> Deposit<'a> {
    /// A deposit in a folder that is there.
    pub fn new(folder: &'a Path) -> Deposit<'a> {
        Deposit { folder }
    }

    /// Writes tensors as the file of this number.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, number: usize, tensors: &BTreeMap<String, Tensor>) -> Result<(), RunnerError> {
        let path = self.folder.join(format!("{number}.safetensors"));
        let failed = |reason: String| RunnerError::Deposit { path: path.clone(), reason };
        let bytes = graph::tensor_file::write(tensors).map_err(|error| failed(error.to_string()))?;
        std::fs::write(&path, bytes).map_err(|error| failed(error.to_string()))
    }
}
