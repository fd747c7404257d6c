//! Native runners that die, hang or are not there: each is a row that says what happened, and the sweep goes on.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// Sweeps one model on one native engine whose runner is the file at `runner`.
#[expect(clippy::unwrap_used, clippy::panic, reason = "the test's own failure")]
fn row(folder: &Path, runner: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_parallax"))
        .args([
            "sweep",
            "--json",
            "--models",
            "bert-tiny",
            "--targets",
            "wgpu:vulkan",
            "--timeout-s",
            "1",
            "--db",
        ])
        .arg(folder.join("sweep.duckdb"))
        .env("PARALLAX_NATIVE_RUNNER", runner)
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    document["cases"][0].clone()
}

#[test]
fn a_runner_that_goes_wrong_is_a_row() {
    let answer =
        r#"{"id":1,"answer":{"kind":"failed","failure":"unsupported","message":"no such operator"}}"#;
    for (name, script, verdict, parts) in [
        ("an exit", "echo out of luck >&2; exit 3".to_owned(), "crash", &["code 3", "out of luck"][..]),
        ("a kill", "read job; kill -KILL $$".to_owned(), "crash", &["signal 9 (SIGKILL)"]),
        (
            "an abort",
            "read job; echo assertion >&2; kill -ABRT $$".to_owned(),
            "crash",
            &["SIGABRT", "assertion"],
        ),
        ("noise and an exit", "read job; echo '{noise}'; exit 0".to_owned(), "crash", &["code 0", "{noise}"]),
        ("a hang", "read job; exec sleep 1000".to_owned(), "timeout", &["within 1 s"]),
        ("deafness", "exec sleep 1000".to_owned(), "timeout", &["within 1 s"]),
        (
            "noise and an answer",
            format!("read job; echo noise; echo '{answer}'"),
            "unsupported",
            &["no such operator"],
        ),
    ] {
        let folder = TempDir::new().unwrap();
        let runner = folder.path().join("runner");
        std::fs::write(&runner, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&runner, std::fs::Permissions::from_mode(0o755)).unwrap();
        let row = row(folder.path(), &runner);
        let message = row["message"].as_str().unwrap_or_default();
        assert_eq!(row["verdict"], verdict, "{name}: {row:#}");
        assert!(parts.iter().all(|part| message.contains(part)), "{name}: {message}");
    }
}

#[test]
fn a_runner_that_is_not_there_is_unavailable_with_a_remedy() {
    let folder = TempDir::new().unwrap();
    let row = row(folder.path(), Path::new("/nowhere/native-runner"));
    assert_eq!(row["verdict"], "unavailable", "{row:#}");
    let message = row["message"].as_str().unwrap_or_default();
    assert!(message.contains("/nowhere/native-runner") && message.contains("cargo build"), "{message}");
}
