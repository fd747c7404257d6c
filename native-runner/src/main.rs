//! `native-runner`: our kernels on wgpu, and ONNX Runtime as the reference.

use std::process::ExitCode;

use native_runner::Runner;
use native_runner::engines::ENGINES;

fn main() -> ExitCode {
    Runner { name: env!("CARGO_PKG_NAME"), engines: ENGINES }.main()
}
