//! Why a job failed in the page: one error with a message a person can act on, and the word it gets.

use protocol::{Device, Engine, Failure, FailureKind};

use crate::refusal::Refusal;

/// Everything that can go wrong in the page.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each field is")]
pub enum RuntimeError {
    #[error(
        "the job is not one this page knows: {reason}; harness and page are of different versions: run `cargo xtask wasm`"
    )]
    JobUnreadable { reason: String },
    #[error("{} cannot do this here; the page runs models on webgpu, webnn, wasm and onnxruntime-web, and node tests on webgpu, webnn and wasm", engine.name())]
    EngineNotHere { engine: Engine },
    #[error(
        "dispatches cannot be timed here: {reason}; profile on a target of ours with timestamp queries: webgpu in Chrome or Edge, or wgpu"
    )]
    NotProfiled { reason: &'static str },
    #[error("{reason}")]
    TunedElsewhere { reason: String },
    #[error("{} has no kernels of ours to probe an adapter with; probe webgpu, or wgpu natively", engine.name())]
    NotProbed { engine: Engine },
    #[error("{url}: {reason}")]
    Fetch { url: String, reason: String },
    #[error(
        "this page has no navigator.gpu; use a browser with WebGPU, switched on (Chromium on Linux: --enable-unsafe-webgpu, Firefox: dom.webgpu.enabled), on a secure origin"
    )]
    NoWebgpu,
    #[error(
        "the browser has WebGPU but no adapter; install a Vulkan, Metal or D3D12 driver, or allow a software one (Chromium: --enable-unsafe-swiftshader, Firefox: gfx.webgpu.ignore-blocklist)"
    )]
    NoAdapter,
    #[error(
        "the browser refuses every WebGPU adapter: {reason}; use a newer one (on Linux: Firefox 141 or later, Chromium 113 or later), with WebGPU switched on"
    )]
    AdapterRefused { reason: String },
    #[error("the device was lost while {doing}: {}", loss(reason))]
    DeviceLost { doing: String, reason: String },
    #[error("out of memory while {doing}: {wanted_bytes} bytes wanted; {message}")]
    OutOfMemory { doing: String, wanted_bytes: u64, message: String },
    #[error(
        "{what} needs {wanted} bytes and {limit_name} of this adapter is {limit}; use a smaller model, batch or sequence"
    )]
    LimitExceeded { what: String, wanted: u64, limit_name: &'static str, limit: u64 },
    #[error("the browser refused while {doing}: {message}")]
    Browser { doing: String, message: String },
    #[error("model \"{model}\": {file}: {source}")]
    File { model: String, file: String, source: Box<graph::Error> },
    #[error("model \"{model}\": {source}")]
    Graph { model: String, source: Box<graph::Error> },
    #[error("model \"{model}\": {source}")]
    Plan { model: String, source: shaders::Error },
    #[error("{engine} cannot run {fault}")]
    Interpreter { engine: &'static str, fault: graph::interpreter::InterpreterError<String> },
    #[error("this module of the page was built without Burn, which the engine wasm is made of")]
    WithoutBurn,
    #[error("model \"{model}\": {source}")]
    Webnn { model: String, source: Box<webnn::Error> },
    #[error(
        "model \"{model}\": {count} of {nodes} nodes cannot run on WebNN here, and no other engine was to run them: {listed}"
    )]
    Strict { model: String, count: usize, nodes: usize, listed: String },
    #[error("the browser refused to build {what}: {message}")]
    NotBuilt { what: String, message: String },
    #[error(
        "model \"{model}\": the browser refuses these calls in one graph, and builds what is left without one of them: {calls}: {message}; report it to the browser's makers, or run it on webgpu or wasm"
    )]
    RefusedTogether { model: String, calls: String, message: String },
    #[error(
        "this page has no navigator.ml; use Chrome, Edge or headless shell with --enable-features=WebMachineLearningNeuralNetwork"
    )]
    NoWebnn,
    #[error(
        "the browser has no WebNN context for {}: {reason}; use a browser built with a WebNN backend for this device and system", device.name()
    )]
    NoContext { device: Device, reason: String },
    #[error("onnxruntime-web is not on this machine; run `cargo xtask setup`")]
    ReferenceRuntimeMissing,
    #[error("onnxruntime-web failed while {doing}: {refusal}")]
    ReferenceRuntime { doing: String, refusal: Refusal },
}

