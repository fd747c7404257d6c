//! A window of a browser, as a reader of a report has one: opened at a size and in a colour scheme, typed into, looked at.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use protocol::cache;
use serde_json::{Map, Value, json};

/// How long anything on the page may take: cold disks and busy machines included.
const LIMIT: Duration = Duration::from_secs(60);

/// The browsers that a report is opened in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Browser {
    Chrome,
    Firefox,
}

/// How a window looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As on a desk, in light colours.
    Wide,
    /// As on a phone, in dark colours.
    NarrowAndDark,
}

/// The width of a small phone, in CSS pixels.
const NARROW: u32 = 360;
/// Keys as WebDriver names them (<https://www.w3.org/TR/webdriver2/#keyboard-actions>).
pub const ENTER: &str = "\u{e007}";
pub const ESCAPE: &str = "\u{e00c}";
pub const DOWN: &str = "\u{e015}";

impl Browser {
    pub const ALL: [Browser; 2] = [Browser::Chrome, Browser::Firefox];

    /// Its driver, on `PATH` or where set-up keeps it.
    fn driver(self) -> PathBuf {
        let (name, cached) = match self {
            Browser::Chrome => ("chromedriver", cache::chromedriver()),
            Browser::Firefox => ("geckodriver", cache::geckodriver()),
        };
        on_path(name).unwrap_or(cached)
    }

    fn capabilities(self, look: Look) -> Value {
        let narrow = look == Look::NarrowAndDark;
        match self {
            Browser::Chrome => {
                let binary = ["google-chrome", "chromium"].into_iter().find_map(on_path);
                let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!narrow));
                let mut options =
                    json!({ "args": ["--headless=new", "--no-sandbox", "--window-size=1280,900", scheme] });
                options["binary"] = json!(binary.expect("Chrome, on PATH"));
                if narrow {
                    options["mobileEmulation"] =
                        json!({ "deviceMetrics": { "width": NARROW, "height": 740, "pixelRatio": 1.0 } });
                }
                json!({ "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" } })
            }
            Browser::Firefox => {
                let width = if narrow { NARROW } else { 1280 };
                let prefs = json!({ "layout.css.prefers-color-scheme.content-override": u8::from(!narrow) });
                json!({ "browserName": "firefox", "moz:firefoxOptions": { "args": ["-headless", format!("--width={width}"), "--height=900"], "prefs": prefs } })
            }
        }
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// A window, and the driver behind it, which ends with it.
pub struct Window {
    pub browser: Browser,
    pub client: Client,
    driver: Child,
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Window {
    pub async fn open(browser: Browser, look: Look) -> Window {
        let (driver, port) = start(&browser.driver());
        let Value::Object(capabilities) = browser.capabilities(look) else {
            panic!("capabilities are an object")
        };
        let server = format!("http://127.0.0.1:{port}");
        let builder =
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&server).await;
        Window { browser, client: builder.unwrap_or_else(|error| panic!("{browser:?}: {error}")), driver }
    }

    /// Quits the browser; a test that fails before leaves that to the driver's end.
    pub async fn close(self) {
        let _ = self.client.clone().close().await;
    }

    pub async fn go_to(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{:?}, {url}: {error}", self.browser));
    }

    pub async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }

    /// What an expression of the page comes to.
    pub async fn look(&self, expression: &str) -> Value {
        let found = self.client.execute(&format!("return {expression}"), Vec::new()).await;
        found.unwrap_or_else(|error| panic!("{:?}, {expression}: {error}", self.browser))
    }

    /// The text that an expression of the page comes to.
    pub async fn text(&self, expression: &str) -> String {
        self.look(expression).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression of the page is true.
    pub async fn until(&self, expression: &str) {
        let start = Instant::now();
        while self.look(&format!("Boolean({expression})")).await != true {
            assert!(start.elapsed() < LIMIT, "{:?} waited in vain for {expression}", self.browser);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Types to what has the focus.
    pub async fn press(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// What Chrome has written to one of its logs since it was last asked; Firefox tells none.
    pub async fn log(&self, kind: &'static str) -> Vec<Value> {
        if self.browser == Browser::Firefox {
            return Vec::new();
        }
        let entries = self.client.issue_cmd(Log(kind)).await.unwrap();
        entries.as_array().cloned().unwrap_or_default()
    }
}

/// Starts a driver on a port that it finds, and reads which one it says.
fn start(program: &Path) -> (Child, u16) {
    let mut driver = Command::new(program);
    driver.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut driver = driver.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port =
        lines.find_map(|line| port(&line)).unwrap_or_else(|| panic!("{} names no port", program.display()));
    // It goes on writing, and would hang where nobody reads.
    std::thread::spawn(move || lines.for_each(drop));
    (driver, port)
}

/// The port in `… started successfully on port 41213.` or `… Listening on 127.0.0.1:41213`.
fn port(line: &str) -> Option<u16> {
    let is_said = line.contains("successfully on port ") || line.contains("Listening on ");
    let digits = line.trim_end_matches('.').rsplit([' ', ':']).next()?;
    digits.parse().ok().filter(|_| is_said)
}

/// Chromedriver's own command for a browser's logs.
#[derive(Debug)]
struct Log(&'static str);

impl WebDriverCompatibleCommand for Log {
    fn endpoint(&self, base_url: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let body: Map<String, Value> = [("type".to_owned(), json!(self.0))].into_iter().collect();
        (http::Method::POST, Some(Value::Object(body).to_string()))
    }
}
