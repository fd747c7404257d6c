//! The support limits of a context: `MLContext.opSupportLimits()`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::element::ElementType;
use crate::error::Refusal;
use crate::plan::Operand;

/// The limits of a context, operator by operator and operand by operand
/// (<https://www.w3.org/TR/webnn/#api-mlcontext-opsupportlimits>).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limits {
    methods: BTreeMap<String, BTreeMap<String, Allowed>>,
    /// The limits of a graph's inputs, constants and outputs, under those names.
    tensors: BTreeMap<String, Allowed>,
    most_tensor_bytes: Option<u64>,
    channels_last: bool,
    /// Calls that the context claims and then refuses to build, by [`Call::kind`], with its words.
    broken: BTreeMap<String, String>,
}

/// The limits of one operand.
#[derive(Debug, Clone, PartialEq, Default)]
struct Allowed {
    elements: BTreeSet<ElementType>,
    ranks: Option<(usize, usize)>,
}

impl Limits {
    /// Reads the object that the context returns. What this program does not know is passed over: a newer browser
    /// says more.
    pub fn read(object: &Value) -> Limits {
        let mut limits = Limits {
            most_tensor_bytes: object.get("maxTensorByteLength").and_then(Value::as_u64),
            channels_last: object.get("preferredInputLayout").and_then(Value::as_str) == Some("nhwc"),
            ..Limits::default()
        };
        for (name, entry) in object.as_object().into_iter().flatten() {
            if let Some(allowed) = Allowed::read(entry) {
                limits.tensors.insert(name.clone(), allowed);
            } else if let Some(roles) = entry.as_object() {
                let roles =
                    roles.iter().filter_map(|(role, entry)| Some((role.clone(), Allowed::read(entry)?)));
                limits.methods.insert(name.clone(), roles.collect());
            }
        }
        limits
    }

    /// Returns whether convolutions are better off with channels last.
    pub(crate) fn prefers_channels_last(&self) -> bool {
        self.channels_last
    }

    /// The number of operators that the context has.
    pub fn method_count(&self) -> usize {
        self.methods.len()
    }

    /// Takes back a claim: such a call was refused when a graph with nothing else in it was built.
    pub fn refuse(&mut self, kind: String, message: String) {
        self.broken.insert(kind, message);
    }

    /// Checks that a claim about such a call was not taken back.
    pub(crate) fn stands(&self, method: &'static str, kind: &str) -> Result<(), Refusal> {
        let message = self.broken.get(kind).cloned();
        message.map_or(Ok(()), |message| Err(Refusal::Broken { method, message }))
    }

    /// Checks that a method takes an operand in a role.
    pub(crate) fn check(
        &self,
        method: &'static str,
        role: &'static str,
        operand: &Operand,
    ) -> Result<(), Refusal> {
        let roles = self.methods.get(method).ok_or(Refusal::NoMethod { method })?;
        // A role that the context does not speak of has no limits of its own.
        roles.get(role).map_or(Ok(()), |allowed| allowed.check(method, role, operand))?;
        self.check_size(operand, || format!("{role} of {method}"))
    }

    /// Checks that a graph's input, constant or output may be like this.
    pub(crate) fn check_tensor(&self, role: &'static str, operand: &Operand) -> Result<(), Refusal> {
        self.tensors.get(role).map_or(Ok(()), |allowed| allowed.check("build", role, operand))?;
        self.check_size(operand, || format!("{role} {operand}"))
    }

    fn check_size(&self, operand: &Operand, what: impl Fn() -> String) -> Result<(), Refusal> {
        let wanted = operand.size_bytes();
        match self.most_tensor_bytes {
            _ if operand.shape.contains(&0) => Err(Refusal::Empty { what: what() }),
            Some(limit) if wanted > limit => Err(Refusal::TooLarge { what: what(), wanted, limit }),
            _ => Ok(()),
        }
    }
}

impl Allowed {
    fn read(entry: &Value) -> Option<Allowed> {
        let names = entry.get("dataTypes")?.as_array()?.iter().filter_map(Value::as_str);
        let end = |name: &str| usize::try_from(entry.get("rankRange")?.get(name)?.as_u64()?).ok();
        Some(Allowed {
            elements: names.filter_map(ElementType::named).collect(),
            ranks: end("min").zip(end("max")),
        })
    }

    fn check(&self, method: &'static str, role: &'static str, operand: &Operand) -> Result<(), Refusal> {
        let (found, rank) = (operand.element, operand.shape.len());
        if !self.elements.contains(&found) {
            let names: Vec<_> = self.elements.iter().map(|element| element.name()).collect();
            return Err(Refusal::Element { method, role, found, allowed: names.join(", ") });
        }
        match self.ranks {
            Some((least, most)) if !(least..=most).contains(&rank) => {
                Err(Refusal::Rank { method, role, found: rank, least, most })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn limits() -> Limits {
        Limits::read(&json!({
            "preferredInputLayout": "nhwc",
            "maxTensorByteLength": 64,
            "input": { "dataTypes": ["float32", "int4", "float8"], "rankRange": { "min": 0, "max": 8 } },
            "add": {
                "a": { "dataTypes": ["float32", "int32"], "rankRange": { "min": 0, "max": 3 } },
                "b": { "dataTypes": ["float32"] },
            },
        }))
    }

    #[test]
    fn what_is_within_the_limits_passes_and_the_rest_is_named() {
        let operand = |element: &str, shape: &[usize]| Operand {
            element: ElementType::named(element).unwrap(),
            shape: shape.to_vec(),
        };
        let limits = limits();
        assert_eq!(limits.method_count(), 1);
        for (method, role, operand, message) in [
            ("add", "a", operand("float32", &[2, 2]), ""),
            ("add", "b", operand("float32", &[1; 8]), ""),
            ("add", "output", operand("int64", &[2]), ""),
            (
                "add",
                "a",
                operand("int64", &[2]),
                "add takes no int64 as a on this context, only float32, int32",
            ),
            ("add", "a", operand("int32", &[1; 4]), "add takes a of rank 0 to 3 on this context, not 4"),
            ("gelu", "input", operand("float32", &[2]), "this context has no gelu"),
            (
                "add",
                "a",
                operand("float32", &[17]),
                "a of add takes 68 bytes, and maxTensorByteLength of this context is 64",
            ),
            ("add", "a", operand("float32", &[0]), "a of add has no elements, which WebNN does not know"),
        ] {
            let found = limits.check(method, role, &operand).err().map(|refusal| refusal.to_string());
            assert_eq!(found.unwrap_or_default(), message);
        }
        assert_eq!(limits.check_tensor("input", &operand("int4", &[128])), Ok(()));
        assert!(limits.check_tensor("input", &operand("int8", &[1])).is_err());
        assert_eq!(limits.check_tensor("output", &operand("int8", &[1])), Ok(()));
    }
}