impl RuntimeError {
    /// The word the failure gets in the store.
    pub fn kind(&self) -> FailureKind {
        use RuntimeError::*;
        match self {
            EngineNotHere { .. }
            | NotProfiled { .. }
            | NotProbed { .. }
            | TunedElsewhere { .. }
            | LimitExceeded { .. }
            | Webnn { .. }
            | Strict { .. }
            | RefusedTogether { .. }
            | Interpreter { .. } => FailureKind::Unsupported,
            NoWebgpu
            | NoAdapter
            | AdapterRefused { .. }
            | WithoutBurn
            | NoWebnn
            | NoContext { .. }
            | ReferenceRuntimeMissing => FailureKind::Unavailable,
            DeviceLost { .. } => FailureKind::DeviceLost,
            File { source, .. } | Graph { source, .. } if source.is_unsupported() => FailureKind::Unsupported,
            Plan { source, .. } if source.is_unsupported() => FailureKind::Unsupported,
            ReferenceRuntime { refusal, .. } if refusal.is_unsupported() => FailureKind::Unsupported,
            JobUnreadable { .. }
            | Fetch { .. }
            | OutOfMemory { .. }
            | Browser { .. }
            | NotBuilt { .. }
            | File { .. }
            | Graph { .. }
            | Plan { .. }
            | ReferenceRuntime { .. } => FailureKind::Error,
        }
    }
}

/// How Chromium says that the process is gone in which it has its devices.
const GPU_PROCESS_GONE: &str = "A valid external Instance reference no longer exists";

/// Why a device was lost, as its browser says it, and what helps.
fn loss(reason: &str) -> String {
    match reason.contains(GPU_PROCESS_GONE) {
        true => format!(
            "the browser's GPU process ended ({reason}); run it again, with a smaller model if memory ran out"
        ),
        false => format!("{reason}; run it again, with a newer driver if it is lost again"),
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        Failure { kind: error.kind(), message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_word_and_names_its_place() {
        use FailureKind::*;
        let unknown = graph::Error::Unsupported("operator Frobnicate".to_owned());
        let (model, doing) = (|| "m".to_owned(), || "reading the outputs".to_owned());
        for (error, kind, part) in [
            (RuntimeError::EngineNotHere { engine: Engine::Burn }, Unsupported, "burn"),
            (
                RuntimeError::Graph { model: model(), source: Box::new(unknown) },
                Unsupported,
                "\"m\": operator Frobnicate",
            ),
            (RuntimeError::NoAdapter, Unavailable, "install a Vulkan"),
            (
                // What Firefox 140 says.
                RuntimeError::AdapterRefused {
                    reason: "WebGPU is not yet available in Release or late Beta builds.".into(),
                },
                Unavailable,
                "late Beta builds.; use a newer one (on Linux: Firefox 141",
            ),
            (RuntimeError::NoWebgpu, Unavailable, "dom.webgpu.enabled"),
            (RuntimeError::ReferenceRuntimeMissing, Unavailable, "cargo xtask setup"),
            (
                RuntimeError::ReferenceRuntime { doing: doing(), refusal: Refusal::read("Error: gone") },
                Error,
                "onnxruntime-web failed while reading the outputs: gone",
            ),
            (
                RuntimeError::ReferenceRuntime {
                    doing: doing(),
                    refusal: Refusal { status: Some(9), reason: "no kernel for Det".into() },
                },
                Unsupported,
                "no kernel for Det",
            ),
            (
                RuntimeError::DeviceLost { doing: doing(), reason: "gone".into() },
                DeviceLost,
                "while reading the outputs: gone; run it again, with a newer driver",
            ),
            (
                // What Chromium 156 says.
                RuntimeError::DeviceLost {
                    doing: doing(),
                    reason: "A valid external Instance reference no longer exists. (reason \"unknown\")"
                        .into(),
                },
                DeviceLost,
                "while reading the outputs: the browser's GPU process ended (A valid external",
            ),
            (
                RuntimeError::OutOfMemory { doing: doing(), wanted_bytes: 42, message: String::new() },
                Error,
                "out of memory while reading the outputs: 42 bytes wanted",
            ),
            (
                RuntimeError::Fetch { url: "http://h/m/x.onnx".into(), reason: "404".into() },
                Error,
                "/m/x.onnx: 404",
            ),
        ] {
            let failure = Failure::from(error);
            assert_eq!(failure.kind, kind, "{}", failure.message);
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }
}
