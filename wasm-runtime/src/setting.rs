//! What a device is opened for: decides what is asked of its adapter, and how its work is awaited.

use protocol::{BrowserKind, Features};

/// What a device is opened for.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// The browser.
    pub browser: Option<BrowserKind>,
    /// The optimisations that are on.
    pub features: Features,
}

impl Setting {
    /// In a browser, with all optimisations on.
    pub fn of(browser: Option<BrowserKind>) -> Setting {
        Setting { browser, features: Features::default() }
    }
}
