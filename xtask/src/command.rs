//! Runs other programs: shown or silent, with an error that says which command failed and what it wrote.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

/// How many of the last lines of a failed command's output an error repeats.
const LINES_OF_A_FAILURE: usize = 12;

/// Runs a command on the terminal; an exit code other than 0 is an error.
pub fn show(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", line(command));
    }
    Ok(())
}

/// Runs a command without showing anything and gives what it wrote on standard output.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", line(command)))?;
    if !output.status.success() {
        bail!("`{}` failed: {}\n{}", line(command), output.status, last_lines(&output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command, and returns whether it starts and exits with 0.
pub fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The first of `names` that is a program on PATH.
pub fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let program = |folder: &Path, name: &str| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| program(folder, name)))
        .find(|p| p.is_file())
}

/// `cargo`, the very one that runs this program, as if it were called from a shell. What cargo tells of the package it
/// runs is not passed on: build scripts (ring's) watch those variables, and would run again with all that depends on
/// them when cargo is next called without.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (variable, _) in std::env::vars_os() {
        if variable.to_str().is_some_and(tells_of_a_package) {
            cargo.env_remove(variable);
        }
    }
    cargo
}

fn tells_of_a_package(variable: &str) -> bool {
    const TOLD: [&str; 5] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_NAME", "OUT_DIR"];
    TOLD.iter().any(|start| variable.starts_with(start))
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn last_lines(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_OF_A_FAILURE)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::cargo;

    #[test]
    fn cargo_is_not_told_of_the_package_that_calls_it() {
        // Cargo sets them for this test.
        for variable in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
            assert!(std::env::var_os(variable).is_some(), "{variable}");
            let cargo = cargo();
            let removed = cargo.get_envs().any(|(name, value)| name == variable && value.is_none());
            assert!(removed, "{variable} is passed on");
        }
    }
}
