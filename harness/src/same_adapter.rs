//! Whether two results were computed by the same device through the same driver.

use std::fmt;

use crate::rows::measurement::Measurement;

/// The relation of the adapters of two results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SameAdapter {
    /// They are one.
    Same(String),
    /// They are two: what is compared is these as much as anything else.
    Different(String),
    /// One of them does not say.
    Unknown(String),
}

impl SameAdapter {
    /// Whether they are one, where that is known.
    pub fn is_same(&self) -> Option<bool> {
        match self {
            SameAdapter::Same(_) => Some(true),
            SameAdapter::Different(_) => Some(false),
            SameAdapter::Unknown(_) => None,
        }
    }
}

impl fmt::Display for SameAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (SameAdapter::Same(words) | SameAdapter::Different(words) | SameAdapter::Unknown(words)) = self;
        f.write_str(words)
    }
}

/// Compares the adapters of two results.
pub fn of(a: &Measurement, b: &Measurement) -> SameAdapter {
    match (&a.adapter, &b.adapter) {
        (Some(a), Some(b)) if a == b => SameAdapter::Same("one adapter".to_owned()),
        (Some(_), Some(_)) => SameAdapter::Different("two adapters".to_owned()),
        _ => SameAdapter::Unknown("an adapter that does not say what it is".to_owned()),
    }
}
