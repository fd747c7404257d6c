//! The browsers that can be driven: the built-in entries, a plan's changes to them, and finding them on this machine.

mod arguments;
pub mod driver;
pub(crate) mod table;

use std::collections::BTreeMap;
use std::env::{self, consts::EXE_EXTENSION};
use std::path::{Path, PathBuf};

use protocol::cache::is_bundled;
use protocol::{BrowserKind, Engine, least};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::fault::Fault;
use table::{BUILT_IN, BuiltIn};

/// A plan's `[browsers.NAME]`: a change to a built-in browser, or a browser of its own.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BrowserOverride {
    /// The family of its engine; needed for a name that is not built in.
    pub kind: Option<BrowserKind>,
    /// The browser's executable, instead of searching for one.
    pub binary: Option<PathBuf>,
    /// The WebDriver executable, instead of searching for one.
    pub driver: Option<PathBuf>,
    /// Command-line arguments after the built-in ones.
    pub arguments: Vec<String>,
    /// Chromium features to enable besides the built-in ones.
    pub features: Vec<String>,
    /// Preferences over the built-in ones, as Firefox's `about:config` or Chromium's profile names them.
    pub preferences: BTreeMap<String, Value>,
    /// A WebDriver server to connect to (`http://127.0.0.1:4444`) instead of starting a driver. Its browser has
    /// to reach the page on this machine's loopback address.
    pub remote: Option<String>,
}

/// One configured browser.
#[derive(Debug, Clone)]
pub struct BrowserEntry {
    /// Its name in targets.
    pub name: String,
    /// The family of its engine.
    pub kind: BrowserKind,
    base: &'static BuiltIn,
    changes: BrowserOverride,
}

/// How a configured browser is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Both executables are on this machine.
    Local {
        /// The browser.
        binary: PathBuf,
        /// Its WebDriver server.
        driver: PathBuf,
    },
    /// A WebDriver server that somebody else runs.
    Remote {
        /// Its address.
        url: String,
    },
}

/// Names a TOML file whose `[browsers.NAME]` hold for every command, below those of a plan.
const BROWSERS: &str = "PARALLAX_BROWSERS";

/// Every browser by name: the built-in ones, changed and added to by the file that the environment names, and above
/// that by `changes`.
///
/// # Errors
/// Those of [`configured`], and a file that cannot be read.
pub fn known(changes: &BTreeMap<String, BrowserOverride>) -> Result<BTreeMap<String, BrowserEntry>, Error> {
    let mut all = changes_of_the_environment()?;
    all.extend(changes.clone());
    configured(&all)
}

/// Reads the changes in the file named in the environment.
fn changes_of_the_environment() -> Result<BTreeMap<String, BrowserOverride>, Error> {
    #[derive(Deserialize)]
    struct Browsers {
        browsers: BTreeMap<String, BrowserOverride>,
    }
    let Some(path) = env::var_os(BROWSERS).map(PathBuf::from) else { return Ok(BTreeMap::new()) };
    let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
    let read = read.and_then(|text| toml::from_str::<Browsers>(&text).map_err(|error| error.to_string()));
    let name = || format!("{BROWSERS}={}", path.display());
    read.map(|file| file.browsers).map_err(|message| Error::BrowserInvalid { name: name(), message })
}

/// Every browser by name: the built-in ones, changed and added to by `changes`.
///
/// # Errors
/// When an entry of `changes` contradicts the built-in one or lacks its kind.
fn configured(changes: &BTreeMap<String, BrowserOverride>) -> Result<BTreeMap<String, BrowserEntry>, Error> {
    let built_in = BUILT_IN.iter().map(|base| (base.name.to_owned(), BrowserEntry::of(base)));
    let mut browsers: BTreeMap<String, BrowserEntry> = built_in.collect();
    for (name, change) in changes {
        let base = base_for(name, change)?;
        let entry = BrowserEntry { name: name.clone(), changes: change.clone(), ..BrowserEntry::of(base) };
        browsers.insert(name.clone(), entry);
    }
    Ok(browsers)
}

