//! The built-in browsers: one entry each, everything that tells one from another. To add a browser, add an entry.

use std::path::PathBuf;

use protocol::least::{CHROMIUM_WITH_WEBGPU, FIREFOX_WITH_WEBGPU};
use protocol::{BrowserKind, Engine};
use serde_json::{Value, json};

/// A browser as it is known before any plan speaks.
#[derive(Debug)]
pub struct BuiltIn {
    /// Its name in targets.
    pub name: &'static str,
    /// The family of its engine.
    pub kind: BrowserKind,
    /// Its name in WebDriver.
    pub browser_name: &'static str,
    /// The capability that holds its vendor's options.
    pub options_key: &'static str,
    /// Where a session's capabilities hold the driver's version, as a JSON pointer.
    pub driver_version: Option<&'static str>,
    /// Names on `PATH` and paths where the browser is usually found, the first wins.
    pub binaries: &'static [&'static str],
    /// Names on `PATH` and paths where its driver is usually found, the first wins.
    pub drivers: &'static [&'static str],
    /// Where set-up keeps a browser that no package of the system brings.
    pub cached_binary: Option<fn() -> PathBuf>,
    /// Where set-up keeps a driver that no package of the system brings.
    pub cached_driver: Option<fn() -> PathBuf>,
    /// How the driver's port is found.
    pub listens: Listens,
    /// Arguments of the driver besides its port.
    pub driver_arguments: &'static [&'static str],
    /// True if it cannot go headless.
    pub needs_display: bool,
    /// Command-line arguments of the browser.
    pub arguments: &'static [&'static str],
    /// Preferences in its profile.
    pub preferences: &'static [(&'static str, Preference)],
    /// The engines that earlier versions lack, and the first version with each.
    pub since: &'static [Since],
    /// How to get it and its driver.
    pub remedy: &'static str,
}

/// An engine, the first version that has it, and what that version brought.
pub type Since = (Engine, u32, &'static str);

const CHROMIUM_SINCE: &[Since] =
    &[(Engine::Webgpu, CHROMIUM_WITH_WEBGPU, "WebGPU"), (Engine::OrtWebgpu, CHROMIUM_WITH_WEBGPU, "WebGPU")];

const FIREFOX_SINCE: &[Since] =
    &[(Engine::Webgpu, FIREFOX_WITH_WEBGPU, "WebGPU"), (Engine::OrtWebgpu, FIREFOX_WITH_WEBGPU, "WebGPU")];

/// How a driver and we agree on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listens {
    /// It finds one and prints it.
    OnAPortItPrints,
    /// It prints nothing: one that was free a moment ago has to do.
    OnThePortGiven,
}

/// The value of a preference.
#[derive(Debug, Clone, Copy)]
pub enum Preference {
    /// True or false.
    Switch(bool),
    /// A whole number.
    Number(i64),
}

impl Preference {
    /// The value as WebDriver takes it.
    pub fn to_json(self) -> Value {
        match self {
            Preference::Switch(on) => json!(on),
            Preference::Number(number) => json!(number),
        }
    }
}

/// Arguments that every Chromium gets besides its own way of going headless: a quiet first start, WebGPU, WebNN, and
/// GPU timestamps that are not rounded to 0.1 ms.
macro_rules! chromium {
    ($headless:literal) => {
        &[
            $headless,
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-unsafe-webgpu",
            "--enable-webgpu-developer-features",
            "--enable-features=WebMachineLearningNeuralNetwork",
        ]
    };
}

