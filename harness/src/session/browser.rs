//! A session in a browser: the page behind WebDriver, to which jobs are handed as scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fantoccini::error::{CmdError, NewSessionError};
use fantoccini::wd::TimeoutConfiguration;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use protocol::{Adapter, Answer, Engine, Failure, FailureKind, Job, Outcome};
use serde_json::{Map, Value, json};

use super::{Context, Observed, Opening, Session, elapsed_ms};
use crate::adapter::{EVIDENCE, Launch, nameless};
use crate::browser::driver::Driver;
use crate::browser::{Access, BrowserEntry};
use crate::fault::Fault;
use crate::page_server::PageServer;
use crate::scratch;

/// How long a browser may take to start and show the page: cold disks and busy machines included.
const OPEN_LIMIT: Duration = Duration::from_secs(90);
/// The time that a driver gets on top of a job's limit to report the time-out itself.
const GRACE: Duration = Duration::from_secs(5);
/// How long a browser may take to quit before it is killed.
const QUIT_LIMIT: Duration = Duration::from_secs(3);

/// The fact that tells the browser's version.
const BROWSER_VERSION: &str = "browser_version";

const AWAIT_READY: &str = include_str!("await_ready.js");
const RUN_JOB: &str = include_str!("run_job.js");

/// The page, open in a browser.
pub struct BrowserSession {
    entry: BrowserEntry,
    secret: String,
    client: Client,
    driver: Option<Driver>,
    facts: BTreeMap<String, String>,
    /// The adapter that was asked for by a name, as it describes itself natively.
    named: Option<Adapter>,
    /// The libraries of this machine's Vulkan drivers.
    driver_libraries: BTreeSet<String>,
    /// Those of them that the browser has loaded, once it was looked for.
    loaded: BTreeSet<String>,
    limit: Option<Duration>,
    idle: bool,
    opening: Opening,
}

impl BrowserSession {
    /// Starts the browser with a fresh profile and for an adapter, and opens the page in it.
    ///
    /// # Errors
    /// `Unavailable` when the browser, its driver or the page's module is missing or they do not fit together;
    /// `Crash` or `Timeout` when one of them ends or hangs.
    pub async fn open(
        entry: &BrowserEntry,
        context: &Context,
        launch: Launch,
    ) -> Result<BrowserSession, Fault> {
        let (entry, pages) = (&entry.with_arguments(&launch.arguments), &context.pages);
        let session = match entry.access()? {
            Access::Remote { url } => BrowserSession::show(entry, pages, &url, None, None).await,
            Access::Local { binary, driver } => {
                let opened = async {
                    let begun = Instant::now();
                    let driver = Driver::start(entry, &driver, pages, &launch.environment).await?;
                    let (server, driver_ms) = (driver.url.clone(), elapsed_ms(begun));
                    let shown =
                        BrowserSession::show(entry, pages, &server, Some(&binary), Some(driver)).await;
                    shown.map(|mut session| {
                        session.opening.driver_ms = driver_ms;
                        session
                    })
                };
                // Browsers and drivers say nothing of it.
                let full = || scratch::full().map(|words| format!("{} did not start: {words}", entry.name));
                opened.await.map_err(|fault| full().map_or(fault, |message| Fault::Crash { message }))
            }
        };
        let mut session = session?;
        session.facts.extend(launch.facts());
        session.named = launch.named;
        session.driver_libraries = context.driver_files().iter().map(|file| file.library.clone()).collect();
        Ok(session)
    }

    /// Has the driver at `server` start the browser and show the page in it.
    async fn show(
        entry: &BrowserEntry,
        pages: &PageServer,
        server: &str,
        binary: Option<&Path>,
        driver: Option<Driver>,
    ) -> Result<BrowserSession, Fault> {
        let url = pages.page()?;
        let opened = tokio::time::timeout(OPEN_LIMIT, async {
            let begun = Instant::now();
            let client = connect(entry, server, binary, driver.as_ref()).await?;
            let mut session = BrowserSession::new(entry, client, driver, pages.secret());
            session.opening.browser_ms = elapsed_ms(begun);
            session.go_to(url).await?;
            Ok(session)
        });
        opened.await.unwrap_or(Err(Fault::Timeout { limit: OPEN_LIMIT }))
    }

