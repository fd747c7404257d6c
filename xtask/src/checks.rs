//! What CI runs: set-up, the build, formatting, lints and every test, with the time of each.

use std::process::Command;

use anyhow::Result;

#[cfg(target_os = "linux")]
use crate::bundle;
use crate::command::{cargo, show, succeeds};
use crate::steps::Steps;
use crate::{checkout, programs};

/// Everything but wasm-runtime, which is compiled for the web. xtask goes by itself, as `cargo xtask` builds it:
/// together with the others it would be compiled a second time, with their features.
const WORKSPACE: [&str; 6] = ["--release", "--workspace", "--exclude", "wasm-runtime", "--exclude", "xtask"];
const XTASK: [&str; 3] = ["--release", "--package", "xtask"];
const WASM_RUNTIME: [&str; 3] = ["--release", "--package", "wasm-runtime"];

/// Runs all checks, or, with arguments for `cargo test`, only the tests.
pub fn run(steps: &mut Steps, arguments: &[String]) -> Result<()> {
    let checked = check(steps, arguments);
    println!("\n{}", steps.summary());
    checked
}

fn check(steps: &mut Steps, arguments: &[String]) -> Result<()> {
    if arguments.is_empty() {
        formatting(steps)?;
    }
    // The end-to-end tests start these, and the stand-ins among the rest.
    programs::ready(steps, true)?;
    steps.loud("build: all other programs", || workspace_command("build", &WORKSPACE, &["--bins"]))?;
    #[cfg(target_os = "linux")]
    if arguments.is_empty() {
        bundle::check(steps)?;
    }
    if arguments.is_empty() {
        lints(steps)?;
        steps.loud("test: xtask", || workspace_command("test", &XTASK, &[]))?;
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    steps.loud("test: everything else", || workspace_command("test", &WORKSPACE, &arguments))
}

fn formatting(steps: &mut Steps) -> Result<()> {
    if !has_component("fmt", "rustfmt") {
        steps
            .note("check: formatting", "SKIPPED: no rustfmt here, and `rustup component add rustfmt` failed");
        return Ok(());
    }
    steps.loud("check: formatting", || workspace_command("fmt", &["--all", "--check"], &[]))
}

fn lints(steps: &mut Steps) -> Result<()> {
    if !has_component("clippy", "clippy") {
        steps.note("check: lints", "SKIPPED: no clippy here, and `rustup component add clippy` failed");
        return Ok(());
    }
    const STRICT: [&str; 4] = ["--all-targets", "--", "--deny", "warnings"];
    steps.loud("check: lints", || workspace_command("clippy", &WORKSPACE, &STRICT))?;
    steps.loud("check: lints of xtask", || workspace_command("clippy", &XTASK, &STRICT))?;
    for feature in ["", "burn"] {
        let name = format!("check: lints of wasm-runtime {feature}");
        steps.loud(name.trim(), || show(wasm_runtime_lints()?.args(["--features", feature]).args(STRICT)))?;
    }
    Ok(())
}

/// Lints the browser's side natively: the flag that gives web-sys its WebGPU compiles it on any target.
fn wasm_runtime_lints() -> Result<Command> {
    let mut clippy = cargo();
    clippy.arg("clippy").args(WASM_RUNTIME).arg("--target-dir").arg(checkout::wasm_target_dir()?);
    clippy.env("RUSTFLAGS", "--cfg=web_sys_unstable_apis").current_dir(checkout::root()?);
    Ok(clippy)
}

fn workspace_command(subcommand: &str, selection: &[&str], more: &[&str]) -> Result<()> {
    show(cargo().arg(subcommand).args(selection).args(more).current_dir(checkout::root()?))
}

/// Whether a cargo subcommand works, if need be after fetching its component.
fn has_component(subcommand: &str, component: &str) -> bool {
    let works = || succeeds(cargo().args([subcommand, "--version"]));
    works() || (succeeds(Command::new("rustup").args(["component", "add", component])) && works())
}
