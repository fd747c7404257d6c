//! Real requests against a real server of the page: who is let in, what is read, and what is told while a sweep runs.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::live::Live;
use super::relay::{Address, beside, file_of};
use super::*;
use crate::event::{Event, Listener, RunEnd};
use crate::page::tests::{add_run, assets, at, trial};
use crate::store::{Recorder, Store};

struct Scene {
    scratch: TempDir,
    server: Server,
}

async fn scene() -> Scene {
    let scratch = TempDir::new().unwrap();
    let assets = assets(&scratch.path().join("assets"));
    let server = Server::start(&scratch.path().join("x.duckdb"), 0, assets).await.unwrap();
    Scene { scratch, server }
}

impl Scene {
    fn db(&self) -> PathBuf {
        self.scratch.path().join("x.duckdb")
    }

    /// Adds a run of one trial, as another process would.
    fn sweep(&self) {
        let mut store = Store::open(&self.db()).unwrap();
        add_run(&mut store, 0, &[trial("m", "webgpu@chrome", 0, 10.0)]);
    }

    async fn open(&self, line: &str, host: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.server.door.host).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn ask(&self, line: &str, host: &str) -> String {
        let mut answer = String::new();
        self.open(line, host).await.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn get(&self, path: &str) -> String {
        let Door { host, token } = &self.server.door;
        self.ask(&format!("GET /{token}/{path}"), host).await
    }

    async fn events(&self) -> Told {
        let Door { host, token } = &self.server.door;
        Told { stream: self.open(&format!("GET /{token}/events"), host).await, text: String::new() }
    }
}

/// What events have said so far.
struct Told {
    stream: TcpStream,
    text: String,
}

impl Told {
    /// Reads on until a text is there; false where the stream ends before.
    async fn says(&mut self, part: &str) -> bool {
        let reading = async {
            let mut bytes = [0; 1024];
            while !self.text.contains(part) {
                let read = self.stream.read(&mut bytes).await.unwrap();
                if read == 0 {
                    return false;
                }
                self.text += &String::from_utf8_lossy(&bytes[..read]);
            }
            true
        };
        tokio::time::timeout(Duration::from_secs(60), reading).await.unwrap_or(false)
    }
}

#[tokio::test]
async fn the_page_its_files_and_its_data_are_read_with_their_types() {
    let scene = scene().await;
    scene.sweep();
    for (path, media, part) in [
        ("", "text/html", "<html lang=\"en\" data-served>"),
        ("app/main.js", "text/javascript", "// main.js"),
        ("app/report.css", "text/css", "// report.css"),
        ("app/vendor/d3.min.js", "text/javascript", "// vendor/d3.min.js"),
        ("data/sweep.js", "text/javascript", "parallaxReport.sweep({\"schema\":1,"),
        ("data/sweep.js?again=3", "text/javascript", "parallaxReport.sweep({\"schema\":1,"),
        ("data/case-x.js", "text/javascript", "parallaxReport.failed("),
    ] {
        let answer = scene.get(path).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(answer.contains(&format!("content-type: {media}")), "{path}: {answer}");
        assert!(answer.contains(part), "{path}: {answer}");
        for line in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
        ] {
            assert!(answer.contains(line), "{path}: no {line} in {answer}");
        }
    }
    let sweep = scene.get("data/sweep.js").await;
    let name = sweep.split("\"case\":\"").nth(1).unwrap().split('"').next().unwrap();
    let case = scene.get(&format!("data/case-{name}.js?again=1")).await;
    assert!(case.contains(&format!("parallaxReport.case(\"{name}\", {{\"cell\"")), "{case}");
}

#[tokio::test]
async fn only_who_was_given_the_address_is_answered() {
    let scene = scene().await;
    let Door { host, token } = &scene.server.door;
    let port = host.rsplit_once(':').unwrap().1;
    for (line, host, status) in [
        (format!("GET /{token}/"), host.clone(), 200),
        (format!("HEAD /{token}/"), host.clone(), 200),
        (format!("POST /{token}/"), host.clone(), 404),
        (format!("GET /{token}/"), format!("evil.example:{port}"), 404),
        (format!("GET /{token}/"), String::new(), 404),
        ("GET /".to_owned(), host.clone(), 404),
        (format!("GET /{token}0/"), host.clone(), 404),
        ("GET /data/sweep.js".to_owned(), host.clone(), 404),
        (format!("GET /{token}/app/../../x.duckdb"), host.clone(), 404),
        (format!("GET /{token}/app/frame.example.html"), host.clone(), 404),
        (format!("GET /{token}/x.duckdb"), host.clone(), 404),
    ] {
        let answer = scene.ask(&line, &host).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line} {host}: {answer}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let scratch = TempDir::new().unwrap();
    let started =
        Server::start(&scratch.path().join("x"), port, assets(&scratch.path().join("assets"))).await;
    let Err(error) = started else { panic!("it started") };
    let message = error.to_string();
    assert!(message.contains(&format!("port {port} on 127.0.0.1 is taken")), "{message}");
    assert!(message.contains("--port"), "{message}");
    assert_eq!(error.exit(), Exit::BadRequest);
}

