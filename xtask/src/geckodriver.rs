//! Firefox's WebDriver server: the one on PATH, or one built from its crate.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use protocol::cache;

use crate::command::{capture, cargo, on_path};
use crate::staging::Staging;

/// Returns whether a geckodriver is on PATH or in the cache.
pub fn is_there() -> bool {
    on_path(&["geckodriver"]).is_some() || cache::geckodriver().is_file()
}

/// Builds geckodriver into the cache.
pub fn build() -> Result<()> {
    let program = cache::geckodriver();
    let destination =
        program.parent().and_then(Path::parent).context("the cache folder has no parent folder")?;
    let staging = Staging::of(destination)?;
    // A registry mirror may lack a crate that the lock file names; any compatible one does.
    capture(&mut install(staging.path(), true)).or_else(|_| capture(&mut install(staging.path(), false)))?;
    staging.finish()
}

fn install(root: &Path, locked: bool) -> Command {
    let mut command = cargo();
    command.args(["install", "geckodriver", "--version", cache::GECKODRIVER, "--root"]).arg(root);
    // Started here, so that the checkout's own configuration stays out of it.
    command.current_dir(root).env_remove("CARGO_TARGET_DIR");
    // It passes messages on: optimising it costs minutes and gains nothing that can be measured.
    command.args(["--config", "profile.release.opt-level=0", "--config", "profile.release.debug=false"]);
    if locked {
        command.arg("--locked");
    }
    command
}
