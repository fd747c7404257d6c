//! The target grammar `engine[:device][@browser]`: parsed once, never handled as text again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::suggest::did_you_mean;

/// Something that can run a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Our WGSL kernels through a browser's WebGPU.
    Webgpu,
    /// MLGraphBuilder in a browser.
    Webnn,
    /// SIMD on the CPU inside a browser.
    Wasm,
    /// onnxruntime-web's WebGPU execution provider.
    OrtWebgpu,
    /// onnxruntime-web's WebNN execution provider.
    OrtWebnn,
    /// onnxruntime-web's wasm execution provider.
    OrtWasm,
    /// Our WGSL kernels by the same GpuPlan through native wgpu.
    Wgpu,
    /// libtorch through tch.
    Libtorch,
    /// Burn.
    Burn,
    /// OpenVINO.
    Openvino,
    /// ONNX Runtime.
    Onnxruntime,
}

/// An engine's surroundings: a browser's page, or a subprocess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// A page in a browser behind WebDriver.
    Browser,
    /// A native-runner subprocess.
    Native,
}

/// The device that an engine runs on: a kind of device, or the API or execution provider that leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is the field's own name for the device or API")]
pub enum Device {
    Cpu,
    Gpu,
    Npu,
    Vulkan,
    Metal,
    Dx12,
    Cuda,
    Rocm,
    Mps,
    Coreml,
    Qnn,
}

/// The family of a browser's engine: decides flags, tuning and how completion is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrowserKind {
    /// Chrome, Chromium, Edge and headless shell: Dawn and Blink.
    Chromium,
    /// Firefox: wgpu and Gecko.
    Firefox,
    /// Safari and WebKitGTK.
    Webkit,
}

struct EngineEntry {
    engine: Engine,
    name: &'static str,
    runtime: Runtime,
    devices: &'static [Device],
    device_required: bool,
}

use Device::{Coreml, Cpu, Cuda, Dx12, Gpu, Metal, Mps, Npu, Qnn, Rocm, Vulkan};
use Runtime::{Browser, Native};

/// One entry per engine: its name, its runtime, and the devices it can be asked for.
#[rustfmt::skip]
const ENGINES: &[EngineEntry] = &[
    EngineEntry { engine: Engine::Webgpu,      name: "webgpu",      runtime: Browser, devices: &[],                              device_required: false },
    EngineEntry { engine: Engine::Webnn,       name: "webnn",       runtime: Browser, devices: &[Cpu, Gpu, Npu],                 device_required: true },
    EngineEntry { engine: Engine::Wasm,        name: "wasm",        runtime: Browser, devices: &[],                              device_required: false },
    EngineEntry { engine: Engine::OrtWebgpu,   name: "ort-webgpu",  runtime: Browser, devices: &[],                              device_required: false },
    EngineEntry { engine: Engine::OrtWebnn,    name: "ort-webnn",   runtime: Browser, devices: &[Cpu, Gpu, Npu],                 device_required: true },
    EngineEntry { engine: Engine::OrtWasm,     name: "ort-wasm",    runtime: Browser, devices: &[],                              device_required: false },
    EngineEntry { engine: Engine::Wgpu,        name: "wgpu",        runtime: Native,  devices: &[Vulkan, Metal, Dx12],           device_required: true },
    EngineEntry { engine: Engine::Libtorch,    name: "libtorch",    runtime: Native,  devices: &[Cpu, Cuda, Rocm, Mps],          device_required: true },
    EngineEntry { engine: Engine::Burn,        name: "burn",        runtime: Native,  devices: &[Cpu, Cuda, Rocm, Vulkan, Metal], device_required: true },
    EngineEntry { engine: Engine::Openvino,    name: "openvino",    runtime: Native,  devices: &[Cpu, Gpu, Npu],                 device_required: true },
    EngineEntry { engine: Engine::Onnxruntime, name: "onnxruntime", runtime: Native,  devices: &[Cpu, Cuda, Coreml, Qnn],        device_required: true },
];

impl Engine {
    /// Every engine, in the order of the table.
    pub fn all() -> impl Iterator<Item = Engine> {
        ENGINES.iter().map(|entry| entry.engine)
    }

    fn entry(self) -> &'static EngineEntry {
        // The table lists every variant: `every_engine_has_one_entry` holds it to that.
        ENGINES.iter().find(|entry| entry.engine == self).unwrap_or(&ENGINES[0])
    }

    /// The engine's name in the target grammar.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The runtime that the engine runs in.
    pub fn runtime(self) -> Runtime {
        self.entry().runtime
    }

    /// The devices the engine can be asked for; none when it takes no device.
    pub fn devices(self) -> &'static [Device] {
        self.entry().devices
    }

    /// Returns whether it computes on an adapter that can be chosen: that of WebGPU, or of wgpu.
    pub fn chooses_adapter(self) -> bool {
        matches!(self, Engine::Webgpu | Engine::OrtWebgpu | Engine::Wgpu)
    }
}

impl Device {
    /// Every device.
    pub const ALL: [Device; 11] = [Cpu, Gpu, Npu, Vulkan, Metal, Dx12, Cuda, Rocm, Mps, Coreml, Qnn];

