//! Patterns of public text: words that we gave, digests and versions. None has room for a name that somebody else gave.

use protocol::{AdapterChoice, Device, Engine, Metric, Precision};

use crate::browser::table::BUILT_IN;

/// Features that are shown; the values of others hold command lines, paths or words of any kind.
const FEATURES: [&str; 26] = [
    "browser",
    "browser_platform",
    "compiled_by_empty_dispatches",
    "completion_kick",
    "copied_bytes",
    "cross_origin_isolated",
    "cuts",
    "debugged",
    "dispatches",
    "gpu_of_the_machine",
    "network",
    "nodes",
    "nodes_elsewhere",
    "nodes_of_the_graph",
    "onnxruntime",
    "onnxruntime_web",
    "onnxruntime_web_module",
    "operators_elsewhere",
    "pipelines",
    "reference",
    "share_of_time",
    "software_though_hardware",
    "timestamp_query",
    "turned_off",
    "wasm_simd",
    "wasm_threads",
];

fn any(words: impl IntoIterator<Item = &'static str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.replace('.', r"\.")).collect();
    format!("(?:{})", words.join("|"))
}

pub fn hash() -> String {
    "[0-9a-f]{16,64}".to_owned()
}

pub fn version() -> String {
    r"[0-9]+(\.[0-9]+)*([ab][0-9]+)?".to_owned()
}

pub fn engine() -> String {
    any(Engine::all().map(Engine::name))
}

pub fn device() -> String {
    any(Device::ALL.into_iter().map(Device::name))
}

pub fn browser() -> String {
    any(BUILT_IN.iter().map(|browser| browser.name))
}

pub fn target() -> String {
    format!("{}(:{})?(@{})?", engine(), device(), browser())
}

pub fn precision() -> String {
    any(Precision::ALL.into_iter().map(Precision::name))
}

pub fn temperature() -> String {
    crate::case::TEMPERATURE.to_owned()
}

/// An adapter's own name is what a user made of it.
pub fn adapter_choice() -> String {
    any(AdapterChoice::WORDS.iter().map(|(word, _)| *word))
}

pub fn features_off() -> String {
    let one = any(["-tuned", "-fusion", "-f16", "-subgroups", "-kick"]);
    format!("({one}(,{one})*)?")
}

pub fn modality() -> String {
    any(["text", "audio", "vision", "multimodal"])
}

pub fn system() -> String {
    any(["linux", "macos", "windows", "freebsd", "android"])
}

pub fn processor() -> String {
    any(["x86_64", "aarch64", "x86", "arm", "riscv64"])
}

pub fn metric() -> String {
    any(Metric::ALL.into_iter().map(Metric::name))
}

pub fn rate() -> String {
    "[a-z0-9_]+_per_s".to_owned()
}

pub fn operator() -> String {
    "[A-Z][A-Za-z0-9]*".to_owned()
}

pub fn feature() -> String {
    any(FEATURES)
}

pub fn suite() -> String {
    r"(ONNX )?[0-9]+(\.[0-9]+)*".to_owned()
}

pub fn node_test() -> String {
    "test_[a-z0-9_]+".to_owned()
}
