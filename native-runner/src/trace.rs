//! Runs a model once with every value kept, and leaves the values in files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use graph::pipeline;
use graph::{Constant, Tensor};
use protocol::{Adapter, Sampling, Trace, TraceReport, TracedNode};

use crate::engines::{Chosen, Prepare};
use crate::error::RunnerError;
use crate::measure::begin;
use crate::model::{Loaded, refused};

/// Values that are read from a device together take at most so many bytes.
const GROUP_BYTES: usize = 64 << 20;

/// What was kept of a run, and the number of files it is in.
pub struct Kept {
    /// What it ran on.
    pub adapter: Adapter,
    /// What was run: `model` or `prefill`.
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

/// Does what a [`Trace`] asks for.
///
/// # Errors
/// Everything that keeps the model from running, and a folder that cannot be written to.
pub fn run(chosen: Chosen, trace: &Trace) -> Result<TraceReport, RunnerError> {
    let Chosen { entry, device } = chosen;
    let loaded = Loaded::read(&trace.inference())?;
    let mut course = begin(Sampling::default());
    let deposit = Deposit { folder: Path::new(&trace.deposit) };
    let kept = match entry.prepare {
        Prepare::Graphs(prepare) => {
            let pipeline = if trace.unfused { loaded.unfused_pipeline()? } else { loaded.pipeline()? };
            let traced = pipeline::trace(&loaded.manifest, &pipeline, GROUP_BYTES);
            let mut prepared = prepare(&loaded, &traced.pipeline, device, &mut course)?;
            deposit.write(0, &loaded.inputs)?;
            let mut plain = prepare(&loaded, &pipeline, device, &mut course)?;
            let plain = plain.model.run(0, &loaded.inputs)?.outputs;
            let mut outputs = BTreeMap::new();
            for program in 0..traced.pipeline.programs.len() {
                let values = prepared.model.run(program, &loaded.inputs)?.outputs;
                deposit.write(program + 1, &values)?;
                outputs.extend(values.into_iter().filter(|(name, _)| plain.contains_key(name)));
            }
            let files = traced.pipeline.programs.len() + 1;
            let (program, nodes, constants) = (traced.program, traced.nodes, traced.constants);
            Kept { adapter: prepared.adapter, program, files, nodes, constants, outputs, plain }
        }
        Prepare::Files { trace, .. } => {
            trace(&loaded, device, &deposit).map_err(|error| loaded.fault_or(error))?
        }
    };
    let Kept { adapter, program, files, nodes, constants, outputs, plain } = kept;
    let mut told = BTreeMap::new();
    for (name, constant) in constants {
        let tensor = constant.evaluate(&mut loaded.files());
        let tensor = tensor.map_err(|source| refused(&loaded.manifest.name, source))?;
        told.insert(name, pipeline::statistics(&tensor));
    }
    let constants = told;
    let against_plain = pipeline::checks(loaded.manifest.scale(), &plain, &[outputs]);
    let (engine, device) = (entry.engine, Some(device));
    Ok(TraceReport { engine, device, adapter, program, files, nodes, constants, against_plain })
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

impl Deposit<'_> {
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
