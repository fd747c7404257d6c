//! A part of a whole, written as per cent.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A part of a whole: 0.02 is `2%`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "String")]
pub struct Share(pub f64);

impl Share {
    /// What comes on top of a whole, and may be more than it: `150%`.
    ///
    /// # Errors
    /// When it is no per cent above 0.
    pub fn on_top(text: &str) -> Result<Share, String> {
        above_zero(text).ok_or_else(|| "write per cent above 0, as in 5%".to_owned())
    }
}

/// Per cent above 0.
fn above_zero(text: &str) -> Option<Share> {
    let number = text.strip_suffix('%')?.trim().parse::<f64>().ok()?;
    (number.is_finite() && number > 0.0).then_some(Share(number / 100.0))
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let part = above_zero(text).filter(|share| share.0 < 1.0);
        part.ok_or_else(|| "write per cent above 0 and below 100, as in 2%".to_owned())
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Share, String> {
        text.parse()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Three digits: 0.07 is not 7.000000000000001 %.
        write!(f, "{}%", (self.0 * 1e5).round() / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_cent_are_read_and_written_alike() {
        for (text, share) in [("2%", 0.02), ("0.5%", 0.005), ("7%", 0.07)] {
            assert_eq!((text.parse(), Share(share).to_string().as_str()), (Ok(Share(share)), text));
        }
        for wrong in ["2", "0%", "100%", "-1%", "x%", "nan%", ""] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
        for (text, share) in
            [("5%", Some(0.05)), ("150%", Some(1.5)), ("0%", None), ("-1%", None), ("5", None)]
        {
            assert_eq!(Share::on_top(text).ok(), share.map(Share), "{text}");
        }
    }
}
