//! ONNX Runtime on the CPU, the reference engine: runs the original ONNX file, untouched by our graph.

mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use graph::Tensor;
use graph::constant::NoFiles;
use graph::onnx::{ComputedFile, Model, with_all_outputs};
use graph::pipeline::{self, Calls, TOKEN};
use ort::ErrorCode;
use ort::environment::Environment;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::DynValue;
use protocol::{Activity, Device, Sampling};

use super::{Found, Inferred, Prepared, Ready};
use crate::course::{Course, begin};
use crate::error::RunnerError;
use crate::kept::{self, Deposit, Kept};
use crate::model::Loaded;
use crate::processor;
use values::{to_tensor, to_value};

type Tensors = BTreeMap<String, Tensor>;

/// Its name in messages.
const NAME: &str = "ONNX Runtime";
/// Names another library than the one that set-up fetched.
const OVERRIDE: &str = "PARALLAX_ONNXRUNTIME";

/// The library's version and the processor, or why there is none.
///
/// # Errors
/// `Unavailable` when the library is missing or does not load.
pub fn detect(_device: Device) -> Result<Found, RunnerError> {
    environment()?;
    Ok(Found {
        version: Some(protocol::cache::ONNXRUNTIME.to_owned()),
        adapter: processor::adapter(),
        adapters: Vec::new(),
    })
}

/// The process's one environment: the library allows no second.
fn environment() -> Result<&'static Environment, RunnerError> {
    static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();
    ENVIRONMENT.get_or_init(open).as_ref().map_err(|reason| RunnerError::Unavailable {
        reason: reason.clone(),
        remedy: format!("run `cargo xtask setup`, or name the library in {OVERRIDE}"),
    })
}

fn open() -> Result<Environment, String> {
    let library = std::env::var_os(OVERRIDE).map_or_else(protocol::cache::onnxruntime_library, PathBuf::from);
    if !library.is_file() {
        return Err(format!("ONNX Runtime's library {} is missing", library.display()));
    }
    let broken = |error: &dyn std::fmt::Display| format!("{} does not load: {error}", library.display());
    let builder = ort::environment::init_from(&library).map_err(|error| broken(&error))?;
    builder.with_name("parallax").build().map_err(|error| broken(&error))
}

/// Opens a model's ONNX files, each in a session of its own.
///
/// # Errors
/// No library, a file that ONNX Runtime refuses, inputs that fit no component.
pub fn prepare(loaded: &Loaded, _device: Device, course: &mut Course) -> Result<Prepared, RunnerError> {
    open_model(loaded, None, course)
}

/// Opens a model's ONNX files with every optimisation off.
///
/// # Errors
/// Those of [`prepare`].
pub fn prepare_plain(loaded: &Loaded, _device: Device, course: &mut Course) -> Result<Prepared, RunnerError> {
    open_model(loaded, Some(GraphOptimizationLevel::Disable), course)
}

fn open_model(
    loaded: &Loaded,
    level: Option<GraphOptimizationLevel>,
    course: &mut Course,
) -> Result<Prepared, RunnerError> {
    course.turn_to(Activity::Open);
    let environment = environment()?;
    let calls = Calls::new(&loaded.manifest, &loaded.models, &loaded.inputs);
    let calls = calls.map_err(|source| wrong(&loaded.manifest.name, source))?;
    let mut sessions = BTreeMap::new();
    for component in &loaded.manifest.components {
        course.turn_to(Activity::Load);
        let weights = computed_files(loaded, &component.name)?;
        course.turn_to(Activity::Compile);
        let session = open_session(environment, &loaded.folder.join(&component.file), weights, level);
        let session = session.map_err(|error| unopened(&error))?;
        sessions.insert(component.name.clone(), session);
    }
    let features = BTreeMap::from([("onnxruntime".to_owned(), protocol::cache::ONNXRUNTIME.to_owned())]);
    let model = Opened { name: loaded.manifest.name.clone(), calls, sessions };
    Ok(Prepared { model: Box::new(model), adapter: processor::adapter(), features })
}

