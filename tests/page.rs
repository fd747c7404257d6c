//! The report page as its readers have it: opened from a file in Chrome and Firefox, and served while a sweep runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

mod window;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use end_to_end::{Scene, bad_model, ended};
use serde_json::Value;
use window::{Browser, DOWN, ENTER, ESCAPE, Look, Window};

const TARGETS: [&str; 2] = ["onnxruntime:cpu", "wgpu:vulkan"];
/// What is said of a file that is no model.
const NO_MODEL: &str = "not an ONNX";

/// Expressions of the page.
const DRAWN: &str = "document.documentElement.dataset.drawn !== undefined";
const ROWS: &str = "document.querySelectorAll('.matrix tbody tr').length";
const LINKS: &str = "document.querySelectorAll('.matrix tbody a').length";
const OPEN: &str = "document.getElementById('case').open";
const LOADED: &str = "document.querySelector('#case .command') !== null";
const TITLE: &str = "document.getElementById('case-title').textContent";
const OVERFLOW: &str = "Math.max(document.documentElement.scrollWidth - innerWidth, \
                        document.getElementById('case').scrollWidth - document.getElementById('case').clientWidth)";
const FROM_ELSEWHERE: &str = "performance.getEntriesByType('resource').map(found => found.name).filter(name => name.startsWith('http'))";
/// Contrast of the page's text, as WCAG 2.2 computes it (<https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>), and the
/// luminance of its background.
const COLOURS: &str = "(() => {
    const linear = (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const luminance = (colour) => {
        const [red, green, blue] = colour.match(/[0-9.]+/g).map((part) => linear(part / 255));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const style = getComputedStyle(document.body);
    const [text, page] = [luminance(style.color), luminance(style.backgroundColor)];
    return [(Math.max(text, page) + 0.05) / (Math.min(text, page) + 0.05), page];
})()";

/// A page in a scene's folder, made from a sweep of two sound models and one that is none.
fn report(scene: &Scene) -> String {
    let broken = bad_model("not-onnx");
    let sweep = ended(scene.sweep(&["bert-tiny", "vit-tiny", &broken], &TARGETS, &["--samples", "12"]));
    assert_eq!(sweep.code, Some(1), "{}{}", sweep.stdout, sweep.stderr);
    let mut report = scene.parallax(["report", "--html", "page"]);
    report.arg("--db").arg(scene.database());
    let report = ended(report);
    assert_eq!(report.code, Some(0), "{report:?}");
    format!("file://{}", scene.path("page/index.html").display())
}

#[tokio::test]
async fn a_report_opens_from_a_file_and_answers() {
    let scene = Scene::new();
    let url = report(&scene);
    for browser in Browser::ALL {
        let window = Window::open(browser, Look::Wide).await;
        window.go_to(&url).await;
        window.until(DRAWN).await;
        first_view(&window).await;
        filters(&window, &url).await;
        keyboard(&window).await;
        a_link_to_a_case(&window, &url).await;
        nothing_went_wrong(&window).await;
        window.close().await;
    }
}

async fn first_view(window: &Window) {
    let browser = window.browser;
    let broke = window.text("document.getElementById('broke').textContent").await;
    assert!(broke.contains(NO_MODEL), "{browser:?}: {broke}");
    assert_eq!(window.look(ROWS).await, 3, "{browser:?}");
    assert_eq!(window.look(LINKS).await, 6, "{browser:?}");
    let heads = "[...document.querySelectorAll('th')].every((head) => head.scope)";
    assert_eq!(window.look(heads).await, true, "{browser:?}: every head has its scope");
    assert_eq!(window.look("document.querySelectorAll('h1').length").await, 1, "{browser:?}");
}

async fn filters(window: &Window, url: &str) {
    window.go_to(&format!("{url}#matrix?model=bert")).await;
    window.until(&format!("{ROWS} === 1")).await;
    let field = "document.forms.filters.elements.model";
    assert_eq!(window.text(&format!("{field}.value")).await, "bert");
    window.look(&format!("{field}.select(), {field}.focus()")).await;
    window.press("vit").await;
    window.until("location.hash.includes('model=vit')").await;
    window.until(&format!("{ROWS} === 1")).await;
    window.look("document.forms.filters.elements.clear.click()").await;
    window.until(&format!("{ROWS} === 3")).await;
    window.look("history.back()").await;
    window.until(&format!("{ROWS} === 1")).await;
    window.look("history.forward()").await;
    window.until(&format!("{ROWS} === 3")).await;
}

async fn keyboard(window: &Window) {
    window.look("document.querySelector('.matrix [tabindex=\"0\"]').focus()").await;
    window.press(DOWN).await;
    let case = window.text("document.activeElement.dataset.case").await;
    let model = window.text("document.activeElement.closest('tr').querySelector('th bdi').textContent").await;
    window.press(ENTER).await;
    window.until(LOADED).await;
    let title = window.text(TITLE).await;
    assert!(title.contains(&model), "{:?}: {title} is not of {model}", window.browser);
    let address = window.text("location.hash").await;
    assert!(address.contains(&format!("case={case}")), "{:?}: {case} is not in {address}", window.browser);
    let command = window.text("document.querySelector('#case .command').textContent").await;
    assert!(command.starts_with("parallax "), "{:?}: {command}", window.browser);
    window.press(ESCAPE).await;
    window.until(&format!("!{OPEN}")).await;
    assert_eq!(window.text("document.activeElement.dataset.case").await, case, "{:?}", window.browser);
}