/// The entry that `change` starts from: the one of its name, else the first of its kind.
fn base_for(name: &str, change: &BrowserOverride) -> Result<&'static BuiltIn, Error> {
    let invalid = |message: String| Error::BrowserInvalid { name: name.to_owned(), message };
    let named = BUILT_IN.iter().find(|base| base.name == name);
    let changes_settings = !change.features.is_empty() || !change.preferences.is_empty();
    let of_the_kind = || BUILT_IN.iter().find(|base| Some(base.kind) == change.kind);
    match (named.or_else(of_the_kind), change.kind) {
        (Some(base), Some(kind)) if base.kind != kind => Err(invalid(
            "its kind is built in and cannot be changed; give the other browser another name".into(),
        )),
        (Some(base), _) if base.kind == BrowserKind::Webkit && changes_settings => {
            Err(invalid("WebKit takes neither features nor preferences; leave them out".into()))
        }
        (Some(base), _) => Ok(base),
        (None, _) => Err(invalid(
            "it is not built in: add its kind, one of \"chromium\", \"firefox\" and \"webkit\"".into(),
        )),
    }
}

impl BrowserEntry {
    fn of(base: &'static BuiltIn) -> BrowserEntry {
        let changes = BrowserOverride::default();
        BrowserEntry { name: base.name.to_owned(), kind: base.kind, base, changes }
    }

    /// The same with more arguments, after all others.
    pub fn with_arguments(&self, more: &[String]) -> BrowserEntry {
        let mut entry = self.clone();
        entry.changes.arguments.extend(more.iter().cloned());
        entry
    }

    /// Returns whether somebody else runs it.
    pub fn is_remote(&self) -> bool {
        self.changes.remote.is_some()
    }

    /// Finds the browser and its driver on this machine.
    ///
    /// # Errors
    /// `Unavailable`, with what was looked for and how to get it.
    pub fn access(&self) -> Result<Access, Fault> {
        if let Some(url) = &self.changes.remote {
            return Ok(Access::Remote { url: url.clone() });
        }
        let BuiltIn { binaries, cached_binary, drivers, cached_driver, .. } = *self.base;
        let binary = self.find("binary", self.changes.binary.as_deref(), binaries, cached_binary)?;
        let driver = self.find("driver", self.changes.driver.as_deref(), drivers, cached_driver)?;
        Ok(Access::Local { binary, driver })
    }

    fn find(
        &self,
        what: &str,
        chosen: Option<&Path>,
        usual: &[&str],
        cached: Option<fn() -> PathBuf>,
    ) -> Result<PathBuf, Fault> {
        let name = &self.name;
        let Some(chosen) = chosen else {
            let cached = cached.map(|cached| cached());
            // A bundle brings a browser and its driver that fit each other.
            let bundled = cached.as_deref().filter(|path| is_bundled(path));
            let usual = usual.iter().filter(|place| is_of_this_system(place));
            let places = bundled.into_iter().chain(usual.map(Path::new)).chain(cached.as_deref());
            return places.clone().find_map(locate).ok_or_else(|| {
                let looked_for: Vec<String> = places.map(|place| place.display().to_string()).collect();
                let reason = format!("{name}: no {what} found, looked for {}", looked_for.join(", "));
                Fault::Unavailable { reason, remedy: self.base.remedy.to_owned() }
            });
        };
        locate(chosen).ok_or_else(|| Fault::Unavailable {
            reason: format!("{name}: there is no {}", chosen.display()),
            remedy: format!("correct {what} under [browsers.{name}] in the plan"),
        })
    }

    /// The browser's command-line arguments, each list of features merged into one.
    pub fn arguments(&self) -> Vec<String> {
        let features = |names: &[String]| format!("--enable-features={}", names.join(","));
        let mut all: Vec<String> = self.base.arguments.iter().map(|&argument| argument.to_owned()).collect();
        if self.kind == BrowserKind::Chromium && arguments::is_root() {
            all.push("--no-sandbox".to_owned());
        }
        all.extend(self.is_debugged_by_pipe().then(|| "--remote-debugging-pipe".to_owned()));
        all.extend(self.changes.arguments.iter().cloned());
        all.extend((!self.changes.features.is_empty()).then(|| features(&self.changes.features)));
        arguments::merged(all)
    }

    /// Returns whether only its driver can debug it: everybody who reaches a port can read its pages, and files through
    /// them. A plan may ask for a port for a tool of its own.
    pub fn is_debugged_by_pipe(&self) -> bool {
        let is_port = |argument: &String| argument.starts_with("--remote-debugging-");
        self.kind == BrowserKind::Chromium && !self.changes.arguments.iter().any(is_port)
    }

    /// The preferences set in the browser's profile.
    pub fn preferences(&self) -> Map<String, Value> {
        let built_in =
            self.base.preferences.iter().map(|(name, value)| ((*name).to_owned(), value.to_json()));
        let changed = self.changes.preferences.iter().map(|(name, value)| (name.clone(), value.clone()));
        built_in.chain(changed).collect()
    }

