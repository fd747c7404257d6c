//! The contents of a bundle's folder: programs beside what they look for beside themselves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use protocol::cache;

use super::{Extra, Wanted, elf};
use crate::command::capture;
use crate::registry::wheel;
use crate::staging::{Staging, keep};
use crate::{checkout, headless_shell};

const PROGRAMS: [&str; 2] = ["parallax", "native-runner"];
/// Files of onnxruntime-web that the page loads: three entries and the WebAssembly of each.
const ONNXRUNTIME_WEB_FILES: [&str; 9] = [
    "ort.all.min.mjs",
    "ort.wasm.min.mjs",
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
    "ort-wasm-simd-threaded.jsep.mjs",
    "ort-wasm-simd-threaded.jsep.wasm",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
];
const PAGE_FILES: [&str; 2] = ["index.html", "main.js"];
const PAGE_FOLDERS: [&str; 2] = ["pkg", "report"];
/// Fills the bundle's folder.
pub fn gather(bundle: &Path, wanted: &Wanted) -> Result<()> {
    for program in PROGRAMS {
        copy_program(&checkout::program(program)?, &bundle.join(program))?;
    }
    let library = cache::duckdb_library_dir().join(cache::DUCKDB_LIBRARY);
    copy_program(&library, &bundle.join("lib").join(cache::DUCKDB_LIBRARY))?;
    if let Ok(loader) = elf::library("libvulkan.so.1") {
        copy(&loader, &bundle.join("lib/libvulkan.so.1"))?;
    }
    let fetched = bundle.join(cache::BUNDLED);
    copy_program(&cache::onnxruntime_library(), &in_bundle(&fetched, &cache::onnxruntime_library())?)?;
    for file in ONNXRUNTIME_WEB_FILES {
        let file = cache::onnxruntime_web_dir().join(file);
        copy(&file, &in_bundle(&fetched, &file)?)?;
    }
    copy_folder(&cache::node_tests_dir(), &in_bundle(&fetched, &cache::node_tests_dir())?)?;
    let root = checkout::root()?;
    for file in PAGE_FILES {
        copy(&root.join("www").join(file), &bundle.join("www").join(file))?;
    }
    for folder in PAGE_FOLDERS {
        copy_folder(&root.join("www").join(folder), &bundle.join("www").join(folder))?;
    }
    for model in &wanted.models {
        let folder = root.join("fixtures/models").join(model);
        if !folder.join("model.toml").is_file() {
            bail!("there is no fixture \"{model}\" in {}", root.join("fixtures/models").display());
        }
        copy_folder(&folder, &bundle.join("fixtures/models").join(model))?;
    }
    if wanted.with.contains(&Extra::HeadlessShell) {
        shell(&fetched)?;
    }
    write_script(&bundle.join("gpu-check"), include_str!("gpu-check.sh"))?;
    let product = bundle.join("fixtures/product-4096.onnx");
    fs::write(&product, include_bytes!("product-4096.onnx")).context("cannot write the bundle's product")?;
    fs::write(bundle.join("README"), include_str!("README.txt")).context("cannot write the bundle's README")
}

/// Where something of the cache lies in a bundle.
fn in_bundle(fetched: &Path, cached: &Path) -> Result<PathBuf> {
    Ok(fetched.join(cached.strip_prefix(cache::cache_dir())?))
}

/// The headless shell, the driver of its version, and the libraries of both but those of the C library.
fn shell(fetched: &Path) -> Result<()> {
    let shell = cache::headless_shell();
    let folder = shell.parent().context("the cache folder has no parent folder")?;
    let bundled_folder = in_bundle(fetched, folder)?;
    copy_folder(folder, &bundled_folder)?;
    // What it logged here is nobody's business there, if it logged anything.
    let _ = fs::remove_file(bundled_folder.join("chrome_debug.log"));
    let driver = cache::chromedriver();
    if !driver.is_file() {
        fetch_chromedriver(&driver)?;
    }
    let bundled = in_bundle(fetched, &driver)?;
    copy_program(&driver, &bundled)?;
    let libraries = bundled.with_file_name("lib");
    copy_folder(&headless_shell::libraries()?, &libraries)?;
    // What it opens by name needs libraries too; the system's own tells which.
    let opened_by_name = elf::library("libsoftokn3.so")?;
    for program in [&shell, &driver, &opened_by_name] {
        for library in elf::needed(program)? {
            let target = libraries.join(library.file_name().context("a library has no name")?);
            if !target.exists() {
                copy(&library, &target)?;
            }
        }
    }
    Ok(())
}

/// A driver built for older systems than this one, from its makers, as a Python package carries it.
fn fetch_chromedriver(driver: &Path) -> Result<()> {
    let folder = driver.parent().context("the cache folder has no parent folder")?;
    let (staging, scratch) = (Staging::of(folder)?, Staging::of(&folder.with_extension("download"))?);
    let unpacked = wheel("chromedriver-py", cache::CHROMEDRIVER, scratch.path())?;
    let program = staging.path().join("chromedriver");
    keep(&unpacked.join("chromedriver_py/chromedriver_linux64"), &program)?;
    make_executable(&program)?;
    staging.finish()
}

/// Copies a program or library without what only a debugger reads.
pub fn copy_program(from: &Path, to: &Path) -> Result<()> {
    copy(from, to)?;
    capture(Command::new("strip").arg("--strip-unneeded").arg(to))
        .context("strip is part of binutils, which comes with the linker")?;
    Ok(())
}

/// Writes a script that may be executed.
pub fn write_script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    make_executable(path)
}

fn make_executable(file: &Path) -> Result<()> {
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", file.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::copy(from, to));
    copied.map(drop).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let entries = fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))?;
    for entry in entries.flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy_folder(&path, &target)? } else { copy(&path, &target)? }
    }
    Ok(())
}