/// Runs a model's components once, with every result of every node among their outputs; the fusions that this rules
/// out are not made. Of a model that generates, the prefill.
///
/// # Errors
/// Those of [`prepare`] and of running it; values that cannot be left where they should.
pub fn trace(loaded: &Loaded, device: Device, deposit: &Deposit<'_>) -> Result<Kept, RunnerError> {
    let environment = environment()?;
    let name = &loaded.manifest.name;
    let calls = Calls::new(&loaded.manifest, &loaded.models, &loaded.inputs);
    let mut calls = calls.map_err(|source| wrong(name, source))?;
    let order = calls.start(0, None).map_err(|source| wrong(name, source))?;
    deposit.write(0, &loaded.inputs)?;
    for (number, component) in order.iter().enumerate() {
        let mut session = open_traced(environment, loaded, component)?;
        let feeds = calls.feeds(component).map_err(|source| wrong(name, source))?;
        let values = readable(&mut session, &feeds)?;
        let named = values
            .iter()
            .map(|(value, tensor)| (pipeline::qualified(&loaded.manifest, component, value), tensor.clone()));
        deposit.write(number + 1, &named.collect())?;
        let outputs = loaded.models.get(component).map(|model| model.outputs.as_slice()).unwrap_or_default();
        let kept = values.into_iter().filter(|(value, _)| outputs.contains(value)).collect();
        calls.keep(component, kept).map_err(|source| wrong(name, source))?;
    }
    let (nodes, constants) = kept::nodes(loaded, &order);
    let program = if loaded.decoding.is_some() { "prefill" } else { "model" }.to_owned();
    let outputs = calls.outputs().map_err(|source| wrong(name, source))?;
    let plain =
        prepare(loaded, device, &mut begin(Sampling::default()))?.model.run(0, &loaded.inputs)?.outputs;
    let (adapter, files) = (processor::adapter(), order.len() + 1);
    Ok(Kept { adapter, program, files, nodes, constants, outputs, plain })
}

fn open_traced(
    environment: &'static Environment,
    loaded: &Loaded,
    component: &str,
) -> Result<Session, RunnerError> {
    let found = loaded.manifest.components.iter().find(|known| known.name == component);
    let file = found.map(|component| component.file.as_str()).unwrap_or_default();
    let bytes =
        with_all_outputs(&loaded.file(file)?).map_err(|source| wrong(&loaded.manifest.name, source))?;
    // Where a model that is read from memory looks for the files of its weights.
    let weights = loaded.folder.join(file).parent().map(|folder| folder.to_string_lossy().into_owned());
    let builder = Session::builder(environment).map_err(|error| refused("opening the model", error))?;
    let builder = builder.with_config_entry(
        "session.model_external_initializers_file_folder_path",
        weights.unwrap_or_default(),
    );
    let builder = builder.map_err(|error| refused("opening the model", error))?;
    let builder = with_files(builder, computed_files(loaded, component)?);
    let mut builder = builder.map_err(|error| refused("opening the model", error))?;
    builder.commit_from_memory(&bytes).map_err(|error| refused("opening the model", error))
}

/// The contents of files that hold a component's weights and are not on disk.
fn computed_files(loaded: &Loaded, component: &str) -> Result<BTreeMap<String, Arc<[u8]>>, RunnerError> {
    let files = loaded.models.get(component).map(Model::computed_files).transpose();
    let files = files.and_then(|files| files.unwrap_or_default().into_iter().map(contents).collect());
    files.map_err(|source| wrong(&loaded.manifest.name, source))
}

fn contents((name, file): (String, ComputedFile)) -> Result<(String, Arc<[u8]>), graph::Error> {
    let mut bytes = vec![0; file.size_bytes as usize];
    for (offset_bytes, constant) in file.weights {
        let weight = constant.evaluate(&mut NoFiles)?.to_le_bytes();
        bytes[offset_bytes as usize..][..weight.len()].copy_from_slice(&weight);
    }
    Ok((name, bytes.into()))
}

fn with_files(
    mut builder: SessionBuilder,
    weights: BTreeMap<String, Arc<[u8]>>,
) -> ort::Result<SessionBuilder> {
    for (name, contents) in weights {
        builder = builder.with_external_initializer_file_in_memory(name, contents)?;
    }
    Ok(builder)
}

