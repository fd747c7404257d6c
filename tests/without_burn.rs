//! A page whose module with Burn was not built runs all that takes none, and says of the rest what to build.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use end_to_end::{Scene, case, checkout, ended};

/// The page and its first module alone.
fn page(scene: &Scene) -> PathBuf {
    let (from, to) = (checkout().join("www"), scene.path("www"));
    assert!(Command::new("cp").arg("-r").arg(from).arg(&to).status().unwrap().success());
    fs::remove_dir_all(to.join("pkg-burn")).unwrap();
    to
}

fn write_plan(file: &Path) {
    // The browser has no WebGPU, so that only wasm could run the model instead.
    let plan = "models = ['bert-tiny']\ntargets = ['wasm@chrome', 'ort-wasm@chrome', 'webgpu@firefox']\n\
                samples = 2\n[browsers.firefox]\npreferences = { 'dom.webgpu.enabled' = false }\n";
    fs::write(file, plan).unwrap();
}

#[test]
fn what_needs_burn_says_what_to_build_and_all_else_runs() {
    let scene = Scene::new();
    let plan = scene.path("plan.toml");
    write_plan(&plan);
    let mut sweep = scene.parallax(["sweep", "plan.toml", "--json"]);
    sweep.env("PARALLAX_WWW", page(&scene));
    let cases = ended(sweep).cases();
    for (target, verdict, parts) in [
        ("wasm@chrome", "unavailable", &["built without Burn", "cargo xtask wasm"][..]),
        ("ort-wasm@chrome", "pass", &[]),
        ("webgpu@firefox", "unavailable", &["wasm@firefox cannot show it instead", "cargo xtask wasm"]),
    ] {
        let row = case(&cases, "bert-tiny", target);
        assert_eq!(row["verdict"], verdict, "{row:#}");
        let message = row["message"].as_str().unwrap_or_default();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
}
