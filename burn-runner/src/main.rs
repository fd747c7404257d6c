//! `burn-runner`: the jobs of native-runner on Burn.

mod burn;

use std::process::ExitCode;

use native_runner::Runner;
use native_runner::engines::{EngineEntry, Prepare};
use protocol::{Device, Engine};

const ENGINES: &[EngineEntry] = &[EngineEntry {
    engine: Engine::Burn,
    devices: &[Device::Cpu],
    detect: burn::detect,
    prepare: Prepare::Graphs(burn::prepare),
    probe: None,
}];

fn main() -> ExitCode {
    Runner { name: env!("CARGO_PKG_NAME"), engines: ENGINES }.main()
}
