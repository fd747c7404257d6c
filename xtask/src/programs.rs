//! Set-up and build at once: what waits for the network runs beside what waits for the processor.

use std::process::Command;

use anyhow::Result;

use crate::command::{cargo, show};
use crate::steps::{Lane, Steps};
use crate::{checkout, setup, wasm};

/// The runner that brings Burn, and with it minutes of compiling: nothing needs it but the targets `burn:*`.
const BURN_RUNNER: &str = "burn-runner";

/// The fate of the runner and the module with Burn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burn {
    /// They are built.
    Built,
    /// They are built where they were before: nothing that is there is stale.
    KeptFresh,
    /// They are not looked at: nothing that follows runs on them.
    LeftAsItIs,
}

impl Burn {
    /// True where something with it is to be built, which may be there already.
    pub fn is_built(self, is_there: bool) -> bool {
        match self {
            Burn::Built => true,
            Burn::KeptFresh => is_there,
            Burn::LeftAsItIs => false,
        }
    }
}

/// Sets up all that is missing and builds what `parallax` consists of.
pub fn ready(steps: &mut Steps, burn: Burn) -> Result<()> {
    setup::for_building(steps)?;
    let lanes: Vec<Lane<'_>> = vec![
        Box::new(|steps| {
            let runner = checkout::program(BURN_RUNNER)?;
            native(steps, burn.is_built(runner.is_file()))
        }),
        Box::new(|steps| {
            wasm::build(steps, burn)?;
            setup::driver(steps)
        }),
        Box::new(setup::for_running),
    ];
    steps.lanes(lanes)
}

fn native(steps: &mut Steps, with_burn: bool) -> Result<()> {
    let mut packages = vec!["harness", "native-runner"];
    packages.extend(with_burn.then_some(BURN_RUNNER));
    let mut build = cargo();
    build.args(["build", "--release"]).args(packages.iter().flat_map(|package| ["--package", package]));
    let name = format!("build: {}", packages.join(", ").replace("harness", "parallax"));
    steps.loud(&name, || show(without_bar(&mut build).current_dir(checkout::root()?)))
}

/// Tells cargo to draw no bar of progress: two of them at once draw over each other.
pub fn without_bar(cargo: &mut Command) -> &mut Command {
    cargo.env("CARGO_TERM_PROGRESS_WHEN", "never")
}
