//! Chromium's headless shell: the one on PATH, or the one that an npm package carries for Linux.
//!
//! Debian's Chromium is built without WebNN's CPU backend; this one has it.

use std::env::consts::{ARCH, OS};
use std::fs::File;
use std::io::{BufReader, BufWriter, copy};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use protocol::cache;

use crate::command::{capture, on_path};
use crate::registry::npm_package;
use crate::staging::Staging;

const PACKAGE: &str = "@sparticuz/chromium";
/// Names it goes by on PATH.
const NAMES: [&str; 3] = ["chrome-headless-shell", "headless-shell", "headless_shell"];

/// Returns whether a headless shell is on PATH or in the cache.
pub fn is_there() -> bool {
    on_path(&NAMES).is_some() || cache::headless_shell().is_file()
}

/// Fetches it into the cache, with the software GPU beside it.
pub fn fetch() -> Result<()> {
    if (OS, ARCH) != ("linux", "x86_64") {
        bail!(
            "no npm package has it for {OS} on {ARCH}: npx @puppeteer/browsers install chrome-headless-shell"
        );
    }
    let program = cache::headless_shell();
    let folder = program.parent().context("the cache folder has no parent folder")?;
    let (staging, scratch) = (Staging::of(folder)?, Staging::of(&folder.with_extension("download"))?);
    let packed = npm_package(PACKAGE, cache::HEADLESS_SHELL, scratch.path())?.join("bin");
    let unpacked = staging.path().join(program.file_name().unwrap_or_default());
    decompress(&packed.join("chromium.br"), &unpacked)?;
    make_executable(&unpacked)?;
    let archive = scratch.path().join("swiftshader.tar");
    decompress(&packed.join("swiftshader.tar.br"), &archive)?;
    capture(Command::new("tar").arg("-xf").arg(&archive).current_dir(staging.path()))?;
    staging.finish()
}

/// The libraries that its package brings for servers without them, built for older systems than this one; fetched
/// into the cache where they are not there.
#[cfg(target_os = "linux")]
pub fn libraries() -> Result<std::path::PathBuf> {
    let folder = cache::cache_dir().join("headless-shell-libraries").join(cache::HEADLESS_SHELL);
    if !folder.is_dir() {
        let (staging, scratch) = (Staging::of(&folder)?, Staging::of(&folder.with_extension("download"))?);
        let packed = npm_package(PACKAGE, cache::HEADLESS_SHELL, scratch.path())?.join("bin/al2023.tar.br");
        let archive = scratch.path().join("libraries.tar");
        decompress(&packed, &archive)?;
        capture(Command::new("tar").arg("-xf").arg(&archive).current_dir(staging.path()))?;
        staging.finish()?;
    }
    Ok(folder.join("lib"))
}

/// So many bytes are decompressed at a time.
const PIECE_BYTES: usize = 1 << 20;

fn decompress(packed: &Path, unpacked: &Path) -> Result<()> {
    let source = File::open(packed).with_context(|| format!("the package has no {}", packed.display()))?;
    let target = File::create(unpacked).with_context(|| format!("cannot write {}", unpacked.display()))?;
    let mut source = brotli_decompressor::Decompressor::new(BufReader::new(source), PIECE_BYTES);
    copy(&mut source, &mut BufWriter::new(target))
        .with_context(|| format!("cannot decompress {}", packed.display()))?;
    Ok(())
}

#[cfg(unix)]
fn make_executable(program: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", program.display()))
}

#[cfg(not(unix))]
fn make_executable(_program: &Path) -> Result<()> {
    Ok(())
}
