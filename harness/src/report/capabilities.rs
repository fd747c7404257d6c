//! Detected capabilities, for people: one block for each browser, one for the machine, one for what is not here.

use protocol::{Capability, Presence};
use serde_json::Value;

use crate::adapter::adapter_name;
use crate::number::three_digits;

/// Facts longer than this are for the document only.
const FACT_LENGTH: usize = 24;
/// The last block.
const MISSING: &str = "not here";

/// The blocks, each with a heading, one line for each thing looked for.
pub fn capabilities(all: &[Capability]) -> String {
    let mut blocks: Vec<(String, Vec<&Capability>)> = Vec::new();
    for capability in all {
        let group = group(capability, all);
        match blocks.iter_mut().find(|(name, _)| *name == group) {
            Some((_, members)) => members.push(capability),
            None => blocks.push((group, vec![capability])),
        }
    }
    blocks.sort_by_key(|(name, _)| name == MISSING);
    let blocks = blocks.iter().map(|(name, members)| block(name, members));
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// Returns the heading that a capability is shown under: its browser, or the machine.
fn group(capability: &Capability, all: &[Capability]) -> String {
    let subject = capability.subject.as_str();
    let is_browser = |name: &str| all.iter().any(|other| other.subject.ends_with(&format!("@{name}")));
    match subject.split_once('@') {
        Some((_, browser)) => browser.to_owned(),
        None if is_browser(subject) => subject.to_owned(),
        None => match &capability.presence {
            Presence::Missing { .. } => MISSING.to_owned(),
            Presence::Present => "this machine".to_owned(),
        },
    }
}

fn block(name: &str, members: &[&Capability]) -> String {
    let label = |capability: &Capability| match capability.subject.split_once('@') {
        Some((inside, _)) => inside.to_owned(),
        None if capability.subject == name => "version".to_owned(),
        None => capability.subject.clone(),
    };
    let width = members.iter().map(|member| label(member).chars().count()).max().unwrap_or(0);
    let lines = members.iter().map(|member| format!("  {:width$}  {}", label(member), describe(member)));
    std::iter::once(name.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

fn describe(capability: &Capability) -> String {
    if let Presence::Missing { reason, remedy } = &capability.presence {
        return format!("no: {reason}; {remedy}");
    }
    let adapter = capability
        .adapter
        .as_ref()
        .map(|adapter| format!("{}, {} features", adapter_name(adapter), adapter.features.len()));
    let facts = capability.facts.iter().filter_map(|(name, value)| fact(name, value));
    let all: Vec<String> = capability.version.clone().into_iter().chain(adapter).chain(facts).collect();
    if all.is_empty() { "yes".to_owned() } else { all.join(", ") }
}

fn fact(name: &str, value: &Value) -> Option<String> {
    let text = match value {
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
        Value::Bool(true) => return Some(name.replace('_', " ")),
        Value::Bool(false) => return None,
        Value::Number(number) => amount(number.as_f64()?),
        Value::String(text) => text.clone(),
    };
    (text.chars().count() <= FACT_LENGTH).then(|| format!("{} {text}", name.replace('_', " ")))
}

fn amount(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { three_digits(value) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::Adapter;
    use serde_json::json;

    use super::*;

    fn present(subject: &str, facts: &[(&str, Value)]) -> Capability {
        Capability {
            subject: subject.to_owned(),
            presence: Presence::Present,
            version: None,
            adapter: None,
            facts: facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        }
    }

    fn missing(subject: &str) -> Capability {
        let presence = Presence::Missing { reason: "not found".into(), remedy: "install it".into() };
        Capability { presence, ..present(subject, &[]) }
    }

    #[test]
    fn each_browser_has_its_block_and_what_is_not_here_comes_with_its_remedy() {
        let adapter = Adapter { vendor: "google".into(), software: true, ..Adapter::default() };
        let all = [
            Capability {
                version: Some("156.0".into()),
                ..present("chrome", &[("driver_version", json!("156.0"))])
            },
            Capability { adapter: Some(adapter), facts: BTreeMap::new(), ..present("webgpu@chrome", &[]) },
            missing("webnn:cpu@chrome"),
            present("isolation@chrome", &[("cross_origin_isolated", json!(true))]),
            missing("edge"),
            present("burn:cpu", &[]),
            present("cpu", &[("model", json!("x".repeat(99))), ("avx2", json!(true)), ("amx", json!(false))]),
        ];
        let expected = "\
chrome
  version    156.0, driver version 156.0
  webgpu     google, software, 0 features
  webnn:cpu  no: not found; install it
  isolation  cross origin isolated

this machine
  burn:cpu  yes
  cpu       avx2

not here
  edge  no: not found; install it";
        assert_eq!(capabilities(&all), expected);
    }
}
