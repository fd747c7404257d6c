//! The libraries that are fetched instead of compiled: DuckDB, ONNX Runtime, onnxruntime-web.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use protocol::cache;

use crate::checkout;
use crate::platform::{duckdb_package, is_onnxruntime_library};
use crate::registry::{files, npm_package, wheel};
use crate::staging::{Staging, keep};

/// The remedy where set-up cannot fetch DuckDB's library.
const OTHER_WAYS_TO_DUCKDB: &str = "set DUCKDB_LIB_DIR to a folder with the library, or compile it in (10 to 40 \
    minutes) with `cargo build --release --features harness/bundled-duckdb`";

/// Returns whether DuckDB's library lies where the build looks for it: linked by set-up, or named by the user.
pub fn duckdb_is_there() -> bool {
    let linked = || {
        let link = duckdb_link().ok()?.canonicalize().ok()?;
        (link == cache::duckdb_library_dir().canonicalize().ok()?).then_some(link)
    };
    users_duckdb().or_else(linked).is_some_and(|folder| folder.join(cache::DUCKDB_LIBRARY).is_file())
}

/// Fetches DuckDB's library and links it into the checkout.
pub fn fetch_duckdb() -> Result<()> {
    if let Some(folder) = users_duckdb() {
        bail!("DUCKDB_LIB_DIR names {}, which has no {}: unset it", folder.display(), cache::DUCKDB_LIBRARY);
    }
    let destination = cache::duckdb_library_dir();
    if !destination.join(cache::DUCKDB_LIBRARY).is_file() {
        unpack_duckdb(&destination)?;
    }
    link_into_checkout(&destination)
}

fn unpack_duckdb(destination: &Path) -> Result<()> {
    let package = duckdb_package(OS, ARCH).with_context(|| {
        format!("no DuckDB library is published for {OS} on {ARCH}: {OTHER_WAYS_TO_DUCKDB}")
    })?;
    let staging = Staging::of(destination)?;
    let scratch = Staging::of(&destination.with_extension("download"))?;
    let unpacked = npm_package(package, cache::DUCKDB_NPM_PACKAGE, scratch.path())
        .with_context(|| format!("cannot fetch DuckDB's library; otherwise {OTHER_WAYS_TO_DUCKDB}"))?;
    keep(&unpacked.join(cache::DUCKDB_LIBRARY), &staging.path().join(cache::DUCKDB_LIBRARY))?;
    staging.finish()
}

/// Returns what the user set DUCKDB_LIB_DIR to; cargo sets it to the link for whatever it runs.
fn users_duckdb() -> Option<PathBuf> {
    let link = duckdb_link().ok();
    std::env::var_os("DUCKDB_LIB_DIR").map(PathBuf::from).filter(|folder| Some(folder) != link.as_ref())
}

/// Where `.cargo/config.toml` has the build look for DuckDB.
fn duckdb_link() -> Result<PathBuf> {
    Ok(checkout::root()?.join(".parallax/duckdb"))
}

/// Lets the build find the folder in the cache.
fn link_into_checkout(destination: &Path) -> Result<()> {
    let link = duckdb_link()?;
    fs::create_dir_all(link.with_file_name(""))
        .context("cannot make the folder .parallax in the checkout")?;
    if link.is_symlink() {
        fs::remove_file(&link).with_context(|| format!("cannot replace the link {}", link.display()))?;
    }
    symlink(destination, &link).with_context(|| format!("cannot make the link {}", link.display()))
}

#[cfg(unix)]
fn symlink(folder: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(folder, link)
}

#[cfg(windows)]
fn symlink(folder: &Path, link: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(folder, link)
}

/// Returns whether ONNX Runtime's library is there.
pub fn onnxruntime_is_there() -> bool {
    cache::onnxruntime_library().is_file()
}

/// Fetches ONNX Runtime's library.
pub fn fetch_onnxruntime() -> Result<()> {
    let library = cache::onnxruntime_library();
    let folder = library.parent().context("the cache folder has no parent folder")?;
    let staging = Staging::of(folder)?;
    let scratch = Staging::of(&folder.with_extension("download"))?;
    let unpacked = wheel("onnxruntime", cache::ONNXRUNTIME, scratch.path())?.join("onnxruntime/capi");
    let is_it =
        |path: &&PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(is_onnxruntime_library);
    let found = files(&unpacked)?;
    let found =
        found.iter().find(is_it).context("the onnxruntime wheel has no library in onnxruntime/capi")?;
    keep(found, &staging.path().join(cache::ONNXRUNTIME_LIBRARY))?;
    staging.finish()
}

/// Returns whether the files of onnxruntime-web are there.
pub fn onnxruntime_web_is_there() -> bool {
    cache::onnxruntime_web_dir().is_dir()
}

/// Fetches onnxruntime-web.
pub fn fetch_onnxruntime_web() -> Result<()> {
    let dist = cache::onnxruntime_web_dir();
    let folder = dist.parent().context("the cache folder has no parent folder")?;
    let staging = Staging::of(folder)?;
    let scratch = Staging::of(&folder.with_extension("download"))?;
    let unpacked = npm_package("onnxruntime-web", cache::ONNXRUNTIME_WEB, scratch.path())?;
    keep(&unpacked.join("dist"), &staging.path().join("dist"))?;
    staging.finish()
}
