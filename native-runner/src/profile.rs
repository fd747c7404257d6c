//! Runs a model with every dispatch timed apart.

use graph::pipeline::Run;
use protocol::profile::Times;
use protocol::{Device, Engine, Inference, ProfileReport};

use crate::engines::{self, Prepare};
use crate::error::RunnerError;
use crate::model::{Loaded, refused};

/// Does what [`protocol::Task::Profile`] asks for: one inference that is not counted, then as many as asked for.
///
/// # Errors
/// Everything that keeps the model from running, an engine or a device that cannot time dispatches.
pub fn run(
    engine: Engine,
    device: Option<Device>,
    inference: &Inference,
) -> Result<ProfileReport, RunnerError> {
    let (entry, found) = engines::find(engine, device)?;
    let loaded = Loaded::read(inference)?;
    let mut prepared = match entry.prepare {
        Prepare::Graphs(prepare) => prepare(&loaded, &loaded.pipeline()?, found)?,
        Prepare::Files { prepare, .. } => prepare(&loaded, found)?,
    };
    let mut times = Times::new(prepared.model.time_apart()?);
    let inferences = inference.sampling.samples;
    for inference in 0..=inferences {
        let mut run = Run::new(loaded.decoding, &loaded.inputs);
        while let Some(program) = run.program() {
            let inferred = prepared.model.run(program, run.feeds())?;
            if inference > 0 {
                times.add(program, &inferred.dispatches_ms);
            }
            run.take(inferred.outputs).map_err(|source| refused(&loaded.manifest.name, source))?;
        }
    }
    Ok(ProfileReport { engine, device, adapter: prepared.adapter, inferences, dispatches: times.finish() })
}
