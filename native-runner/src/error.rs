//! Why a job failed natively: one error with a message a person can act on, and the word it gets.

use protocol::suggest::did_you_mean;
use protocol::{Engine, FailureKind};

/// Everything that can go wrong in a native run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each field is")]
pub enum RunnerError {
    #[error("{task} runs only in a page")]
    OnlyInAPage { task: &'static str },
    #[error("this runner has no engine {}{}", engine.name(), device_suffix(*device))]
    EngineNotBuilt { engine: Engine, device: Option<protocol::Device> },
    #[error(
        "dispatches cannot be timed here: {reason}; profile on a target of ours with timestamp queries: wgpu, or webgpu in Chrome or Edge"
    )]
    NotProfiled { reason: &'static str },
    #[error("{} has no kernels of ours to probe an adapter with; probe wgpu, or webgpu in a browser", engine.name())]
    NotProbed { engine: Engine },
    #[error("{reason}")]
    TunedElsewhere { reason: String },
    #[error("model \"{model}\": {file}: {source}")]
    Read { model: String, file: String, source: std::io::Error },
    #[error("model \"{model}\": {file}: {source}")]
    File { model: String, file: String, source: Box<graph::Error> },
    #[error("model \"{model}\": {source}")]
    Graph { model: String, source: Box<graph::Error> },
    #[error("model \"{model}\": {source}")]
    Plan { model: String, source: shaders::Error },
    #[error("{engine} cannot run {fault}")]
    Interpreter { engine: &'static str, fault: graph::interpreter::InterpreterError<String> },
    #[error("{engine} lacks what the model needs: {message}")]
    EngineLacks { engine: &'static str, message: String },
    #[error("{reason}; {remedy}")]
    Unavailable { reason: String, remedy: String },
    #[error(
        "the device was lost while {doing}: {reason}; run it again, with a newer driver if it is lost again"
    )]
    DeviceLost { doing: &'static str, reason: String },
    #[error("out of memory while {doing}: {wanted_bytes} bytes wanted; {message}")]
    OutOfMemory { doing: &'static str, wanted_bytes: u64, message: String },
    #[error("model \"{model}\": cannot read the weights in {file} beside {}: {source}", beside.display())]
    WeightsMissing { model: String, file: String, beside: std::path::PathBuf, source: std::io::Error },
    #[error(
        "model \"{model}\": no input \"{input}\" can be made up: {reason}; put model and inputs in a folder with a model.toml"
    )]
    NoInput { model: String, input: String, reason: String },
    #[error("{} is no reference: it does not run ONNX files as they are", engine.name())]
    NoReference { engine: Engine },
    #[error(
        "model \"{model}\": there is nothing to expect of it on made-up inputs, {fed}: {source}; where a shape is not right, give the extents that the model leaves open with --dimension NAME=N"
    )]
    Uncompleted { model: String, fed: String, source: Box<RunnerError> },
    #[error("model \"{model}\" has no dimension \"{name}\"{hint}; {known}")]
    NoDimension { model: String, name: String, hint: String, known: String },
    #[error(
        "model \"{model}\" makes tokens for one prompt at a time, not for {prompts}: leave its batch at 1"
    )]
    OnePrompt { model: String, prompts: usize },
    #[error(
        "model \"{model}\": there is nothing to expect of it at {extents}: {source}; other extents may do"
    )]
    NotResized { model: String, extents: String, source: Box<RunnerError> },
    #[error("cannot write {}: {reason}", path.display())]
    Deposit { path: std::path::PathBuf, reason: String },
    #[error("{engine} refused while {doing}: {message}")]
    Engine { engine: &'static str, doing: &'static str, message: String },
}

fn device_suffix(device: Option<protocol::Device>) -> String {
    device.map(|device| format!(":{}", device.name())).unwrap_or_default()
}

impl RunnerError {
    /// A dimension that a model does not leave open, which leaves these.
    pub fn no_dimension<'a>(
        model: String,
        name: String,
        open: impl Iterator<Item = &'a str> + Clone,
    ) -> RunnerError {
        let names = open.clone().collect::<Vec<_>>().join(", ");
        let known =
            if names.is_empty() { "all of them are fixed".to_owned() } else { format!("it has {names}") };
        RunnerError::NoDimension { hint: did_you_mean(&name, open), model, name, known }
    }

    /// The word the failure gets in the store.
    pub fn kind(&self) -> FailureKind {
        use RunnerError::*;
        match self {
            OnlyInAPage { .. }
            | NotProfiled { .. }
            | NotProbed { .. }
            | TunedElsewhere { .. }
            | NoReference { .. }
            | OnePrompt { .. }
            | Interpreter { .. }
            | EngineLacks { .. } => FailureKind::Unsupported,
            EngineNotBuilt { .. } | Unavailable { .. } => FailureKind::Unavailable,
            DeviceLost { .. } => FailureKind::DeviceLost,
            File { source, .. } | Graph { source, .. } if source.is_unsupported() => FailureKind::Unsupported,
            Plan { source, .. } if source.is_unsupported() => FailureKind::Unsupported,
            Uncompleted { source, .. } | NotResized { source, .. } => source.kind(),
            Read { .. }
            | WeightsMissing { .. }
            | NoInput { .. }
            | NoDimension { .. }
            | File { .. }
            | Graph { .. }
            | Plan { .. }
            | OutOfMemory { .. }
            | Deposit { .. }
            | Engine { .. } => FailureKind::Error,
        }
    }
}
