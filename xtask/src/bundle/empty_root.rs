//! Runs a bundle where there is nothing but it and the system's C library: no network, no home, no shell. The browser
//! that it may carry wants more of a system, and runs in this one, with the bundle's own libraries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use protocol::cache;

use super::elf;
use crate::command::{capture, on_path};
use crate::registry::files;
use crate::staging::Staging;

const MODEL: &str = "bert-tiny";

/// Sweeps a model on all that the bundle brings of its own.
pub fn sweep(bundle: &Path, has_shell: bool) -> Result<()> {
    let Some(bwrap) = on_path(&["bwrap"]) else {
        bail!("trying a bundle out takes bubblewrap: install it, for example `apt-get install bubblewrap`")
    };
    let root = Staging::of(&bundle.with_extension("root"))?;
    system(bundle, root.path())?;
    let mut targets = vec!["onnxruntime:cpu"];
    if has_shell {
        targets.push("wgpu:vulkan");
    }
    let mut sandbox = Command::new(bwrap);
    sandbox.arg("--bind").arg(root.path()).arg("/").arg("--ro-bind").arg(bundle).arg("/parallax");
    sandbox.args([
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
        "--unshare-all",
        "--die-with-parent",
    ]);
    sandbox.args(["--clearenv", "--setenv", "HOME", "/tmp", "--chdir", "/tmp"]);
    if let Some(driver) = software_vulkan(bundle) {
        sandbox.arg("--setenv").arg("VK_DRIVER_FILES").arg(driver);
    }
    check(sandbox.arg("/parallax/parallax"), &targets)?;
    if has_shell {
        let mut here = Command::new(bundle.join("parallax"));
        check(here.current_dir(root.path()), &["webnn:cpu@headless-shell", "webgpu@headless-shell"])?;
    }
    Ok(())
}

/// Sweeps by the command given; every target has to pass.
fn check(parallax: &mut Command, targets: &[&str]) -> Result<()> {
    parallax.args(["sweep", "--models", MODEL, "--samples", "3", "--targets"]);
    let told = capture(parallax.arg(targets.join(",")))?;
    println!("{told}");
    let passes = told.lines().filter(|line| line.starts_with(MODEL) && line.contains(" pass ")).count();
    if passes < targets.len() {
        bail!("{passes} of {} targets passed: {}", targets.len(), targets.join(", "));
    }
    Ok(())
}

/// Puts the system's C library where the loader looks for it, and nothing else.
fn system(bundle: &Path, root: &Path) -> Result<()> {
    for program in programs(bundle)? {
        for library in elf::needed_of_the_system(&program)? {
            // A merged /usr: the loader's own path is a link.
            let target = root.join(library.strip_prefix("/")?);
            let folder = target.parent().context("a library lies in no folder")?;
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            fs::copy(&library, &target).with_context(|| format!("cannot copy {}", library.display()))?;
        }
    }
    Ok(())
}

/// Everything in the bundle that the loader loads.
fn programs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for file in files(folder)? {
        if file.is_dir() {
            found.extend(programs(&file)?);
        } else if elf::is_elf(&file) {
            found.push(file);
        }
    }
    Ok(found)
}

/// The manifest of the software driver that the headless shell brings, as the sandbox sees it.
fn software_vulkan(bundle: &Path) -> Option<PathBuf> {
    let inside = Path::new(cache::BUNDLED).join("headless-shell").join(cache::HEADLESS_SHELL);
    let manifest = inside.join("vk_swiftshader_icd.json");
    bundle.join(&manifest).is_file().then(|| Path::new("/parallax").join(manifest))
}
