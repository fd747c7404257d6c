//! The adapter that a user asks WebGPU for.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::capability::Adapter;
use crate::software_driver::SoftwareDriver;

/// The adapter asked for: a kind of it, a driver, or one by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum AdapterChoice {
    /// Whatever the browser or the API gives first.
    #[default]
    Default,
    /// A GPU; a CPU in its place is none.
    Hardware,
    /// A CPU, by whichever driver there is.
    Software,
    /// SwiftShader, which Chromium ships.
    Swiftshader,
    /// Mesa's lavapipe, which it also calls llvmpipe.
    Lavapipe,
    /// The one whose own name has this in it.
    Named(String),
}

impl AdapterChoice {
    /// The choices that have a word of their own.
    pub const WORDS: [(&str, AdapterChoice); 5] = [
        ("default", AdapterChoice::Default),
        ("hardware", AdapterChoice::Hardware),
        ("software", AdapterChoice::Software),
        ("swiftshader", AdapterChoice::Swiftshader),
        ("lavapipe", AdapterChoice::Lavapipe),
    ];

    /// Returns whether an adapter is one of those asked for, by what it says of itself.
    pub fn is_met_by(&self, adapter: &Adapter) -> bool {
        match self {
            AdapterChoice::Default => true,
            AdapterChoice::Hardware => !adapter.software,
            AdapterChoice::Software => adapter.software,
            AdapterChoice::Swiftshader => SoftwareDriver::of(adapter) == Some(SoftwareDriver::Swiftshader),
            AdapterChoice::Lavapipe => SoftwareDriver::of(adapter) == Some(SoftwareDriver::Lavapipe),
            AdapterChoice::Named(part) => {
                let part = part.to_lowercase();
                adapter.names().any(|name| name.to_lowercase().contains(&part))
            }
        }
    }
}

impl fmt::Display for AdapterChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = AdapterChoice::WORDS.iter().find(|(_, choice)| choice == self).map(|(word, _)| *word);
        match (word, self) {
            (Some(word), _) => f.write_str(word),
            (None, AdapterChoice::Named(name)) => f.write_str(name),
            (None, _) => Ok(()),
        }
    }
}

impl From<String> for AdapterChoice {
    fn from(text: String) -> AdapterChoice {
        let known = AdapterChoice::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
        known.map_or(AdapterChoice::Named(text), |(_, choice)| choice.clone())
    }
}

impl From<AdapterChoice> for String {
    fn from(choice: AdapterChoice) -> String {
        choice.to_string()
    }
}

impl FromStr for AdapterChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<AdapterChoice, Infallible> {
        Ok(text.to_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_and_written_alike() {
        for (word, choice) in AdapterChoice::WORDS {
            assert_eq!((choice.to_string().as_str(), word.parse::<AdapterChoice>()), (word, Ok(choice)));
        }
        assert_eq!("SwiftShader".parse(), Ok(AdapterChoice::Swiftshader));
        let named = AdapterChoice::Named("GeForce".to_owned());
        assert_eq!("GeForce".parse(), Ok(named.clone()));
        assert_eq!(serde_json::to_value(named).unwrap(), "GeForce");
    }

    #[test]
    fn what_an_adapter_says_of_itself_decides_which_choice_it_meets() {
        let adapter = |vendor: &str, device: &str, software| Adapter {
            vendor: vendor.to_owned(),
            device: device.to_owned(),
            software,
            ..Adapter::default()
        };
        let swiftshader = adapter("google", "SwiftShader Device (Subzero)", true);
        let llvmpipe = adapter("mesa", "llvmpipe (LLVM 15.0.6, 256 bits)", true);
        let card = adapter("nvidia", "NVIDIA GeForce RTX 4090", false);
        // For each choice: SwiftShader, llvmpipe, a card.
        for (choice, expected) in [
            ("default", [true, true, true]),
            ("hardware", [false, false, true]),
            ("software", [true, true, false]),
            ("swiftshader", [true, false, false]),
            ("lavapipe", [false, true, false]),
            ("geforce", [false, false, true]),
            ("llvm", [false, true, false]),
            ("Radeon", [false, false, false]),
        ] {
            let choice: AdapterChoice = choice.to_owned().into();
            let met = [&swiftshader, &llvmpipe, &card].map(|adapter| choice.is_met_by(adapter));
            assert_eq!(met, expected, "{choice}");
        }
    }
}