    /// All that decides how it behaves, as canonical JSON: its arguments and preferences in effect. Where it and its driver lie
    /// changes nothing about what a number means.
    pub fn settings(&self) -> String {
        json!({ "arguments": self.arguments(), "preferences": self.preferences() }).to_string()
    }

    /// The capabilities that a new session asks for; `binary` is none for a remote browser.
    ///
    /// The vendors agree on the keys inside their own options.
    pub fn capabilities(&self, binary: Option<&Path>) -> Map<String, Value> {
        let mut options = json!({ "args": self.arguments(), "prefs": self.preferences() });
        if let Some(binary) = binary {
            options["binary"] = json!(binary);
        }
        let mut capabilities = Map::new();
        capabilities.insert("browserName".to_owned(), json!(self.base.browser_name));
        capabilities.insert(self.base.options_key.to_owned(), options);
        capabilities
    }

    /// Why an engine cannot run in this version of the browser, and what to do; none where it can, or where the
    /// version cannot be read.
    pub fn too_old(&self, engine: Engine, version: &str) -> Option<String> {
        let &(_, needed, what) = self.base.since.iter().find(|(known, ..)| *known == engine)?;
        let product = match self.kind {
            BrowserKind::Chromium => "Chromium",
            BrowserKind::Firefox => "Firefox",
            BrowserKind::Webkit => "WebKit",
        };
        (least::major(version)? < needed).then(|| {
            format!(
                "{}: {version} is too old, {} needs {product} {needed} or later with {what}; update it, run \
                 `cargo xtask setup`, or name a newer one as binary under [browsers.NAME] in a plan",
                self.name,
                engine.name()
            )
        })
    }

    /// The driver's version, from the capabilities of an open session.
    pub fn driver_version(&self, session: &Value) -> Option<String> {
        let text = session.pointer(self.base.driver_version?)?.as_str()?;
        // "156.0.8078.79 (a21ce95c-refs/branch-heads/8078@{#1704})": the commit is of no use to a reader.
        text.split_whitespace().next().map(str::to_owned)
    }
}

