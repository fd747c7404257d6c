//! Where a run comes from: the machine, the command, the version, and the commit of the repository around it.

use std::env;
use std::process::{Command, Stdio};

use serde::Serialize;

/// Everything that is known of a run before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Version of Parallax.
    pub version: String,
    /// Commit of the repository that the command was run in, if it was in one.
    pub commit: Option<String>,
    /// The command with its arguments; not known of runs that an earlier version kept.
    pub command_line: Vec<String>,
    /// The machine.
    pub host: Host,
}

/// The machine a run was made on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Its name in the network.
    pub name: Option<String>,
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub architecture: String,
    /// Processors that the command may use.
    pub logical_cpus: i32,
}

impl Origin {
    /// Of this process.
    pub fn here() -> Origin {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Origin {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: commit(),
            command_line: env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            host: Host {
                name: sysinfo::System::host_name(),
                os: env::consts::OS.to_owned(),
                architecture: env::consts::ARCH.to_owned(),
                logical_cpus: i32::try_from(cpus).unwrap_or(i32::MAX),
            },
        }
    }
}

/// The commit that is checked out in the working folder, as git says; nothing where there is no repository or no git.
fn commit() -> Option<String> {
    let mut git = Command::new("git");
    git.args(["rev-parse", "--verify", "HEAD"]).stdin(Stdio::null()).stderr(Stdio::null());
    let output = git.output().ok()?;
    let hash = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !hash.is_empty()).then_some(hash)
}
