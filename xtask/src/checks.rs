//! The checks that CI runs: set-up, the build, formatting, lints and every test, with the time of each; and the part of it that a
//! developer runs between edits.

use std::fs;
use std::process::Command;

use anyhow::Result;

#[cfg(target_os = "linux")]
use crate::bundle;
use crate::command::{cargo, show, succeeds};
use crate::programs::Burn;
use crate::steps::Steps;
use crate::{checkout, programs};

/// Everything; of wasm-runtime, which is compiled for the web, what needs no browser. xtask goes by itself, as
/// `cargo xtask` builds it: together with the others it would be compiled a second time, with their features.
const WORKSPACE: [&str; 4] = ["--release", "--workspace", "--exclude", "xtask"];
/// Leaves out what takes minutes to compile.
const WITHOUT_BURN: [&str; 4] = ["--exclude", "burn-engine", "--exclude", "burn-runner"];
const STRICT: [&str; 4] = ["--all-targets", "--", "--deny", "warnings"];
/// The one browser of [`quickly`], and what it runs.
const SWEEP: &[&str] = &["sweep", "--models", "bert-tiny", "--targets", "webgpu@chrome", "--samples", "5"];
const XTASK: [&str; 3] = ["--release", "--package", "xtask"];
const WASM_RUNTIME: [&str; 3] = ["--release", "--package", "wasm-runtime"];

/// Runs what finds most mistakes in the least time: formatting, lints and unit tests of all but Burn, and a model in a
/// browser.
pub fn quickly(steps: &mut Steps) -> Result<()> {
    let checked = check_quickly(steps);
    println!("\n{}", steps.summary());
    checked
}

fn check_quickly(steps: &mut Steps) -> Result<()> {
    formatting(steps)?;
    let selection = [&WORKSPACE[..], &WITHOUT_BURN].concat();
    if has_lints(steps) {
        steps.loud("check: lints", || workspace_command("clippy", &selection, &STRICT))?;
        lints_of_wasm_runtime(steps, "")?;
        steps.loud("check: lints of xtask", || workspace_command("clippy", &XTASK, &STRICT))?;
    }
    steps.loud("test: units", || workspace_command("test", &selection, &["--lib"]))?;
    programs::ready(steps, Burn::LeftAsItIs)?;
    let (root, parallax) = (checkout::root()?, checkout::program("parallax")?);
    let database = checkout::target_dir()?.join("check.duckdb");
    // There is none yet, or one of an earlier check.
    let _ = fs::remove_file(&database);
    let mut sweep = Command::new(parallax);
    sweep.args(SWEEP).arg("--db").arg(database).current_dir(root);
    steps.loud("test: a model in Chrome", || show(&mut sweep))
}

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
    programs::ready(steps, Burn::Built)?;
    steps.loud("build: all other programs", || workspace_command("build", &WORKSPACE, &["--bins"]))?;
    #[cfg(target_os = "linux")]
    if arguments.is_empty() {
        bundle::check(steps)?;
    }
    if arguments.is_empty() {
        lints(steps)?;
        steps.loud("test: xtask", || workspace_command("test", &XTASK, &[]))?;
    }
    // All that fails is told by one run.
    let arguments: Vec<&str> =
        ["--no-fail-fast"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
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
    if !has_lints(steps) {
        return Ok(());
    }
    steps.loud("check: lints", || workspace_command("clippy", &WORKSPACE, &STRICT))?;
    steps.loud("check: lints of xtask", || workspace_command("clippy", &XTASK, &STRICT))?;
    ["", "burn"].into_iter().try_for_each(|feature| lints_of_wasm_runtime(steps, feature))
}

fn has_lints(steps: &mut Steps) -> bool {
    let has = has_component("clippy", "clippy");
    if !has {
        steps.note("check: lints", "SKIPPED: no clippy here, and `rustup component add clippy` failed");
    }
    has
}

/// Lints the browser's side natively: the flag that gives web-sys its WebGPU compiles it on any target.
fn lints_of_wasm_runtime(steps: &mut Steps, feature: &str) -> Result<()> {
    let mut clippy = cargo();
    clippy.arg("clippy").args(WASM_RUNTIME).arg("--target-dir").arg(checkout::wasm_target_dir()?);
    clippy.env("RUSTFLAGS", "--cfg=web_sys_unstable_apis").current_dir(checkout::root()?);
    clippy.args(["--features", feature]).args(STRICT);
    let name = format!("check: lints of wasm-runtime {feature}");
    steps.loud(name.trim(), || show(&mut clippy))
}

fn workspace_command(subcommand: &str, selection: &[&str], more: &[&str]) -> Result<()> {
    show(cargo().arg(subcommand).args(selection).args(more).current_dir(checkout::root()?))
}

/// Returns whether a cargo subcommand works, if need be after fetching its component.
fn has_component(subcommand: &str, component: &str) -> bool {
    let works = || succeeds(cargo().args([subcommand, "--version"]));
    works() || (succeeds(Command::new("rustup").args(["component", "add", component])) && works())
}