    fn new(entry: &BrowserEntry, client: Client, driver: Option<Driver>, secret: &str) -> BrowserSession {
        let facts = facts(entry, &client, driver.as_ref());
        BrowserSession {
            entry: entry.clone(),
            secret: secret.to_owned(),
            client,
            driver,
            facts,
            named: None,
            driver_libraries: BTreeSet::new(),
            loaded: BTreeSet::new(),
            limit: None,
            idle: false,
            opening: Opening::default(),
        }
    }

    /// Names the adapters of an answer that its page could not name, by what the browser has loaded.
    fn name_adapters(&mut self, answer: &mut Answer) {
        self.facts.remove(EVIDENCE);
        let Some(driver) = &self.driver else { return };
        if let Some(named) = &self.named {
            let mut adapters = answer.adapters_mut().into_iter();
            let evidence = adapters.find_map(|adapter| nameless::name_product(adapter, named));
            self.facts.extend(evidence.map(|evidence| (EVIDENCE.to_owned(), evidence)));
        }
        let mut nameless: Vec<_> =
            answer.adapters_mut().into_iter().filter(|adapter| nameless::is_nameless(adapter)).collect();
        if nameless.is_empty() {
            return;
        }
        // Looking through all processes takes time, and a browser keeps the drivers that it has loaded.
        if self.loaded.is_empty() {
            self.loaded = driver.loaded(&self.driver_libraries);
        }
        for adapter in &mut nameless {
            let evidence = nameless::name(adapter, &self.loaded, self.named.as_ref());
            self.facts.extend(evidence.map(|evidence| (EVIDENCE.to_owned(), evidence)));
        }
    }

    async fn go_to(&mut self, url: &str) -> Result<(), Fault> {
        let begun = Instant::now();
        if let Err(error) = self.client.goto(url).await {
            return Err(self.fault(&error, OPEN_LIMIT).await);
        }
        self.opening.navigation_ms = elapsed_ms(begun);
        let begun = Instant::now();
        let answer = self.script(AWAIT_READY, vec![], OPEN_LIMIT).await?;
        self.opening.module_ms = elapsed_ms(begun);
        self.idle = true;
        match answer["failed"].as_str() {
            None => Ok(()),
            Some(words) => Err(Fault::Unavailable {
                reason: format!("{}: the page cannot start: {words}", self.entry.name),
                remedy: "run `cargo xtask wasm` to build its module".to_owned(),
            }),
        }
    }

    /// Runs an asynchronous script; `limit` is enforced by the driver, and by us should the driver hang.
    async fn script(&mut self, script: &str, arguments: Vec<Value>, limit: Duration) -> Result<Value, Fault> {
        let all = async {
            if self.limit != Some(limit) {
                let timeouts = TimeoutConfiguration::new(Some(limit), Some(OPEN_LIMIT), None);
                self.client.update_timeouts(timeouts).await?;
            }
            self.client.execute_async(script, arguments).await
        };
        let answered = tokio::time::timeout(limit + GRACE, all).await;
        self.limit = Some(limit);
        match answered {
            // What the page answers is an object: Firefox answers nothing for a page that is no more.
            Ok(Ok(Value::Null)) => Err(Fault::Crash {
                message: format!("{}: the tab's process died (its driver answered nothing)", self.entry.name),
            }),
            Ok(Ok(answer)) => Ok(self.discreet_answer(answer)),
            Ok(Err(error)) => Err(self.fault(&error, limit).await),
            Err(_) => Err(Fault::Timeout { limit }),
        }
    }

    /// Why this version of the browser cannot do a job of an engine.
    fn too_old(&self, engine: Engine) -> Option<Failure> {
        let message = self.entry.too_old(engine, self.facts.get(BROWSER_VERSION)?)?;
        Some(Failure { kind: FailureKind::Unavailable, message })
    }

    /// Says what an error of the driver means for the session.
    async fn fault(&mut self, error: &CmdError, limit: Duration) -> Fault {
        if error.is_script_timeout() || error.is_timeout() {
            return Fault::Timeout { limit };
        }
        let ended = match (error, &mut self.driver) {
            (CmdError::Standard(said), _) => died(first_line(&said.message)),
            // chromedriver has error codes of its own, `tab crashed` among them.
            (CmdError::NotW3C(Value::String(said)), _) => died(said),
            (CmdError::Lost(_) | CmdError::Failed(_) | CmdError::FailedC(_), Some(driver)) => {
                format!("its driver {}", driver.ended().await)
            }
            _ => error.to_string(),
        };
        let full = self.driver.as_ref().and_then(|_| scratch::full());
        let full = full.map(|words| format!("; {words}")).unwrap_or_default();
        let message = format!("{}: {ended}{full}", self.entry.name);
        Fault::Crash { message: discreet(&message, &self.secret) }
    }

