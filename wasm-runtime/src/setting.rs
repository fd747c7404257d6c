//! What a device is opened for: decides what is asked of its adapter, and how its work is awaited.

use protocol::tuning::TunedRows;
use protocol::{BrowserKind, Features, Inference};

/// What a device is opened for.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// The browser.
    pub browser: Option<BrowserKind>,
    /// The optimisations that are on.
    pub features: Features,
    /// Rows that go before those of the tuning table.
    pub tuning: Option<TunedRows>,
}

impl Setting {
    /// In a browser, as a model is to be run.
    pub fn for_inference(browser: Option<BrowserKind>, inference: &Inference) -> Setting {
        Setting { browser, features: inference.features.clone(), tuning: inference.tuning.clone() }
    }

    /// In a browser, with all optimisations on.
    pub fn of(browser: Option<BrowserKind>) -> Setting {
        Setting { browser, ..Setting::default() }
    }
}
