//! What this machine's native engines can do, as they say themselves.

use std::collections::BTreeMap;

use protocol::{Capability, Device, Presence};
use serde_json::json;

use crate::engines::{onnxruntime, wgpu};
use crate::error::RunnerError;
use crate::processor;

/// The processor and every native engine this build knows.
pub fn capabilities() -> Vec<Capability> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let facts = BTreeMap::from([("cores".to_owned(), json!(cores))]);
    let cpu = Capability {
        subject: "cpu".to_owned(),
        presence: Presence::Present,
        version: None,
        adapter: Some(processor::adapter()),
        facts,
    };
    let gpus = [Device::Vulkan, Device::Metal, Device::Dx12].into_iter().map(|device| {
        let adapter = wgpu::detect(device);
        let adapter = adapter.map(|adapter| (None, adapter));
        capability(format!("wgpu:{}", device.name()), adapter)
    });
    let reference = onnxruntime::detect().map(|version| (Some(version), processor::adapter()));
    std::iter::once(cpu).chain(gpus).chain([capability("onnxruntime:cpu".to_owned(), reference)]).collect()
}

fn capability(
    subject: String,
    found: Result<(Option<String>, protocol::Adapter), RunnerError>,
) -> Capability {
    let facts = BTreeMap::new();
    match found {
        Ok((version, adapter)) => {
            Capability { subject, presence: Presence::Present, version, adapter: Some(adapter), facts }
        }
        Err(error) => {
            let (reason, remedy) = match error {
                RunnerError::Unavailable { reason, remedy } => (reason, remedy),
                other => (other.to_string(), "look at the message; nothing is known to install".to_owned()),
            };
            Capability {
                subject,
                presence: Presence::Missing { reason, remedy },
                version: None,
                adapter: None,
                facts,
            }
        }
    }
}
