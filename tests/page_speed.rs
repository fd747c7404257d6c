//! Prints how soon the report of a database is there to be read, in both browsers, how soon a filter has been followed, and how
//! much the page weighs. Arguments are the program `parallax`, the database, and a folder for the page.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement stops where it fails"
)]

#[allow(dead_code, reason = "a reader of a report does more than is measured")]
mod window;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use window::{Browser, Look, Window};

/// So many times each view is opened.
const TIMES: usize = 7;
/// A mark that the page leaves as soon as everything of its first view is there.
const FIRST_VIEW: &str = "performance.getEntriesByName('first-view').map((mark) => mark.startTime)[0]";
const PAINTED: &str =
    "performance.getEntriesByName('first-contentful-paint').map((paint) => paint.startTime)[0]";
/// What is chosen one after the other, everything between.
const FILTERS: [&str; 4] = ["model=model-03", "target=webgpu@firefox", "verdict=pass", ""];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [parallax, database, folder] = &arguments[..] else {
        panic!("name the program, the database and a folder")
    };
    make(parallax, database, folder);
    println!("\nthe page                          median ms  slowest ms");
    for browser in Browser::ALL {
        let url = format!("file://{}", fs::canonicalize(folder.join("index.html")).unwrap().display());
        let window = Window::open(browser, Look::Wide).await;
        let (mut drawn, mut painted, mut filtered) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..TIMES {
            window.go_to("about:blank").await;
            window.go_to(&url).await;
            window.until(FIRST_VIEW).await;
            drawn.extend(window.look(FIRST_VIEW).await.as_f64());
            painted.extend(window.look(PAINTED).await.as_f64());
            for filter in FILTERS {
                filtered.push(followed(&window, filter).await);
            }
        }
        for (what, taken) in [
            ("all of the first view", drawn),
            ("something painted", painted),
            ("a filter, to the next frame", filtered),
        ] {
            row(&format!("{browser:?}: {what}"), taken);
        }
        window.close().await;
    }
}

/// Milliseconds from a filter's choice to the frame that shows what it lets through.
async fn followed(window: &Window, filter: &str) -> f64 {
    let script = format!(
        "const done = arguments[arguments.length - 1];
         const begun = performance.now();
         const shown = () => {{ const {{ port1, port2 }} = new MessageChannel(); port1.onmessage = () => done(performance.now() - begun); port2.postMessage(0); }};
         addEventListener('hashchange', () => requestAnimationFrame(shown), {{ once: true }});
         location.hash = '#matrix?{filter}';"
    );
    window.client.execute_async(&script, Vec::new()).await.unwrap().as_f64().unwrap()
}

/// Writes the page, and prints what that took and what it weighs.
fn make(parallax: &Path, database: &Path, folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    let begun = Instant::now();
    let mut report = Command::new(parallax);
    report.arg("report").arg("--db").arg(database).arg("--html").arg(folder);
    let report = report.output().expect("parallax starts");
    assert!(folder.join("index.html").exists(), "{report:?}");
    println!("the page is written in {:.1} s", begun.elapsed().as_secs_f64());
    let mut files = Vec::new();
    weigh(folder, &mut files);
    files.sort();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let (largest, name) = files.last().expect("the page has files");
    let first: u64 =
        files.iter().filter(|(_, name)| !name.contains("/data/case")).map(|(bytes, _)| bytes).sum();
    println!(
        "what the first view loads: {:.2} MB; the largest file: {:.2} MB, {name}",
        megabytes(first),
        megabytes(*largest)
    );
    println!(
        "with all cases: {:.1} MB in {} files",
        megabytes(files.iter().map(|(bytes, _)| bytes).sum()),
        files.len()
    );
}

fn weigh(folder: &Path, files: &mut Vec<(u64, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            weigh(&path, files);
        } else {
            files.push((fs::metadata(&path).unwrap().len(), path.display().to_string()));
        }
    }
}

fn row(what: &str, mut taken: Vec<f64>) {
    taken.sort_by(f64::total_cmp);
    println!("{what:40}  {:>9.0}  {:>10.0}", taken[taken.len() / 2], taken.last().unwrap());
}