/// Returns whether a usual place can exist on this operating system at all.
fn is_of_this_system(place: &str) -> bool {
    match place {
        mac if mac.starts_with("/Applications/") => cfg!(target_os = "macos"),
        windows if windows.starts_with(r"C:\") => cfg!(windows),
        unix if unix.starts_with('/') => cfg!(unix),
        _ => true,
    }
}

/// The file at a path, or the executable of that name on `PATH`.
fn locate(candidate: &Path) -> Option<PathBuf> {
    if candidate.components().count() > 1 {
        return candidate.is_file().then(|| candidate.to_owned());
    }
    let folders = env::var_os("PATH")?;
    let named = |folder: PathBuf| folder.join(candidate).with_extension(EXE_EXTENSION);
    env::split_paths(&folders).map(named).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, toml: &str) -> Result<BrowserEntry, Error> {
        let change: BrowserOverride = toml::from_str(toml).unwrap();
        configured(&BTreeMap::from([(name.to_owned(), change)])).map(|mut all| all.remove(name).unwrap())
    }

    #[test]
    fn a_plan_changes_what_is_built_in_and_adds_its_own() {
        let beta = entry("beta", "kind = 'chromium'\nbinary = '/opt/beta'\nfeatures = ['Vulkan']").unwrap();
        assert_eq!((beta.kind, beta.name.as_str()), (BrowserKind::Chromium, "beta"));
        let lists: Vec<String> = beta
            .arguments()
            .into_iter()
            .filter(|argument| argument.starts_with("--enable-features="))
            .collect();
        assert_eq!(lists, ["--enable-features=WebMachineLearningNeuralNetwork,Vulkan"]);
        let firefox = entry("firefox", "preferences = { 'dom.webgpu.enabled' = false }").unwrap();
        assert_eq!(firefox.preferences()["dom.webgpu.enabled"], false);
        assert_eq!(firefox.preferences()["gfx.webgpu.ignore-blocklist"], true);
    }

    #[test]
    fn only_a_driver_debugs_a_chromium_unless_a_plan_asks_for_a_port() {
        for (name, toml, by_pipe) in [
            ("chrome", "", true),
            ("headless-shell", "", true),
            ("edge", "arguments = ['--enable-logging']", true),
            ("chrome", "arguments = ['--remote-debugging-port=0']", false),
            ("firefox", "", false),
            ("webkit", "", false),
        ] {
            let entry = entry(name, toml).unwrap();
            assert_eq!(entry.is_debugged_by_pipe(), by_pipe, "{name} {toml}");
            let piped = entry.arguments().iter().any(|argument| argument == "--remote-debugging-pipe");
            assert_eq!(piped, by_pipe, "{name} {toml}");
        }
    }

    #[test]
    fn a_contradiction_is_refused_with_what_would_be_right() {
        for (name, toml, part) in [
            ("beta", "binary = '/opt/beta'", "add its kind, one of \"chromium\""),
            ("chrome", "kind = 'firefox'", "another name"),
            ("webkit", "features = ['WebGPU']", "neither features nor preferences"),
            ("gtk", "kind = 'webkit'\npreferences = { 'a' = 1 }", "neither features nor preferences"),
        ] {
            let message = entry(name, toml).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(part), "{message}");
        }
    }

    #[test]
    fn what_is_missing_is_unavailable_with_what_was_looked_for_and_a_remedy() {
        let here = env::current_exe().unwrap();
        let missing_driver = format!("kind = 'firefox'\nbinary = {here:?}\ndriver = '/nowhere/driver'");
        for (toml, parts) in [
            ("kind = 'chromium'\nbinary = '/nowhere/chrome'", ["/nowhere/chrome", "[browsers.x]"]),
            (&missing_driver, ["/nowhere/driver", "correct driver"]),
        ] {
            let Err(Fault::Unavailable { reason, remedy }) = entry("x", toml).unwrap().access() else {
                unreachable!("{toml} was found")
            };
            assert!(reason.contains(parts[0]) && (reason + &remedy).contains(parts[1]), "{toml}");
        }
    }

    #[test]
    fn each_vendor_gets_its_own_capability_names() {
        for (name, key, browser_name) in [
            ("chrome", "goog:chromeOptions", "chrome"),
            ("headless-shell", "goog:chromeOptions", "chrome"),
            ("edge", "ms:edgeOptions", "MicrosoftEdge"),
            ("firefox", "moz:firefoxOptions", "firefox"),
            ("webkit", "webkitgtk:browserOptions", "MiniBrowser"),
        ] {
            let browsers = configured(&BTreeMap::new()).unwrap();
            let capabilities = browsers[name].capabilities(Some(Path::new("/b")));
            assert_eq!(capabilities["browserName"], browser_name, "{name}");
            assert_eq!(capabilities[key]["binary"], "/b", "{name}");
        }
    }

    #[test]
    fn a_browser_too_old_for_an_engine_says_what_it_needs() {
        let browsers = configured(&BTreeMap::new()).unwrap();
        for (name, version, engine, expected) in [
            ("firefox", "140.3.0", Engine::Webgpu, Some("webgpu needs Firefox 141 or later with WebGPU")),
            ("firefox", "140.3.0", Engine::OrtWebgpu, Some("ort-webgpu needs Firefox 141 or later")),
            ("firefox", "140.3.0", Engine::Wasm, None),
            ("firefox", "141.0", Engine::Webgpu, None),
            ("firefox", "unknown", Engine::Webgpu, None),
            ("chrome", "112.0.5615.49", Engine::Webgpu, Some("Chromium 113 or later with WebGPU")),
            ("edge", "113.0.1774.35", Engine::Webgpu, None),
            ("webkit", "2.50.6", Engine::Webgpu, None),
        ] {
            let message = browsers[name].too_old(engine, version);
            assert_eq!(message.is_some(), expected.is_some(), "{name} {version}: {message:?}");
            let message = message.unwrap_or_default();
            assert!(message.contains(expected.unwrap_or_default()), "{name} {version}: {message}");
        }
    }

    #[test]
    fn the_drivers_version_is_read_without_its_commit() {
        let browsers = configured(&BTreeMap::new()).unwrap();
        for (name, session, expected) in [
            (
                "chrome",
                json!({"chrome": {"chromedriverVersion": "156.0.8078.79 (a21c)"}}),
                Some("156.0.8078.79"),
            ),
            ("edge", json!({"msedge": {"msedgedriverVersion": "150.0.1 (b)"}}), Some("150.0.1")),
            ("firefox", json!({"moz:geckodriverVersion": "0.37.1"}), Some("0.37.1")),
            ("firefox", json!({}), None),
            ("webkit", json!({"browserVersion": "2.50.6"}), None),
        ] {
            assert_eq!(browsers[name].driver_version(&session).as_deref(), expected, "{name}");
        }
    }
}