    fn discreet_answer(&self, mut answer: Value) -> Value {
        for field in answer.as_object_mut().into_iter().flat_map(Map::values_mut) {
            if let Value::String(text) = field {
                *text = discreet(text, &self.secret);
            }
        }
        answer
    }
}

/// The words of drivers for a browser that answers no more, and what they mean.
const DEATHS: [(&str, &str); 6] = [
    // chromedriver.
    ("tab crashed", TAB),
    ("the browser has closed the connection", BROWSER),
    ("not connected to DevTools", BROWSER),
    // geckodriver.
    ("Browsing context has been discarded", TAB),
    ("Failed to decode response from marionette", BROWSER),
    ("Tried to run command without establishing a connection", BROWSER),
];
const TAB: &str = "the tab's process died";
const BROWSER: &str = "the browser ended";

/// Says what died, in our words and its driver's.
fn died(said: &str) -> String {
    let known = DEATHS.iter().find(|(words, _)| said.contains(words));
    format!("{} ({said})", known.map_or("the page or the browser died", |(_, what)| what))
}

/// Text without the secret in the page's address, which messages of the page and of its browser name: what is kept and
/// shown is read by others.
fn discreet(text: &str, secret: &str) -> String {
    text.replace(secret, "…")
}

#[async_trait]
impl Session for BrowserSession {
    async fn run(&mut self, job: &Job, limit: Duration) -> Result<Outcome, Fault> {
        if let Some(failure) = self.too_old(job.engine) {
            return Ok(Outcome { id: job.id, answer: Answer::Failed(failure) });
        }
        let crash = |message: String| Fault::Crash { message };
        let text = serde_json::to_string(job).map_err(|error| crash(format!("a job is no JSON: {error}")))?;
        self.idle = false;
        if let Some(driver) = &self.driver {
            driver.begin_job();
        }
        let answer = self.script(RUN_JOB, vec![json!(text)], limit).await?;
        self.idle = true;
        let name = &self.entry.name;
        if let Some(words) = answer["failed"].as_str() {
            return Err(crash(format!("{name}: the page failed: {words}")));
        }
        let outcome = answer["outcome"].as_str().unwrap_or_default();
        let mut outcome: Outcome = serde_json::from_str(outcome).map_err(|error| {
            crash(format!("{name}: the page answered no outcome ({error}): {outcome:.200}"))
        })?;
        self.name_adapters(&mut outcome.answer);
        Ok(outcome)
    }

    fn opening(&self) -> Opening {
        self.opening
    }

    fn observed(&self) -> Observed {
        let memory_bytes = self.driver.as_ref().and_then(Driver::memory_bytes);
        Observed { facts: self.facts.clone(), memory_bytes, turn: None, readings: None }
    }

    async fn close(self: Box<Self>) {
        // A browser in the middle of something does not quit, it is killed.
        if self.idle || self.driver.is_none() {
            let _ = tokio::time::timeout(QUIT_LIMIT, self.client.close()).await;
        }
        if let Some(driver) = self.driver {
            driver.stop().await;
        }
    }
}

async fn connect(
    entry: &BrowserEntry,
    server: &str,
    binary: Option<&Path>,
    driver: Option<&Driver>,
) -> Result<Client, Fault> {
    let capabilities = entry.capabilities(binary);
    let client = match driver.and_then(Driver::network) {
        Some(network) => ClientBuilder::new(network.clone()).capabilities(capabilities).connect(server).await,
        None => ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(server).await,
    };
    client.map_err(|error| match (binary, &error) {
        (None, NewSessionError::FailedC(_) | NewSessionError::Failed(_) | NewSessionError::Lost(_)) => {
            Fault::Unavailable {
                reason: format!("{}: no WebDriver server answers at {server}", entry.name),
                remedy: format!("start it, or correct remote under [browsers.{}] in the plan", entry.name),
            }
        }
        (Some(_) | None, _) => not_opened(&entry.name, &error),
    })
}

