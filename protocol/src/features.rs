//! The optimisations that can be turned off, and a setting of them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::suggest::did_you_mean;
use crate::target::Engine;
use crate::target::Engine::{Burn, Wasm, Webgpu, Webnn, Wgpu};

/// An optimisation that can be turned off, to see what it is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Rows of the tuning table, instead of what holds for every adapter.
    Tuned,
    /// Operators fused in the graph: attention, normalisation, activation, bias.
    Fusion,
    /// The feature `shader-f16` asked of the adapter, where weights and values are half as long.
    F16,
    /// The feature `subgroups` asked of the adapter.
    Subgroups,
    /// Empty submissions by which Firefox tells sooner that work is done.
    Kick,
}

/// What there is to know of a feature.
struct Entry {
    feature: Feature,
    name: &'static str,
    /// The engines that can do without.
    engines: &'static [Engine],
}

/// One entry per feature. WebNN leaves to WebGPU what it cannot run.
const ENTRIES: [Entry; 5] = [
    Entry { feature: Feature::Tuned, name: "tuned", engines: &[Webgpu, Webnn, Wgpu] },
    Entry { feature: Feature::Fusion, name: "fusion", engines: &[Webgpu, Webnn, Wgpu, Wasm, Burn] },
    Entry { feature: Feature::F16, name: "f16", engines: &[Webgpu, Webnn, Wgpu] },
    Entry { feature: Feature::Subgroups, name: "subgroups", engines: &[Webgpu, Webnn] },
    Entry { feature: Feature::Kick, name: "kick", engines: &[Webgpu, Webnn] },
];

impl Feature {
    /// Its name in plans, tables and the store.
    pub fn name(self) -> &'static str {
        ENTRIES.iter().find(|entry| entry.feature == self).map_or("", |entry| entry.name)
    }
}

/// A setting of all features: they are on but for those turned off. Written `-tuned,-fusion`; with all on, nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Features {
    off: BTreeSet<Feature>,
}

impl Features {
    /// Returns whether a feature is on.
    pub fn has(&self, feature: Feature) -> bool {
        !self.off.contains(&feature)
    }

    /// These, of which an engine does without those it can do without; to all others it gives no meaning.
    pub fn on(&self, engine: Engine) -> Features {
        let known = ENTRIES.iter().filter(|entry| entry.engines.contains(&engine));
        let off = known.map(|entry| entry.feature).filter(|feature| !self.has(*feature));
        Features { off: off.collect() }
    }

    /// The feature of a report that says what an engine did without; none where it did without nothing.
    pub fn told(&self, engine: Engine) -> Option<(String, String)> {
        let off = self.on(engine);
        (!off.is_default()).then(|| ("turned_off".to_owned(), off.to_string()))
    }

    /// Returns whether all are on.
    pub fn is_default(&self) -> bool {
        self.off.is_empty()
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.off.iter().map(|feature| format!("-{}", feature.name())).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Features {
    type Err = String;

    fn from_str(text: &str) -> Result<Features, String> {
        let mut features = Features::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let (on, name) = match (word.strip_prefix('-'), word.strip_prefix('+')) {
                (Some(name), _) => (false, name),
                (None, Some(name)) => (true, name),
                (None, None) => (true, word),
            };
            let Some(Entry { feature, .. }) = ENTRIES.iter().find(|entry| entry.name == name) else {
                let names = || ENTRIES.iter().map(|entry| entry.name);
                let known = names().collect::<Vec<_>>().join(", ");
                return Err(format!(
                    "there is no feature \"{name}\"{}; the features are {known}, each turned off as in -{name}",
                    did_you_mean(name, names())
                ));
            };
            match on {
                true => features.off.remove(feature),
                false => features.off.insert(*feature),
            };
        }
        Ok(features)
    }
}

impl TryFrom<String> for Features {
    type Error = String;

    fn try_from(text: String) -> Result<Features, String> {
        text.parse()
    }
}

impl From<Features> for String {
    fn from(features: Features) -> String {
        features.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_written_alike() {
        for (text, written) in
            [("", ""), ("-fusion,-tuned", "-tuned,-fusion"), ("tuned", ""), ("-tuned, +tuned", "")]
        {
            let features: Features = text.parse().unwrap();
            assert_eq!(features.to_string(), written, "{text}");
            assert_eq!(features.is_default(), written.is_empty());
        }
        let features: Features = "-tuned".parse().unwrap();
        assert!(!features.has(Feature::Tuned) && features.has(Feature::Fusion));
    }

    #[test]
    fn every_feature_has_an_entry_and_an_engine_takes_those_that_are_its() {
        let all: Features = "-tuned,-fusion,-f16,-subgroups,-kick".parse().unwrap();
        assert_eq!(all.off.len(), ENTRIES.len());
        for (engine, taken) in [
            (Engine::Webgpu, "-tuned,-fusion,-f16,-subgroups,-kick"),
            (Engine::Wgpu, "-tuned,-fusion,-f16"),
            (Engine::Burn, "-fusion"),
            (Engine::Onnxruntime, ""),
        ] {
            assert_eq!(all.on(engine).to_string(), taken, "{engine:?}");
        }
    }

    #[test]
    fn an_unknown_feature_is_refused_with_what_would_be_right() {
        let message = "-fuson".parse::<Features>().unwrap_err();
        assert!(message.contains("did you mean \"fusion\"") && message.contains("tuned"), "{message}");
    }
}
