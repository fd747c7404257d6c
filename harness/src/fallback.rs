//! Where a model goes when its target cannot run it: the next engine of the same browser. Pure.
//!
//! The results of a fallback are kept beside what was asked for, and never count as it.

use protocol::{Device, Engine, Target, Verdict};

/// The engines to try in place of one, in order.
pub fn order(engine: Engine) -> &'static [(Engine, Option<Device>)] {
    match engine {
        Engine::Webgpu => &[(Engine::Webnn, Some(Device::Gpu)), (Engine::Wasm, None)],
        Engine::Webnn => &[(Engine::Webgpu, None), (Engine::Wasm, None)],
        Engine::Wasm
        | Engine::OrtWebgpu
        | Engine::OrtWebnn
        | Engine::OrtWasm
        | Engine::Wgpu
        | Engine::Libtorch
        | Engine::Burn
        | Engine::Openvino
        | Engine::Onnxruntime => &[],
    }
}

/// The targets to try in place of one that ended so, in order.
pub fn targets(asked: &Target, verdict: Verdict) -> Vec<Target> {
    if !matches!(verdict, Verdict::Unsupported | Verdict::Unavailable) {
        return Vec::new();
    }
    let at = |&(engine, device): &(Engine, Option<Device>)| Target {
        engine,
        device,
        browser: asked.browser.clone(),
    };
    order(asked.engine).iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_target_lacks_goes_elsewhere() {
        let tried = |target: &str, verdict| -> Vec<String> {
            targets(&target.parse().unwrap(), verdict).iter().map(ToString::to_string).collect()
        };
        assert_eq!(tried("webgpu@firefox", Verdict::Unsupported), ["webnn:gpu@firefox", "wasm@firefox"]);
        assert_eq!(tried("webnn:npu@edge", Verdict::Unavailable), ["webgpu@edge", "wasm@edge"]);
        for verdict in [Verdict::Pass, Verdict::Mismatch, Verdict::Error, Verdict::Timeout, Verdict::Crash] {
            assert!(tried("webgpu@chrome", verdict).is_empty(), "{}", verdict.name());
        }
        for target in ["wasm@chrome", "ort-webgpu@chrome", "wgpu:vulkan"] {
            assert!(tried(target, Verdict::Unsupported).is_empty(), "{target}");
        }
    }
}
