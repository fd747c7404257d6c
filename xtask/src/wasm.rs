//! The page's runtime: wasm-runtime compiled for the web and bound to JavaScript in www/pkg.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use wasm_bindgen_cli_support::Bindgen;

use crate::checkout;
use crate::command::show;
use crate::setup;
use crate::steps::Steps;
use crate::toolchain::{Toolchain, WASM_TARGET};

/// web-sys hides WebGPU behind the first flag.
const FLAGS: &str = "--cfg=web_sys_unstable_apis -C target-feature=+simd128";

/// Builds www/pkg, with the compiler fetched first where there is none.
pub fn build(steps: &mut Steps) -> Result<()> {
    setup::wasm_compiler(steps)?;
    let module = steps.loud("build: wasm-runtime", compile)?;
    let package = checkout::root()?.join("www/pkg");
    // Takes a fraction of a second, so it is done even where cargo had nothing to do: the page is never stale.
    steps.quiet("build: www/pkg", || bind(&module, &package))
}

fn compile() -> Result<PathBuf> {
    let toolchain = Toolchain::find().context("no compiler for WebAssembly: run `cargo xtask setup`")?;
    let target = checkout::wasm_target_dir()?;
    let mut build = toolchain.cargo("build")?;
    build.args(["--release", "--package", "wasm-runtime", "--target-dir"]).arg(&target);
    show(build.env("RUSTFLAGS", FLAGS).current_dir(checkout::root()?))?;
    Ok(target.join(WASM_TARGET).join("release/wasm_runtime.wasm"))
}

fn bind(module: &Path, package: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen
        .web(true)
        .and_then(|bindgen| {
            bindgen.input_path(module).out_name("wasm_runtime").typescript(false).generate(package)
        })
        .map_err(|error| anyhow!("cannot bind {} to JavaScript: {error:#}", module.display()))
}
