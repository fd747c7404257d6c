//! Why a job failed natively: one error with a message a person can act on, and the word it gets.

use protocol::{Engine, FailureKind};

/// Everything that can go wrong in a native run.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    #[error("{task} runs only in a page")]
    OnlyInAPage { task: &'static str },
    #[error("this build of native-runner has no engine {}{}", engine.name(), device_suffix(*device))]
    EngineNotBuilt { engine: Engine, device: Option<protocol::Device> },
    #[error("model \"{model}\": {file}: {source}")]
    Read { model: String, file: String, source: std::io::Error },
    #[error("model \"{model}\": {file}: {source}")]
    File { model: String, file: String, source: Box<graph::Error> },
    #[error("model \"{model}\": {source}")]
    Graph { model: String, source: Box<graph::Error> },
    #[error("model \"{model}\": {source}")]
    Plan { model: String, source: shaders::Error },
    #[error("node \"{node}\" ({operator}): {engine} cannot run it: {reason}")]
    NodeUnsupported { engine: &'static str, node: String, operator: String, reason: String },
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
    #[error("cannot write {}: {reason}", path.display())]
    Deposit { path: std::path::PathBuf, reason: String },
    #[error("{engine} refused while {doing}: {message}")]
    Engine { engine: &'static str, doing: &'static str, message: String },
}

fn device_suffix(device: Option<protocol::Device>) -> String {
    device.map(|device| format!(":{}", device.name())).unwrap_or_default()
}

impl RunnerError {
    /// The word the failure gets in the store.
    pub fn kind(&self) -> FailureKind {
        use RunnerError::*;
        match self {
            OnlyInAPage { .. } | NodeUnsupported { .. } | EngineLacks { .. } => FailureKind::Unsupported,
            EngineNotBuilt { .. } | Unavailable { .. } => FailureKind::Unavailable,
            DeviceLost { .. } => FailureKind::DeviceLost,
            File { source, .. } | Graph { source, .. } if source.is_unsupported() => FailureKind::Unsupported,
            Plan { source, .. } if source.is_unsupported() => FailureKind::Unsupported,
            Read { .. }
            | File { .. }
            | Graph { .. }
            | Plan { .. }
            | OutOfMemory { .. }
            | Deposit { .. }
            | Engine { .. } => FailureKind::Error,
        }
    }
}
