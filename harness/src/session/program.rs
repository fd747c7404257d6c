//! The programs that run native engines: one entry each, and finding them.

use std::env::{self, consts::EXE_SUFFIX};
use std::path::{Path, PathBuf};

use protocol::Engine;

use crate::fault::Fault;

/// A program with native engines.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name, and that of the package it is built from.
    pub name: &'static str,
    /// The environment variable that names another one than the one beside `parallax`.
    variable: &'static str,
    engines: &'static [Engine],
}

/// Every program, the first also standing for engines that none has.
pub static PROGRAMS: [Program; 2] = [
    Program {
        name: "native-runner",
        variable: "PARALLAX_NATIVE_RUNNER",
        engines: &[Engine::Wgpu, Engine::Onnxruntime],
    },
    Program { name: "burn-runner", variable: "PARALLAX_BURN_RUNNER", engines: &[Engine::Burn] },
];

impl Program {
    /// The program that an engine's jobs are given to.
    pub fn of(engine: Engine) -> &'static Program {
        PROGRAMS.iter().find(|program| program.engines.contains(&engine)).unwrap_or(&PROGRAMS[0])
    }

    /// One of its engines: whichever is asked, the program says what all of them can do.
    pub fn an_engine(&self) -> Option<Engine> {
        self.engines.first().copied()
    }

    /// Its file.
    ///
    /// # Errors
    /// `Unavailable` when it was not built.
    pub fn find(&self) -> Result<PathBuf, Fault> {
        let chosen = env::var_os(self.variable).map(PathBuf::from);
        let beside = || {
            let ourselves = env::current_exe().ok()?;
            Some(ourselves.parent()?.join(format!("{}{EXE_SUFFIX}", self.name)))
        };
        let path = chosen.or_else(beside).unwrap_or_else(|| Path::new(self.name).to_owned());
        match path.is_file() {
            true => Ok(path),
            false => Err(self.unavailable(format!("there is no {} at {}", self.name, path.display()))),
        }
    }

    /// The fault of one that cannot be used.
    pub fn unavailable(&self, reason: String) -> Fault {
        let Program { name, variable, .. } = self;
        let remedy = format!("run `cargo build --release -p {name}`, or name one in {variable}");
        Fault::Unavailable { reason, remedy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_native_engine_has_its_program() {
        for (engine, expected) in [
            (Engine::Wgpu, "native-runner"),
            (Engine::Onnxruntime, "native-runner"),
            (Engine::Burn, "burn-runner"),
            (Engine::Libtorch, "native-runner"),
        ] {
            assert_eq!(Program::of(engine).name, expected, "{}", engine.name());
        }
    }
}
