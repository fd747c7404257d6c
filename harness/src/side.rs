//! One side of a comparison, as people write it.

use std::fmt;
use std::str::FromStr;

use protocol::{AdapterChoice, Features, Target};

use crate::rows::measurement::{Measurement, Place};

/// One of two that are compared: a target, and what else tells it from the other, as in
/// `webgpu@chrome+adapter=swiftshader+run=0192`.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// The target as asked.
    pub target: Target,
    /// The adapter that was asked for.
    pub adapter: Option<AdapterChoice>,
    /// The optimisations that were off.
    pub features: Option<Features>,
    /// The run: its identifier, the beginning of that, or `last`.
    pub run: Option<String>,
    /// The beginning of the browser's version.
    pub version: Option<String>,
    /// The beginning of the model's digest.
    pub digest: Option<String>,
}

const KEYS: &str = "adapter, features, run, version and digest";

impl Side {
    /// Any result of a target.
    pub fn of(target: Target) -> Side {
        Side { target, adapter: None, features: None, run: None, version: None, digest: None }
    }

    /// This side, in this place alone.
    pub fn at(&self, place: &Place) -> Side {
        let features = place.features.parse().unwrap_or_default();
        Side { adapter: Some(place.adapter.clone()), features: Some(features), ..self.clone() }
    }

    /// Returns whether a measurement is one of this side, whichever run it is of.
    pub fn admits(&self, measurement: &Measurement) -> bool {
        let begins = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| found.starts_with(wanted.as_str()))
        };
        let place = &measurement.place;
        place.target == self.target
            && self.adapter.as_ref().is_none_or(|adapter| *adapter == place.adapter)
            && self.features.as_ref().is_none_or(|features| features.to_string() == place.features)
            && begins(&self.version, measurement.versions.browser.as_deref().unwrap_or_default())
            && begins(&self.digest, &measurement.model_digest)
    }
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Side, String> {
        let mut parts = text.split('+');
        let target = parts.next().unwrap_or_default().parse::<Target>().map_err(|error| error.to_string())?;
        let mut side = Side::of(target);
        for part in parts {
            let (key, value) = part.split_once('=').ok_or_else(|| {
                format!(
                    "\"{part}\" is no key=value; after the target stand {KEYS}, as in +adapter=swiftshader"
                )
            })?;
            let value = || value.to_owned();
            match key {
                "adapter" => side.adapter = Some(value().into()),
                "features" => side.features = Some(value().parse()?),
                "run" => side.run = Some(value()),
                "version" => side.version = Some(value()),
                "digest" => side.digest = Some(value()),
                other => return Err(format!("\"{other}\" tells no side from another; {KEYS} do")),
            }
        }
        Ok(side)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.target)?;
        // What is usual is not said.
        let adapter = self.adapter.as_ref().filter(|adapter| **adapter != AdapterChoice::Default);
        let features = self.features.as_ref().filter(|features| !features.is_default());
        let parts = [
            ("adapter", adapter.map(ToString::to_string)),
            ("features", features.map(ToString::to_string)),
            ("run", self.run.clone()),
            ("version", self.version.clone()),
            ("digest", self.digest.clone()),
        ];
        parts
            .into_iter()
            .try_for_each(|(key, value)| value.map_or(Ok(()), |value| write!(f, "+{key}={value}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_read_and_written_alike() {
        for text in [
            "webgpu@chrome",
            "webgpu@chrome+adapter=swiftshader+features=-fusion+run=0192+version=156+digest=ab",
        ] {
            assert_eq!(text.parse::<Side>().map(|side| side.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_wrong_side_says_what_would_be_right() {
        for (text, part) in [
            ("webgp@chrome", "did you mean \"webgpu\""),
            ("webgpu@chrome+swiftshader", "as in +adapter=swiftshader"),
            ("webgpu@chrome+browser=156", "adapter, features, run, version and digest do"),
            ("webgpu@chrome+features=-fuson", "did you mean \"fusion\""),
        ] {
            let message = text.parse::<Side>().unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
