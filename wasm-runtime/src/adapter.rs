//! Tells a CPU that stands in for a GPU from a GPU, by whatever the browser lets a page see.

use std::collections::BTreeMap;

use protocol::Adapter;

/// The browser's description of its adapter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Description {
    /// `GPUAdapterInfo.vendor`; Firefox leaves it empty.
    pub vendor: String,
    /// `GPUAdapterInfo.architecture`; Firefox leaves it empty.
    pub architecture: String,
    /// `GPUAdapterInfo.device`; most browsers leave it empty.
    pub device: String,
    /// `GPUAdapterInfo.description`.
    pub description: String,
    /// `GPUAdapterInfo.isFallbackAdapter`.
    pub is_fallback: bool,
    /// The renderer a WebGL context names, asked only where the fields above are all empty.
    pub webgl_renderer: Option<String>,
    /// Feature names.
    pub features: Vec<String>,
    /// Limits by name.
    pub limits: BTreeMap<String, u64>,
}

/// Renderers that are a CPU: Chromium's, Mesa's two and Windows' own (WARP).
const SOFTWARE_RENDERERS: [&str; 5] =
    ["swiftshader", "llvmpipe", "lavapipe", "softpipe", "microsoft basic render"];

impl Description {
    /// Returns whether `vendor`, `architecture`, `device` and `description` are all empty.
    pub fn is_anonymous(&self) -> bool {
        [&self.vendor, &self.architecture, &self.device, &self.description].iter().all(|text| text.is_empty())
    }

    /// How it is known that the adapter is a CPU, or `None` where nothing says so.
    pub fn software_evidence(&self) -> Option<String> {
        let fields = [
            ("vendor", Some(&self.vendor)),
            ("architecture", Some(&self.architecture)),
            ("device", Some(&self.device)),
            ("description", Some(&self.description)),
            ("the WebGL renderer", self.webgl_renderer.as_ref()),
        ];
        let named = fields.into_iter().filter_map(|(field, text)| Some((field, text?))).find(|(_, text)| {
            let text = text.to_lowercase();
            SOFTWARE_RENDERERS.iter().any(|name| text.contains(name))
        });
        match named {
            Some((field, text)) => Some(format!("{field} is \"{text}\"")),
            None if self.is_fallback => Some("isFallbackAdapter is true".to_owned()),
            None => None,
        }
    }

    /// The adapter as the protocol says it. Where WebGPU names nothing, the WebGL renderer describes it.
    pub fn to_adapter(&self) -> Adapter {
        let mut features = self.features.clone();
        features.sort();
        let description = match &self.webgl_renderer {
            Some(renderer) if self.description.is_empty() => format!("{renderer} (by WebGL)"),
            Some(_) | None => self.description.clone(),
        };
        Adapter {
            vendor: self.vendor.clone(),
            architecture: self.architecture.clone(),
            device: self.device.clone(),
            description,
            backend: "webgpu".to_owned(),
            software: self.software_evidence().is_some(),
            features,
            limits: self.limits.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(architecture: &str, is_fallback: bool, webgl_renderer: Option<&str>) -> Description {
        let webgl_renderer = webgl_renderer.map(str::to_owned);
        Description {
            architecture: architecture.to_owned(),
            is_fallback,
            webgl_renderer,
            ..Description::default()
        }
    }

    #[test]
    fn a_cpu_is_told_from_a_gpu_and_says_by_what() {
        for (name, described, expected) in [
            ("SwiftShader", description("swiftshader", true, None), Some("architecture is \"swiftshader\"")),
            ("a GPU", description("ampere", false, None), None),
            ("nameless fallback", description("", true, None), Some("isFallbackAdapter is true")),
            (
                "Firefox on Mesa",
                description("", false, Some("llvmpipe, or similar")),
                Some("the WebGL renderer is \"llvmpipe, or similar\""),
            ),
            ("Firefox on a GPU", description("", false, Some("NVIDIA GeForce GTX 980, or similar")), None),
        ] {
            assert_eq!(described.software_evidence().as_deref(), expected, "{name}");
            assert_eq!(described.to_adapter().software, expected.is_some(), "{name}");
        }
    }

    #[test]
    fn webgl_names_an_adapter_that_webgpu_leaves_nameless() {
        let adapter = description("", false, Some("llvmpipe")).to_adapter();
        assert_eq!(adapter.description, "llvmpipe (by WebGL)");
    }
}