    /// The device's name in the target grammar.
    pub fn name(self) -> &'static str {
        match self {
            Device::Cpu => "cpu",
            Device::Gpu => "gpu",
            Device::Npu => "npu",
            Device::Vulkan => "vulkan",
            Device::Metal => "metal",
            Device::Dx12 => "dx12",
            Device::Cuda => "cuda",
            Device::Rocm => "rocm",
            Device::Mps => "mps",
            Device::Coreml => "coreml",
            Device::Qnn => "qnn",
        }
    }
}

/// Where a case runs: `webgpu@chrome`, `webnn:cpu@edge`, `wgpu:vulkan`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The engine that runs the model.
    pub engine: Engine,
    /// The device it runs on, for engines that can be told.
    pub device: Option<Device>,
    /// The configured name of the browser, for engines that live in one.
    pub browser: Option<String>,
}

/// Why a text is not a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each field is")]
pub enum TargetError {
    #[error("target \"{target}\": there is no engine \"{engine}\"{hint}; the engines are {known}")]
    UnknownEngine { target: String, engine: String, hint: String, known: String },
    #[error("target \"{target}\": {engine} has no device \"{device}\"{hint}; it takes {known}")]
    UnknownDevice { target: String, engine: &'static str, device: String, hint: String, known: String },
    #[error("target \"{target}\": {engine} needs a device, one of {known}: write {engine}:{example}")]
    DeviceMissing { target: String, engine: &'static str, known: String, example: &'static str },
    #[error("target \"{target}\": {engine} runs in a browser; write {target}@chrome")]
    BrowserMissing { target: String, engine: &'static str },
    #[error("target \"{target}\": {engine} runs natively, not in a browser; leave out \"@{browser}\"")]
    BrowserUnexpected { target: String, engine: &'static str, browser: String },
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let target = text.to_owned();
        let (rest, browser) = split_at(text, '@');
        let (engine, device) = split_at(rest, ':');
        let entry = ENGINES.iter().find(|entry| entry.name == engine).ok_or_else(|| {
            let names = || ENGINES.iter().map(|entry| entry.name);
            TargetError::UnknownEngine {
                target: target.clone(),
                engine: engine.to_owned(),
                hint: did_you_mean(engine, names()),
                known: names().collect::<Vec<_>>().join(", "),
            }
        })?;
        let device = parse_device(&target, entry, device)?;
        match (entry.runtime, browser) {
            (Runtime::Browser, None | Some("")) => {
                Err(TargetError::BrowserMissing { target, engine: entry.name })
            }
            (Runtime::Native, Some(browser)) => Err(TargetError::BrowserUnexpected {
                target,
                engine: entry.name,
                browser: browser.to_owned(),
            }),
            (_, browser) => Ok(Target { engine: entry.engine, device, browser: browser.map(str::to_owned) }),
        }
    }
}

fn split_at(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((head, tail)) => (head, Some(tail)),
        None => (text, None),
    }
}

fn parse_device(
    target: &str,
    entry: &EngineEntry,
    device: Option<&str>,
) -> Result<Option<Device>, TargetError> {
    let names = || entry.devices.iter().map(|device| device.name());
    let known = if entry.devices.is_empty() {
        "no device at all".to_owned()
    } else {
        names().collect::<Vec<_>>().join(", ")
    };
    match (device, entry.devices.first()) {
        (None, Some(first)) if entry.device_required => Err(TargetError::DeviceMissing {
            target: target.to_owned(),
            engine: entry.name,
            known,
            example: first.name(),
        }),
        (None, _) => Ok(None),
        (Some(name), _) => match entry.devices.iter().find(|device| device.name() == name) {
            Some(device) => Ok(Some(*device)),
            None => Err(TargetError::UnknownDevice {
                target: target.to_owned(),
                engine: entry.name,
                device: name.to_owned(),
                hint: did_you_mean(name, names()),
                known,
            }),
        },
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.engine.name())?;
        if let Some(device) = self.device {
            write!(f, ":{}", device.name())?;
        }
        if let Some(browser) = &self.browser {
            write!(f, "@{browser}")?;
        }
        Ok(())
    }
}

impl Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_has_one_entry() {
        for entry in ENGINES {
            let same = ENGINES.iter().filter(|other| other.engine == entry.engine).count();
            assert_eq!((same, entry.engine.name()), (1, entry.name));
        }
        assert_eq!(ENGINES.len(), Engine::Onnxruntime as usize + 1, "an engine without an entry");
    }

    #[test]
    fn targets_are_read_and_written_alike() {
        for text in
            ["webgpu@chrome", "webnn:npu@edge", "wgpu:vulkan", "ort-webnn:cpu@headless-shell", "burn:cpu"]
        {
            assert_eq!(text.parse::<Target>().map(|t| t.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_wrong_target_says_what_is_wrong_and_what_would_be_right() {
        for (text, part) in [
            ("webgp@chrome", "did you mean \"webgpu\""),
            ("wgpu:vulcan", "did you mean \"vulkan\""),
            ("wgpu", "needs a device, one of vulkan, metal, dx12: write wgpu:vulkan"),
            ("webgpu", "write webgpu@chrome"),
            ("burn:cpu@chrome", "leave out \"@chrome\""),
            ("webgpu:gpu@chrome", "it takes no device at all"),
            ("", "there is no engine \"\""),
        ] {
            let message = text.parse::<Target>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
