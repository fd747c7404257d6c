//! The tuning table by its digest, for whoever links no engine: with another table the same case is planned otherwise.

use crate::target::Engine;

/// The digest of the table that our kernels are cut by: `Tuning::digest` in shaders, where a test holds this against it.
pub const DIGEST: &str = "29c2e9c85aa0c3041ddb267fe1c625ae";

/// The digest, for engines that run our kernels: WebNN does for nodes that it leaves to WebGPU.
pub fn digest(engine: Engine) -> Option<&'static str> {
    match engine {
        Engine::Webgpu | Engine::Webnn | Engine::Wgpu => Some(DIGEST),
        Engine::Wasm
        | Engine::OrtWebgpu
        | Engine::OrtWebnn
        | Engine::OrtWasm
        | Engine::Libtorch
        | Engine::Burn
        | Engine::Openvino
        | Engine::Onnxruntime => None,
    }
}
