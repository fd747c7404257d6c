//! Set-up: the list of what a machine needs, each fetched only when it is missing.

use anyhow::Result;
use protocol::cache;

use crate::steps::Steps;
use crate::toolchain::Toolchain;
use crate::{geckodriver, headless_shell, libraries, node_tests, system, toolchain};

/// Something that set-up can fetch.
struct Need {
    name: String,
    /// Without it nothing can be built; of anything else the harness says itself that it is unavailable.
    required: bool,
    is_there: fn() -> bool,
    /// The work of getting it, in words for whoever waits.
    how: &'static str,
    fetch: fn() -> Result<()>,
}

/// Fetches everything that is missing.
pub fn everything(steps: &mut Steps) -> Result<()> {
    for_building(steps)?;
    for_running(steps)?;
    driver(steps)
}

/// Fetches what nothing can be built without.
pub fn for_building(steps: &mut Steps) -> Result<()> {
    wasm_compiler(steps)?;
    let name = format!("DuckDB's library {}", cache::DUCKDB);
    let (is_there, fetch) = (libraries::duckdb_is_there, libraries::fetch_duckdb);
    meet(steps, &Need { name, required: true, is_there, how: "fetching it", fetch })
}

/// Fetches what models are run by: time on the network, little of the processor's.
pub fn for_running(steps: &mut Steps) -> Result<()> {
    system_parts(steps);
    needs().iter().try_for_each(|need| meet(steps, need))
}

/// Builds Firefox's driver where there is none: time of the processor, little on the network.
pub fn driver(steps: &mut Steps) -> Result<()> {
    let name = format!("geckodriver {}", cache::GECKODRIVER);
    let (is_there, fetch) = (geckodriver::is_there, geckodriver::build);
    meet(steps, &Need { name, required: false, is_there, how: "building it, about a minute", fetch })
}

/// Fetches a compiler for WebAssembly where there is none.
pub fn wasm_compiler(steps: &mut Steps) -> Result<()> {
    let name = "a compiler for WebAssembly".to_owned();
    let is_there = || Toolchain::find().is_some();
    meet(steps, &Need { name, required: true, is_there, how: "fetching it", fetch: toolchain::fetch })
}

fn needs() -> [Need; 4] {
    [
        Need {
            name: format!("headless shell {}", cache::HEADLESS_SHELL),
            required: false,
            is_there: headless_shell::is_there,
            how: "fetching it",
            fetch: headless_shell::fetch,
        },
        Need {
            name: format!("ONNX Runtime's library {}", cache::ONNXRUNTIME),
            required: false,
            is_there: libraries::onnxruntime_is_there,
            how: "fetching it",
            fetch: libraries::fetch_onnxruntime,
        },
        Need {
            name: format!("onnxruntime-web {}", cache::ONNXRUNTIME_WEB),
            required: false,
            is_there: libraries::onnxruntime_web_is_there,
            how: "fetching it",
            fetch: libraries::fetch_onnxruntime_web,
        },
        Need {
            name: format!("the node tests of ONNX {}", cache::NODE_TESTS),
            required: false,
            is_there: node_tests::are_there,
            how: "fetching them",
            fetch: node_tests::fetch,
        },
    ]
}

fn meet(steps: &mut Steps, need: &Need) -> Result<()> {
    let name = format!("set-up: {}", need.name);
    if (need.is_there)() {
        steps.note(&name, "already there");
        return Ok(());
    }
    let met = steps.quiet(&format!("{name} … {}", need.how), need.fetch);
    if need.required {
        return met;
    }
    if let Err(error) = met {
        eprintln!("warning: going on without {}: {error:#}", need.name);
    }
    Ok(())
}

/// Installs browsers, drivers and Vulkan where packages can be installed, and says elsewhere how to get them.
fn system_parts(steps: &mut Steps) {
    let missing = system::missing();
    if missing.is_empty() {
        steps.note("set-up: browsers, chromedriver, Vulkan", "already there");
        return;
    }
    let names: Vec<&str> = missing.iter().map(|part| part.name).collect();
    if system::can_install() {
        let installed = steps.quiet(&format!("set-up: {}", names.join(", ")), || system::install(&missing));
        let Err(error) = installed else { return };
        eprintln!("warning: {error:#}");
    }
    for part in missing {
        eprintln!("warning: going on though {}", part.advice());
    }
}
