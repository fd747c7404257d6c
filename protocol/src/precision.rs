//! How a model's numbers are kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::suggest::did_you_mean;

/// The format that most of a model's weights have, by the names of the hub's exports. Sums are f32 whatever it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    Fp32,
    /// 16-bit floats.
    Fp16,
    /// 8-bit integers with scales: QDQ or dynamic.
    Int8,
    /// Blocks of 4-bit integers with a scale each.
    Q4,
}

impl Precision {
    /// Every precision.
    pub const ALL: [Precision; 4] = [Precision::Fp32, Precision::Fp16, Precision::Int8, Precision::Q4];

    /// Its name in manifests, tables and the store.
    pub fn name(self) -> &'static str {
        match self {
            Precision::Fp32 => "fp32",
            Precision::Fp16 => "fp16",
            Precision::Int8 => "int8",
            Precision::Q4 => "q4",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Precision, String> {
        let names = || Precision::ALL.into_iter().map(Precision::name);
        Precision::ALL.into_iter().find(|precision| precision.name() == text).ok_or_else(|| {
            let known = names().collect::<Vec<_>>().join(", ");
            format!(
                "there is no precision \"{text}\"{}; the precisions are {known}",
                did_you_mean(text, names())
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Precision;

    #[test]
    fn another_name_is_refused_with_those_there_are() {
        let message = "fp61".parse::<Precision>().unwrap_err();
        assert!(
            message.contains("did you mean \"fp16\"") && message.contains("fp32, fp16, int8, q4"),
            "{message}"
        );
    }

    #[test]
    fn names_are_what_serde_writes() {
        for precision in Precision::ALL {
            assert_eq!(serde_json::to_value(precision).unwrap(), precision.name());
            assert_eq!(precision.name().parse(), Ok(precision));
        }
    }
}
