//! The capabilities of this machine's native engines, as they say themselves.

use std::collections::BTreeMap;

use protocol::{Capability, Presence};
use serde_json::json;

use crate::engines::{EngineEntry, Found};
use crate::error::RunnerError;
use crate::processor;

/// The processor and every device of every one of `engines`.
pub fn capabilities(engines: &[EngineEntry]) -> Vec<Capability> {
    let engines = engines.iter().flat_map(|entry| {
        entry.devices.iter().map(|device| {
            let subject = format!("{}:{}", entry.engine.name(), device.name());
            engine(subject, (entry.detect)(*device))
        })
    });
    std::iter::once(cpu()).chain(engines).collect()
}

fn cpu() -> Capability {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Capability {
        subject: "cpu".to_owned(),
        presence: Presence::Present,
        version: None,
        adapter: Some(processor::adapter()),
        facts: BTreeMap::from([("cores".to_owned(), json!(cores))]),
    }
}

fn engine(subject: String, found: Result<Found, RunnerError>) -> Capability {
    let mut facts = BTreeMap::new();
    let (presence, version, adapter) = match found {
        Ok(Found { version, adapter, adapters }) => {
            facts.extend((!adapters.is_empty()).then(|| ("adapters".to_owned(), json!(adapters))));
            (Presence::Present, version, Some(adapter))
        }
        Err(RunnerError::Unavailable { reason, remedy }) => {
            (Presence::Missing { reason, remedy }, None, None)
        }
        Err(other) => {
            let remedy = "look at the message; nothing is known to install".to_owned();
            (Presence::Missing { reason: other.to_string(), remedy }, None, None)
        }
    };
    Capability { subject, presence, version, adapter, facts }
}
