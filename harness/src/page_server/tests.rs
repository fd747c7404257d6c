//! Real requests against a real server: what may be read is, with the right headers, and nothing else.

use std::fs;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// A page, a model and a secret beside them.
struct Scene {
    folder: TempDir,
    server: PageServer,
}

async fn scene() -> Scene {
    let folder = TempDir::new().unwrap();
    for (path, text) in [
        ("www/index.html", "the page"),
        ("www/main.js", "the script"),
        ("www/pkg/runtime.wasm", "the module"),
        ("www/worker.mjs", "the worker"),
        ("model/model.onnx", "the model"),
        ("model/a b.bin", "the weights"),
        ("model/part/deep.bin", "the part"),
        ("model/#1?é%20.bin", "the odd one"),
        ("secret", "the secret"),
        ("model-secret/key", "the secret"),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../secret", folder.path().join("model/way-out")).unwrap();
        std::os::unix::fs::symlink("..", folder.path().join("model/way-up")).unwrap();
        std::os::unix::fs::symlink("model.onnx", folder.path().join("model/alias")).unwrap();
    }
    let server = PageServer::start_with(&folder.path().join("www"), LIMITS).await.unwrap();
    server.mount("tiny", &folder.path().join("model"));
    Scene { folder, server }
}

impl Scene {
    /// Sends a request line and a host exactly as they are; gives the whole answer.
    async fn ask(&self, line: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(&self.server.served.door.host).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Asks for a path below the token, as the page would.
    async fn get(&self, path: &str) -> String {
        let site = &self.server.served;
        self.ask(&format!("GET /{}/{path}", site.door.token), &site.door.host).await
    }
}

#[tokio::test]
async fn the_page_and_the_models_are_read_with_their_types() {
    let scene = scene().await;
    for (path, media, text) in [
        ("", "text/html", "the page"),
        ("index.html", "text/html", "the page"),
        ("main.js?instance=1", "text/javascript", "the script"),
        ("worker.mjs", "application/javascript", "the worker"),
        ("pkg/runtime.wasm", "application/wasm", "the module"),
        ("models/tiny/model.onnx", "application/octet-stream", "the model"),
        ("models/tiny/a%20b.bin", "application/octet-stream", "the weights"),
        ("models/tiny/part/deep.bin", "application/octet-stream", "the part"),
        ("models/tiny/%231%3F%C3%A9%2520.bin", "application/octet-stream", "the odd one"),
    ] {
        let answer = scene.get(path).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(answer.contains(&format!("content-type: {media}")), "{path}: {answer}");
        assert!(answer.ends_with(text), "{path}: {answer}");
    }
}

#[tokio::test]
async fn every_answer_is_isolated_and_never_kept() {
    let scene = scene().await;
    for path in ["", "main.js", "models/tiny/model.onnx", "not-here"] {
        let answer = scene.get(path).await;
        for line in [
            "cross-origin-opener-policy: same-origin\r\n",
            "cross-origin-embedder-policy: require-corp\r\n",
            "cross-origin-resource-policy: same-origin\r\n",
            "content-security-policy: default-src 'none'; script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval'; ",
            "cache-control: no-store\r\n",
        ] {
            assert!(answer.contains(line), "{path}: no {line} in {answer}");
        }
    }
}

#[tokio::test]
async fn nothing_else_can_be_read() {
    let scene = scene().await;
    let (host, token) = (scene.server.served.door.host.clone(), scene.server.served.door.token.clone());
    let here = scene.folder.path().join("secret");
    let mut paths: Vec<String> = [
        "../secret",
        "models/tiny/../../../secret",
        "models/tiny/..%2f..%2fsecret",
        "models/tiny/%2e%2e/%2e%2e/secret",
        "models/tiny/%2e%2e/secret",
        "models/tiny/..%5c..%5csecret",
        "models/tiny/.%00./secret",
        "models/tiny/part",
        "models/tiny/",
        "models/tiny",
        "models/tiny//model.onnx",
        "models/tiny/./model.onnx",
        "models/tiny-secret/key",
        "models/other/model.onnx",
        "models/",
        "pkg",
        "pkg/",
        "onnxruntime-web/ort.webgpu.min.mjs",
        "%ff",
        "models/tiny/way-out",
        "models/tiny/way-up/secret",
    ]
    .map(|path| format!("/{token}/{path}"))
    .into();
    paths.push(format!("/{token}/{}", here.display()));
    paths.push(format!(
        "/{token}/models/tiny/{}",
        utf8_percent_encode(&here.display().to_string(), NON_ALPHANUMERIC)
    ));
    paths.extend(["/", "/index.html", "/secret", "//", "/0/index.html"].map(str::to_owned));
    paths.push(format!("/{}/index.html", token.to_uppercase() + "0"));
    paths.push(format!("/{token}x/index.html"));
    for path in paths {
        let answer = scene.ask(&format!("GET {path}"), &host).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(!answer.contains("the secret"), "{path}: {answer}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_stays_inside_is_followed() {
    assert!(scene().await.get("models/tiny/alias").await.ends_with("the model"));
}

#[tokio::test]
async fn only_reading_under_the_loopback_address_is_answered() {
    let scene = scene().await;
    let (host, token) = (scene.server.served.door.host.clone(), scene.server.served.door.token.clone());
    let port = host.rsplit_once(':').unwrap().1;
    for (method, host, status) in [
        ("GET", host.clone(), "200"),
        ("HEAD", host.clone(), "200"),
        ("POST", host.clone(), "404"),
        ("DELETE", host.clone(), "404"),
        ("GET", format!("evil.example:{port}"), "404"),
        ("GET", "127.0.0.1".to_owned(), "404"),
        ("GET", String::new(), "404"),
    ] {
        let answer = scene.ask(&format!("{method} /{token}/index.html"), &host).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{method} {host}: {answer}");
    }
}

#[tokio::test]
async fn files_are_taken_only_where_they_were_asked_for() {
    let scene = scene().await;
    let (site, folder) = (&scene.server.served, scene.folder.path().join("model-secret"));
    let address = scene.server.receive("values", &folder);
    assert!(address.ends_with("/deposits/values/"), "{address}");
    for (path, status) in [
        (format!("/{}/deposits/values/0.safetensors", site.door.token), "204"),
        (format!("/{}/deposits/values/../key", site.door.token), "404"),
        (format!("/{}/deposits/values/%2e%2e%2fsecret", site.door.token), "404"),
        (format!("/{}/deposits/values/part/0.safetensors", site.door.token), "404"),
        (format!("/{}/deposits/values/", site.door.token), "404"),
        (format!("/{}/deposits/others/0.safetensors", site.door.token), "404"),
        (format!("/{}x/deposits/values/1.safetensors", site.door.token), "404"),
    ] {
        let line = format!("POST {path}");
        let answer = scene.ask(&line, &site.door.host).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
    }
    let elsewhere = scene.ask(&format!("POST /{}/deposits/values/2", site.door.token), "evil.example").await;
    assert!(elsewhere.starts_with("HTTP/1.1 404"), "{elsewhere}");
    let mut left: Vec<_> = fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["0.safetensors", "key"]);
    assert_eq!(fs::read_to_string(scene.folder.path().join("secret")).unwrap(), "the secret");
}

#[tokio::test]
async fn a_model_is_mounted_once_however_often_it_is_asked_for() {
    let scene = scene().await;
    let model = scene.folder.path().join("model");
    let first = scene.server.mount("tiny", &model);
    assert_eq!(first, scene.server.mount("tiny", &model));
    assert!(first.starts_with(scene.server.url.as_str()) && first.ends_with("models/tiny/"), "{first}");
}

#[tokio::test]
async fn two_servers_share_neither_port_nor_token() {
    let (one, two) = (scene().await, scene().await);
    assert_ne!(one.server.served.door.host, two.server.served.door.host);
    assert_ne!(one.server.served.door.token, two.server.served.door.token);
    assert_eq!(one.server.served.door.token.len(), 32, "128 bits");
}

#[tokio::test]
async fn a_page_that_was_not_built_is_unavailable_by_name() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("index.html"), "").unwrap();
    let server = PageServer::start_with(folder.path(), LIMITS).await.unwrap();
    let refused = server.page().unwrap_err().to_string();
    for part in ["wasm_runtime.js", "cargo xtask setup", "PARALLAX_WWW"] {
        assert!(refused.contains(part), "{refused}");
    }
}

