//! The optimisations that can be turned off, and a setting of them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::suggest::did_you_mean;
use crate::target::Engine;

/// An optimisation that can be turned off, to see what it is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Rows of the tuning table, instead of what holds for every adapter.
    Tuned,
    /// Operators fused in the graph: attention, normalisation, activation, bias.
    Fusion,
}

impl Feature {
    /// Every feature, with its name.
    pub const ALL: [(Feature, &str); 2] = [(Feature::Tuned, "tuned"), (Feature::Fusion, "fusion")];

    /// Its name in plans, tables and the store.
    pub fn name(self) -> &'static str {
        Feature::ALL.iter().find(|(feature, _)| *feature == self).map_or("", |(_, name)| name)
    }

    /// Returns whether an engine has a switch for it: one that plans by our graph and our kernels.
    pub fn applies_to(self, engine: Engine) -> bool {
        match self {
            Feature::Tuned | Feature::Fusion => matches!(engine, Engine::Webgpu | Engine::Wgpu),
        }
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

    /// The setting as far as an engine has switches for it: all else is on there.
    pub fn on(&self, engine: Engine) -> Features {
        Features { off: self.off.iter().copied().filter(|feature| feature.applies_to(engine)).collect() }
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
            let Some((feature, _)) = Feature::ALL.iter().find(|(_, known)| *known == name) else {
                let names = || Feature::ALL.iter().map(|(_, name)| *name);
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
    fn an_engine_without_a_switch_has_all_on() {
        let features: Features = "-tuned,-fusion".parse().unwrap();
        for (engine, text) in [
            (Engine::Webgpu, "-tuned,-fusion"),
            (Engine::Wgpu, "-tuned,-fusion"),
            (Engine::Webnn, ""),
            (Engine::Burn, ""),
            (Engine::Onnxruntime, ""),
        ] {
            assert_eq!(features.on(engine).to_string(), text, "{}", engine.name());
        }
    }

    #[test]
    fn an_unknown_feature_is_refused_with_what_would_be_right() {
        let message = "-fuson".parse::<Features>().unwrap_err();
        assert!(message.contains("did you mean \"fusion\"") && message.contains("tuned"), "{message}");
    }
}
