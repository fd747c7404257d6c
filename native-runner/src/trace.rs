//! Runs a model once with every value kept, and leaves the values in files.

use std::collections::BTreeMap;
use std::path::Path;

use graph::Rewriting;
use graph::pipeline;
use protocol::{Sampling, Trace, TraceReport};

use crate::course::begin;
use crate::engines::{Chosen, Prepare};
use crate::error::RunnerError;
use crate::kept::{Deposit, Kept};
use crate::model::{Loaded, refused};

/// Values that are read from a device together take at most so many bytes.
const GROUP_BYTES: usize = 64 << 20;

/// Does what a [`Trace`] asks for.
///
/// # Errors
/// Everything that keeps the model from running, and a folder that cannot be written to.
pub fn run(chosen: &Chosen, trace: &Trace) -> Result<TraceReport, RunnerError> {
    let Chosen { entry, device, .. } = *chosen;
    let loaded = Loaded::read(&trace.inference())?;
    let mut course = begin(Sampling::default());
    let deposit = Deposit::new(Path::new(&trace.deposit));
    let kept = match entry.prepare {
        Prepare::Graphs(prepare) => {
            let pipeline =
                if trace.unfused { loaded.rewritten(Rewriting::Least)? } else { loaded.pipeline()? };
            let traced = pipeline::trace(&loaded.manifest, &pipeline, GROUP_BYTES);
            let mut prepared = prepare(&loaded, &traced.pipeline, chosen, &mut course)?;
            deposit.write(0, &loaded.inputs)?;
            let mut plain = prepare(&loaded, &pipeline, chosen, &mut course)?;
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