/// Tells a driver that does not fit its browser from a browser that did not start.
fn not_opened(name: &str, error: &NewSessionError) -> Fault {
    let words = match error {
        NewSessionError::SessionNotCreated(said) => said.message.to_string(),
        NewSessionError::NotW3C(said) => said["message"].as_str().unwrap_or_default().to_owned(),
        NewSessionError::BadWebdriverUrl(_)
        | NewSessionError::Failed(_)
        | NewSessionError::FailedC(_)
        | NewSessionError::Lost(_)
        | NewSessionError::UnexpectedError(_) => error.to_string(),
    };
    match words.contains("only supports") || words.contains("version must be") {
        true => Fault::Unavailable {
            reason: format!("{name}: {}", words.lines().take(2).collect::<Vec<_>>().join("; ")),
            remedy:
                "install a driver of the same version as the browser (`cargo xtask setup` does), or name \
                     one as driver under [browsers.NAME] in a plan"
                    .to_owned(),
        },
        false => Fault::Crash { message: format!("{name} did not start: {}", first_line(&words)) },
    }
}

/// The first line of what a driver said; a stack trace of its own follows it.
fn first_line(words: &str) -> &str {
    words.lines().next().unwrap_or_default().trim()
}

fn facts(entry: &BrowserEntry, client: &Client, driver: Option<&Driver>) -> BTreeMap<String, String> {
    let said = json!(client.capabilities());
    let text = |key: &str| said[key].as_str().map(str::to_owned);
    let preferences = entry.preferences();
    let network = driver.map(|driver| if driver.network().is_some() { "its own" } else { "this machine's" });
    let facts = [
        ("browser", text("browserName")),
        (BROWSER_VERSION, text("browserVersion")),
        ("browser_platform", text("platformName")),
        ("driver_version", entry.driver_version(&said)),
        ("browser_arguments", Some(entry.arguments().join(" "))),
        ("network", network.map(str::to_owned)),
        ("debugged", Some(if entry.is_debugged_by_pipe() { "by pipe" } else { "on a port" }.to_owned())),
        ("browser_preferences", (!preferences.is_empty()).then(|| Value::Object(preferences).to_string())),
    ];
    facts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use fantoccini::error::{ErrorStatus, WebDriver};

    use super::*;

    fn refused(words: &str) -> NewSessionError {
        let words: Cow<'static, str> = words.to_owned().into();
        NewSessionError::SessionNotCreated(WebDriver::new(ErrorStatus::SessionNotCreated, words))
    }

    #[test]
    fn what_died_is_named_whatever_its_driver_calls_it() {
        // What chromedriver 156 and geckodriver 0.37 say.
        for (said, expected) in [
            ("tab crashed", "the tab's process died (tab crashed)"),
            (
                "invalid session id: session deleted as the browser has closed the connection",
                "the browser ended (invalid session id: session deleted as the browser has closed the connection)",
            ),
            (
                "Failed to decode response from marionette",
                "the browser ended (Failed to decode response from marionette)",
            ),
            (
                "no such window: Browsing context has been discarded",
                "the tab's process died (no such window: Browsing context has been discarded)",
            ),
            ("javascript error", "the page or the browser died (javascript error)"),
        ] {
            assert_eq!(died(said), expected);
        }
    }

    #[test]
    fn a_driver_that_does_not_fit_is_told_from_a_browser_that_does_not_start() {
        // What chromedriver and geckodriver say in each case.
        for (words, unavailable, part) in [
            (
                "session not created: This version of ChromeDriver only supports Chrome version 99\n\
                 Current browser version is 156.0.8078.79 with binary path /usr/bin/chromium\nStacktrace: #0",
                true,
                "version 99; Current browser version is 156.0.8078.79",
            ),
            (
                "session not created: This version of Microsoft Edge WebDriver only supports Microsoft Edge \
                 version 99",
                true,
                "the same version",
            ),
            (
                "session not created: Chrome failed to start: crashed.\n  (trace)",
                false,
                "failed to start: crashed.",
            ),
        ] {
            let fault = not_opened("chrome", &refused(words));
            let message = fault.to_string();
            assert_eq!(matches!(fault, Fault::Unavailable { .. }), unavailable, "{message}");
            assert!(message.starts_with("chrome") && message.contains(part), "{message}");
            assert!(!message.contains("race"), "{message}");
        }
    }
}
