//! The capabilities of a place and what it runs on, as it says itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The hardware that computed: a GPU as WebGPU or wgpu describes it, or a CPU.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Adapter {
    /// Who made it: `nvidia`, `google` (SwiftShader), `GenuineIntel`.
    pub vendor: String,
    /// Its generation, as the API names it: `ampere`, `swiftshader`.
    pub architecture: String,
    /// The device or product name.
    pub device: String,
    /// Free text of the driver.
    pub description: String,
    /// The API under it: `vulkan`, `metal`, `webgpu`, `cpu`.
    pub backend: String,
    /// True if a CPU stands in for a GPU. Also true of an engine on the CPU by choice.
    pub software: bool,
    /// Feature names the adapter has, sorted.
    pub features: Vec<String>,
    /// Limits by name.
    pub limits: BTreeMap<String, u64>,
}

impl Adapter {
    /// The names that it gives itself: its maker, its generation, its product, its driver's free text.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = [&self.vendor, &self.device, &self.architecture, &self.description];
        names.into_iter().map(String::as_str).filter(|name| !name.is_empty())
    }

    /// All that it says of itself; nothing where it says nothing, as in Firefox.
    pub fn words(&self) -> String {
        self.names().collect::<Vec<_>>().join(" ")
    }
}

/// The presence of something, or the lack of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Presence {
    /// It is there and answered.
    Present,
    /// It is not, or did not answer.
    Missing {
        /// The reason: what was found instead.
        reason: String,
        /// One line on how to get it.
        remedy: String,
    },
}

/// One thing looked for: a browser, an engine, a context, a property of the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capability {
    /// The thing looked for: `chrome`, `webgpu@chrome`, `webnn:cpu@firefox`, `onnxruntime:cpu`, `timer@chrome`.
    pub subject: String,
    /// Its presence, or the lack of it.
    #[serde(flatten)]
    pub presence: Presence,
    /// Its version, where it has one.
    pub version: Option<String>,
    /// The adapter it would run on.
    pub adapter: Option<Adapter>,
    /// Everything else it says of itself.
    pub facts: BTreeMap<String, serde_json::Value>,
}
