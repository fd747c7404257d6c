//! The checkout this program belongs to, and where cargo puts what it builds.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the checkout.
pub fn root() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in no checkout")
}

/// Cargo's target folder for native builds.
pub fn target_dir() -> Result<PathBuf> {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    Ok(root()?.join(chosen))
}

/// Where cargo puts a program.
pub fn program(name: &str) -> Result<PathBuf> {
    Ok(target_dir()?.join("release").join(name).with_extension(std::env::consts::EXE_EXTENSION))
}

/// The target folder of builds with the flags of WebAssembly, so that neither build throws the other's away.
pub fn wasm_target_dir() -> Result<PathBuf> {
    Ok(target_dir()?.join("wasm"))
}