#[tokio::test]
async fn a_database_that_is_not_there_or_empty_is_told_and_not_made() {
    let scene = scene().await;
    let answer = scene.get("data/sweep.js").await;
    assert!(answer.contains("parallaxReport.failed(\"there is no database "), "{answer}");
    assert!(!scene.db().exists());
    drop(Store::open(&scene.db()).unwrap());
    let answer = scene.get("data/sweep.js").await;
    assert!(answer.contains("parallaxReport.failed(\"the database holds no sweep yet"), "{answer}");
}

#[tokio::test]
async fn what_others_write_is_told_and_what_reading_writes_is_not() {
    let scene = scene().await;
    scene.sweep();
    scene.get("data/sweep.js").await;
    let mut told = scene.events().await;
    assert!(told.says("event: idle").await, "{}", told.text);
    assert!(told.text.contains("content-type: text/event-stream"), "{}", told.text);
    assert!(told.text.contains("HTTP/1.1 200") && told.text.contains("retry: 1000"), "{}", told.text);
    // To read it again opens and closes it, which writes to the file.
    for _ in 0..3 {
        scene.get("data/case-x.js").await;
    }
    let spoken = tokio::time::timeout(Duration::from_millis(1500), told.says("event: changed")).await;
    assert!(spoken.is_err(), "{}", told.text);
    scene.sweep();
    assert!(told.says("event: changed").await, "{}", told.text);
}

#[tokio::test]
async fn a_sweep_that_holds_the_database_answers_for_it() {
    let scene = scene().await;
    let mut store = Store::open(&scene.db()).unwrap();
    let mut live = Live::beside(&store).await;
    let file = file_of(&scene.db());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mut recorder = Recorder::new(&mut store);
    let (one, other) = (trial("m", "webgpu@chrome", 0, 10.0), trial("n", "webgpu@chrome", 1, 10.0));
    let mut hear = |event: &Event<'_>| {
        recorder.hear(event).unwrap();
        live.hear(event).unwrap();
    };
    hear(&Event::RunStarted { turns: 2, at: at(0) });
    hear(&Event::CaseFinished(&one));
    let mut told = scene.events().await;
    assert!(told.says("\"done\":1,\"all\":2,\"failed\":0").await, "{}", told.text);
    assert!(told.text.contains("content-type: text/event-stream"), "{}", told.text);
    let answer = scene.get("data/sweep.js").await;
    assert!(
        answer.contains("\"models\":[\"m\"]") && answer.contains("until the sweep has ended"),
        "{answer}"
    );
    hear(&Event::CaseFinished(&other));
    assert!(told.says("event: changed").await, "{}", told.text);
    assert!(told.text.contains("\"done\":2"), "{}", told.text);
    assert!(scene.get("data/sweep.js").await.contains("\"models\":[\"m\",\"n\"]"));
    hear(&Event::RunFinished { end: &RunEnd::Finished, at: at(5) });
    assert!(told.says("event: idle").await, "{}", told.text);
    drop((live, store));
    assert!(!file.exists());
}

#[tokio::test]
async fn what_a_killed_sweep_or_another_account_left_is_not_asked() {
    let scene = scene().await;
    scene.sweep();
    let file = file_of(&scene.db());
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = stranger.local_addr().unwrap();
    let said = serde_json::to_vec(&Address { address, token: "0".to_owned() }).unwrap();
    fs::write(&file, &said).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(beside(&scene.db()), None, "others may have written it");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert!(beside(&scene.db()).is_some());
    // Whoever listens there now answers with a script.
    let answering = tokio::spawn(async move {
        while let Ok((mut stream, _)) = stranger.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let answer =
                b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\nConnection: close\r\n\r\nalert(1); //aaaaa";
            let _ = stream.write_all(answer).await;
        }
    });
    let answer = scene.get("data/sweep.js").await;
    assert!(answer.contains("parallaxReport.sweep(") && !answer.contains("alert"), "{answer}");
    answering.abort();
    let _ended = answering.await;
    // Now nobody does.
    assert!(scene.get("data/sweep.js").await.contains("parallaxReport.sweep("));
    let mut told = scene.events().await;
    assert!(told.says("event: idle").await, "{}", told.text);
}
