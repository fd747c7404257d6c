//! The hunt for ONNX files that the loader takes badly, in a build whose arithmetic may not overflow.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::checkout;
use crate::command::cargo;
use crate::steps::Steps;

/// The crates whose arithmetic is checked: an extent that wraps is a wrong shape, even where nothing panics.
const CHECKED: [&str; 2] = ["graph", "shaders"];

/// Hunts for some minutes and gives the hunt's exit code.
pub fn run(steps: &mut Steps, minutes: u64, seed: u64) -> Result<ExitCode> {
    let mut hunt = cargo();
    hunt.args(["run", "--release", "--package", "fuzz"]).current_dir(checkout::root()?);
    for package in CHECKED {
        hunt.args(["--config", &format!("profile.release.package.{package}.overflow-checks=true")]);
    }
    hunt.args(["--", "--seconds", &(minutes * 60).to_string(), "--seed", &seed.to_string(), "--keep"]);
    hunt.arg(checkout::target_dir()?.join("fuzz-findings"));
    let status = steps.loud("fuzz", || hunt.status().context("cannot start cargo"))?;
    // A signal leaves no code.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