async fn a_link_to_a_case(window: &Window, url: &str) {
    let right = "document.querySelector('.matrix td.right a').dataset.case";
    let case = window.text(right).await;
    window.go_to(&format!("{url}#matrix?case={case}")).await;
    window.reload().await;
    window.until(LOADED).await;
    window.until("document.querySelector('#case .plot svg') !== null").await;
    let samples = window.text("document.querySelector('#case .case-body').textContent").await;
    assert!(samples.contains("12 measured"), "{:?}: {samples}", window.browser);
}

/// Chrome tells what its console shows, and every request that it makes; Firefox what it loaded for the page.
async fn nothing_went_wrong(window: &Window) {
    assert_eq!(window.look(FROM_ELSEWHERE).await, Value::Array(Vec::new()), "{:?}", window.browser);
    let severe: Vec<Value> =
        window.log("browser").await.into_iter().filter(|entry| entry["level"] == "SEVERE").collect();
    assert!(severe.is_empty(), "{severe:#?}");
    let requests = window.log("performance").await;
    let requests = requests.iter().filter_map(|entry| entry["message"].as_str()?.parse::<Value>().ok());
    let addresses =
        requests.filter_map(|entry| Some(entry["message"]["params"]["request"]["url"].as_str()?.to_owned()));
    let outside: Vec<String> =
        addresses.filter(|url| !["file:", "data:"].iter().any(|ours| url.starts_with(ours))).collect();
    assert!(outside.is_empty(), "{outside:?}");
}

#[tokio::test]
async fn a_report_is_legible_on_a_phone_and_in_the_dark() {
    let scene = Scene::new();
    let url = report(&scene);
    for browser in Browser::ALL {
        for (look, dark) in [(Look::Wide, false), (Look::NarrowAndDark, true)] {
            let window = Window::open(browser, look).await;
            window.go_to(&url).await;
            window.until(DRAWN).await;
            check_look(&window, look, dark).await;
            let case = window.text("document.querySelector('.matrix td.right a').dataset.case").await;
            window.look(&format!("location.hash = '#matrix?case={case}'")).await;
            window.until(LOADED).await;
            check_look(&window, look, dark).await;
            window.close().await;
        }
    }
}

async fn check_look(window: &Window, look: Look, dark: bool) {
    let browser = window.browser;
    // Firefox makes no window that is narrower than 450 pixels.
    let width = window.look("innerWidth").await.as_u64().unwrap();
    assert_eq!(width <= 500, look == Look::NarrowAndDark, "{browser:?}: {width} pixels wide");
    let overflow = window.look(OVERFLOW).await;
    assert!(
        overflow.as_f64().is_some_and(|pixels| pixels <= 0.0),
        "{browser:?}, {look:?}: {overflow} pixels too wide"
    );
    let colours = window.look(COLOURS).await;
    let [contrast, page] = [0, 1].map(|part| colours[part].as_f64().unwrap());
    assert!(contrast >= 4.5, "{browser:?}, {look:?}: contrast {contrast}");
    assert_eq!(page < 0.5, dark, "{browser:?}, {look:?}: luminance {page} of the page");
}

/// `parallax serve`, until it is dropped.
struct Served {
    server: Child,
    url: String,
}

impl Served {
    fn start(scene: &Scene) -> Served {
        let mut serve = scene.parallax(["serve", "--port", "0"]);
        serve.arg("--db").arg(scene.database()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = serve.spawn().unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = |line: String| {
            line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        };
        let url = lines.find_map(address).expect("parallax serve prints where it serves");
        // It may go on writing, and would end where nobody reads.
        std::thread::spawn(move || lines.for_each(drop));
        Served { server, url }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[tokio::test]
async fn a_served_page_follows_a_sweep_without_being_loaded_again() {
    let scene = Scene::new();
    let first = ended(scene.sweep(&["bert-tiny"], &TARGETS[..1], &["--samples", "5"]));
    assert_eq!(first.code, Some(0), "{first:?}");
    let served = Served::start(&scene);
    let window = Window::open(Browser::Chrome, Look::Wide).await;
    window.go_to(&format!("{}#matrix?engine=", served.url)).await;
    window.until(DRAWN).await;
    assert_eq!(window.look(LINKS).await, 1);
    // What a page that is loaded again would not have.
    window.look("window.sameAsBefore = true").await;
    let mut sweep = scene.sweep(&["bert-tiny", "vit-tiny"], &TARGETS, &["--samples", "200"]);
    let mut sweep = sweep.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    window.until("document.getElementById('status').textContent.includes(' of 4 cases')").await;
    window.until("document.querySelector('.matrix tbody').textContent.includes('vit-tiny')").await;
    assert_eq!(window.look("window.sameAsBefore").await, true);
    assert!(sweep.wait().unwrap().success());
    window.until(&format!("{LINKS} === 4")).await;
    window.until("document.getElementById('status').textContent === ''").await;
    assert_eq!(window.look("window.sameAsBefore").await, true);
    window.close().await;
}