/// The outputs, but for those of a type that no tensor here has.
fn readable(session: &mut Session, inputs: &[(String, Tensor)]) -> Result<Tensors, RunnerError> {
    let read = |name: &str, value: &DynValue| Ok(to_tensor(name, value).ok());
    infer_with(session, inputs, read)
}

/// Opens an ONNX file, with the contents of files that are not on disk.
fn open_session(
    environment: &Environment,
    file: &Path,
    weights: BTreeMap<String, Arc<[u8]>>,
    level: Option<GraphOptimizationLevel>,
) -> ort::Result<Session> {
    let mut builder = with_files(Session::builder(environment)?, weights)?;
    if let Some(level) = level {
        builder = builder.with_optimization_level(level)?;
    }
    builder.commit_from_file(file)
}

/// A session for each component, and which of them is next.
struct Opened {
    name: String,
    calls: Calls,
    sessions: BTreeMap<String, Session>,
}

impl Ready for Opened {
    fn run(&mut self, program: usize, inputs: &Tensors) -> Result<Inferred, RunnerError> {
        let wrong = |source| wrong(&self.name, source);
        for component in self.calls.start(program, inputs.get(TOKEN)).map_err(wrong)? {
            let feeds = self.calls.feeds(&component).map_err(wrong)?;
            if let Some(session) = self.sessions.get_mut(&component) {
                self.calls.keep(&component, infer(session, &feeds)?).map_err(wrong)?;
            }
        }
        Ok(Inferred {
            outputs: self.calls.outputs().map_err(wrong)?,
            gpu_ms: None,
            dispatches_ms: Vec::new(),
        })
    }
}

fn infer(session: &mut Session, inputs: &[(String, Tensor)]) -> Result<Tensors, RunnerError> {
    infer_with(session, inputs, |name, value| to_tensor(name, value).map(Some))
}

/// Runs a session once. The inputs live until its outputs are copied, for an output that is an input lies in the
/// input's memory.
fn infer_with(
    session: &mut Session,
    inputs: &[(String, Tensor)],
    read: impl Fn(&str, &DynValue) -> Result<Option<Tensor>, RunnerError>,
) -> Result<Tensors, RunnerError> {
    let declared = |name: &str| {
        let found = session.inputs().iter().find(|input| input.name() == name);
        found.and_then(|input| input.dtype().tensor_type())
    };
    let values = inputs.iter().map(|(name, tensor)| to_value(tensor, declared(name)));
    let values = values.collect::<Result<Vec<_>, RunnerError>>()?;
    let names = inputs.iter().map(|(name, _)| name.as_str());
    let feeds: Vec<(&str, SessionInputValue<'_>)> =
        names.zip(values.iter().map(SessionInputValue::from)).collect();
    let computed = session.run(feeds).map_err(|error| refused("running the model", error))?;
    let mut tensors = Tensors::new();
    for (name, value) in computed.iter() {
        tensors.extend(read(name, &value)?.map(|tensor| (name.to_owned(), tensor)));
    }
    Ok(tensors)
}

fn wrong(model: &str, source: graph::Error) -> RunnerError {
    RunnerError::Graph { model: model.to_owned(), source: Box::new(source) }
}

/// Tells what ONNX Runtime lacks from what is wrong: it has a code for operators without a kernel, and only words
/// for operators and operator sets that it has never heard of.
fn unopened(error: &ort::Error) -> RunnerError {
    const UNHEARD_OF: [&str; 3] =
        ["is not a registered function/op", "No Op registered for", "ValidateOpsetForDomain"];
    let message = error.to_string();
    let lacks =
        error.code() == ErrorCode::NotImplemented || UNHEARD_OF.iter().any(|words| message.contains(words));
    match lacks {
        true => RunnerError::EngineLacks { engine: NAME, message },
        false => refused("opening the model", message),
    }
}

fn refused(doing: &'static str, error: impl std::fmt::Display) -> RunnerError {
    RunnerError::Engine { engine: NAME, doing, message: error.to_string() }
}

#[cfg(test)]
mod tests;