/// The browsers, the first of a kind being the one that a plan's own browsers of this kind start from.
pub static BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        name: "chrome",
        kind: BrowserKind::Chromium,
        browser_name: "chrome",
        options_key: "goog:chromeOptions",
        driver_version: Some("/chrome/chromedriverVersion"),
        binaries: &[
            "google-chrome",
            "google-chrome-stable",
            "chromium",
            "chromium-browser",
            "chrome",
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
            "/Applications/Chromium.app/Contents/MacOS/Chromium",
            r"C:\Program Files\Google\Chrome\Application\chrome.exe",
            r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
        ],
        drivers: &[
            "chromedriver",
            "/usr/lib/chromium/chromedriver",
            "/usr/lib/chromium-browser/chromedriver",
        ],
        cached_binary: None,
        cached_driver: None,
        listens: Listens::OnAPortItPrints,
        driver_arguments: &[],
        needs_display: false,
        arguments: chromium!("--headless=new"),
        preferences: &[],
        since: CHROMIUM_SINCE,
        remedy: "run `cargo xtask setup`, or install Chrome and the chromedriver of the same version (Debian: \
                 apt install chromium chromium-driver)",
    },
    BuiltIn {
        name: "headless-shell",
        kind: BrowserKind::Chromium,
        browser_name: "chrome",
        options_key: "goog:chromeOptions",
        driver_version: Some("/chrome/chromedriverVersion"),
        binaries: &["chrome-headless-shell", "headless-shell", "headless_shell"],
        drivers: &[
            "chromedriver",
            "/usr/lib/chromium/chromedriver",
            "/usr/lib/chromium-browser/chromedriver",
        ],
        cached_binary: Some(protocol::cache::headless_shell),
        cached_driver: Some(protocol::cache::chromedriver),
        // The shell's packages and the driver's seldom come in the same version.
        listens: Listens::OnAPortItPrints,
        driver_arguments: &["--disable-build-check"],
        needs_display: false,
        arguments: chromium!("--headless"),
        preferences: &[],
        since: CHROMIUM_SINCE,
        remedy: "run `cargo xtask setup`, or put chrome-headless-shell and chromedriver on PATH (npx @puppeteer/browsers install \
                 chrome-headless-shell), or name them under [browsers.headless-shell] in a plan",
    },
    BuiltIn {
        name: "edge",
        kind: BrowserKind::Chromium,
        browser_name: "MicrosoftEdge",
        options_key: "ms:edgeOptions",
        driver_version: Some("/msedge/msedgedriverVersion"),
        binaries: &[
            "microsoft-edge",
            "microsoft-edge-stable",
            "msedge",
            "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
            r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
            r"C:\Program Files\Microsoft\Edge\Application\msedge.exe",
        ],
        drivers: &["msedgedriver"],
        cached_binary: None,
        cached_driver: None,
        listens: Listens::OnAPortItPrints,
        driver_arguments: &[],
        needs_display: false,
        arguments: chromium!("--headless=new"),
        preferences: &[],
        since: CHROMIUM_SINCE,
        remedy: "install Microsoft Edge and put the msedgedriver of the same version on PATH (both from \
                 microsoft.com/edge)",
    },
    BuiltIn {
        name: "firefox",
        kind: BrowserKind::Firefox,
        browser_name: "firefox",
        options_key: "moz:firefoxOptions",
        driver_version: Some("/moz:geckodriverVersion"),
        binaries: &[
            "firefox",
            "firefox-esr",
            "/Applications/Firefox.app/Contents/MacOS/firefox",
            r"C:\Program Files\Mozilla Firefox\firefox.exe",
        ],
        drivers: &["geckodriver"],
        cached_binary: None,
        cached_driver: Some(protocol::cache::geckodriver),
        listens: Listens::OnAPortItPrints,
        driver_arguments: &["--websocket-port=0"],
        needs_display: false,
        arguments: &["-headless"],
        preferences: &[
            ("dom.webgpu.enabled", Preference::Switch(true)),
            ("gfx.webgpu.ignore-blocklist", Preference::Switch(true)),
            // A page that computes for minutes is not a page that hangs: the case's own time limit says when.
            ("dom.max_script_run_time", Preference::Number(0)),
        ],
        since: FIREFOX_SINCE,
        remedy: "run `cargo xtask setup`, or install Firefox and geckodriver (Debian: apt install firefox-esr; \
                 cargo install geckodriver)",
    },
    BuiltIn {
        name: "webkit",
        kind: BrowserKind::Webkit,
        browser_name: "MiniBrowser",
        options_key: "webkitgtk:browserOptions",
        driver_version: None,
        // No package puts WebKitGTK's own small browser on PATH.
        binaries: &[
            "MiniBrowser",
            "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
            "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
            "/usr/lib/webkit2gtk-4.1/MiniBrowser",
            "/usr/libexec/webkit2gtk-4.1/MiniBrowser",
        ],
        drivers: &["WebKitWebDriver"],
        cached_binary: None,
        cached_driver: None,
        listens: Listens::OnThePortGiven,
        driver_arguments: &[],
        needs_display: true,
        arguments: &["--automation"],
        preferences: &[],
        since: &[],
        remedy: "run `cargo xtask setup`, or install WebKitGTK's driver (Debian: apt install webkit2gtk-driver)",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        for entry in BUILT_IN {
            assert_eq!(BUILT_IN.iter().filter(|other| other.name == entry.name).count(), 1, "{}", entry.name);
        }
    }

    #[test]
    fn every_entry_can_be_found_started_and_got() {
        for entry in BUILT_IN {
            assert!(!entry.binaries.is_empty() && !entry.drivers.is_empty(), "{}", entry.name);
            let headless = entry.arguments.iter().any(|argument| argument.contains("headless"));
            assert!(headless != entry.needs_display, "{}", entry.name);
            assert!(!entry.remedy.is_empty(), "{}", entry.name);
        }
    }
}