#[tokio::test]
async fn weights_are_read_in_parts_and_their_length_is_told() {
    let scene = scene().await;
    let site = &scene.server.served;
    let path = format!("/{}/models/tiny/a%20b.bin", site.door.token);
    let ranged = format!("{}\r\nRange: bytes=4-10", site.door.host);
    let part = scene.ask(&format!("GET {path}"), &ranged).await;
    assert!(part.starts_with("HTTP/1.1 206") && part.ends_with("\r\n\r\nweights"), "{part}");
    let head = scene.ask(&format!("HEAD {path}"), &site.door.host).await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-length: 11"), "{head}");
}

/// A server of nothing with these limits.
async fn strict(head: Duration, connections: usize) -> (TempDir, PageServer) {
    let folder = TempDir::new().unwrap();
    let server = PageServer::start_with(folder.path(), Limits { head, connections }).await.unwrap();
    (folder, server)
}

#[tokio::test]
async fn one_who_does_not_finish_asking_is_shown_the_door() {
    let (_folder, server) = strict(Duration::from_millis(200), 64).await;
    for half in ["", "GET / HTTP/1.1\r\nHost: x", "G"] {
        let mut stream = TcpStream::connect(&server.served.door.host).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_string(&mut answer)).await;
        assert!(ended.is_ok(), "{half:?} was never hung up on");
    }
}

#[tokio::test]
async fn only_so_many_are_served_at_once_and_the_others_wait() {
    let (_folder, server) = strict(Duration::from_secs(60), 2).await;
    let host = &server.served.door.host;
    let idle = [TcpStream::connect(host).await.unwrap(), TcpStream::connect(host).await.unwrap()];
    let mut third = TcpStream::connect(host).await.unwrap();
    third.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let early = tokio::time::timeout(Duration::from_millis(300), third.read_to_string(&mut answer)).await;
    assert!(early.is_err(), "{answer}");
    drop(idle);
    third.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[tokio::test]
async fn the_same_is_served_at_another_place() {
    let scene = scene().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = listener.local_addr().unwrap();
    let serving = scene.server.serve_at(listener);
    let site = &scene.server.served;
    let ask = async || {
        let mut stream = TcpStream::connect(other).await.ok()?;
        let request = format!(
            "GET /{}/ HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            site.door.token, site.door.host
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    };
    assert!(ask().await.is_some_and(|answer| answer.ends_with("the page")));
    drop(serving);
    while ask().await.is_some_and(|answer| !answer.is_empty()) {
        tokio::task::yield_now().await;
    }
}
