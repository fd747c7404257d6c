//! The page's runtime: wasm-runtime compiled for the web and bound to JavaScript, once without Burn in www/pkg, and
//! with it in www/pkg-burn.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use wasm_bindgen_cli_support::Bindgen;

use crate::checkout;
use crate::command::show;
use crate::programs::{Burn, without_bar};
use crate::steps::Steps;
use crate::toolchain::{Toolchain, WASM_TARGET};

/// web-sys hides WebGPU behind the first flag.
const FLAGS: &str = "--cfg=web_sys_unstable_apis -C target-feature=+simd128";

/// A form of the module.
struct Module {
    /// Where the page looks for it.
    folder: &'static str,
    features: &'static str,
}

const PLAIN: Module = Module { folder: "www/pkg", features: "" };
const WITH_BURN: Module = Module { folder: "www/pkg-burn", features: "burn" };

/// Builds the page's module, and the one with Burn.
pub fn build(steps: &mut Steps, burn: Burn) -> Result<()> {
    PLAIN.build(steps)?;
    let has_burn = checkout::root()?.join(WITH_BURN.folder).is_dir();
    if burn.is_built(has_burn) { WITH_BURN.build(steps) } else { Ok(()) }
}

impl Module {
    fn build(&self, steps: &mut Steps) -> Result<()> {
        let package = checkout::root()?.join(self.folder);
        let module = steps.loud(&format!("build: wasm-runtime for {}", self.folder), || self.compile())?;
        // Takes a fraction of a second, so it is done even where cargo had nothing to do: the page is never stale.
        steps.quiet(&format!("build: {}", self.folder), || bind(&module, &package))
    }

    fn compile(&self) -> Result<PathBuf> {
        let toolchain = Toolchain::find().context("no compiler for WebAssembly: run `cargo xtask setup`")?;
        let target = checkout::wasm_target_dir()?;
        let mut build = toolchain.cargo("build")?;
        build.args(["--release", "--package", "wasm-runtime", "--features", self.features, "--target-dir"]);
        build.arg(&target).env("RUSTFLAGS", FLAGS).current_dir(checkout::root()?);
        show(without_bar(&mut build))?;
        Ok(target.join(WASM_TARGET).join("release/wasm_runtime.wasm"))
    }
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
