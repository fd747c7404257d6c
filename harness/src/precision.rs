//! What `precision` asks for in plans and flags: how a model's numbers are kept, or how narrow an interval has to be.

use std::str::FromStr;

use protocol::Precision;
use serde::Deserialize;

use crate::share::Share;

/// A precision that is asked for, in either sense: `fp16`, or `2%`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub enum AskedPrecision {
    /// What a model's numbers are kept as.
    Kept(Precision),
    /// The part of a ratio by which its interval may reach to either side before more rounds are taken.
    Interval(Share),
}

impl FromStr for AskedPrecision {
    type Err = String;

    fn from_str(text: &str) -> Result<AskedPrecision, String> {
        match text.ends_with('%') {
            true => text.parse().map(AskedPrecision::Interval),
            false => text
                .parse()
                .map(AskedPrecision::Kept)
                .map_err(|message: String| format!("{message}; for intervals write per cent, as in 2%")),
        }
    }
}

impl TryFrom<String> for AskedPrecision {
    type Error = String;

    fn try_from(text: String) -> Result<AskedPrecision, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_intervals_are_told_apart() {
        for (text, asked) in
            [("fp16", AskedPrecision::Kept(Precision::Fp16)), ("2%", AskedPrecision::Interval(Share(0.02)))]
        {
            assert_eq!(text.parse(), Ok(asked));
        }
        for (wrong, part) in [("fp61", "did you mean \"fp16\""), ("2", "as in 2%"), ("x%", "as in 2%")] {
            let message = wrong.parse::<AskedPrecision>().unwrap_err();
            assert!(message.contains(part), "{wrong}: {message}");
        }
    }
}
