//! Runs a program so that nothing it starts outlives us: a guard process of our own stands in between, and ends
//! everything below it once the pipe or socket to us closes, however we ended.

use std::collections::BTreeSet;
use std::ffi::OsString;
#[cfg(unix)]
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use super::network::{Inside, Network};
use super::{below, libraries, memory};
use crate::scratch;
use crate::screen;
use clap::Args;
use tempfile::TempDir;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// Flags of `parallax guard`, and the program that it runs.
#[derive(Debug, Args)]
pub struct GuardArgs {
    /// The program is a WebDriver server
    #[arg(long)]
    pub driver: bool,
    /// Enter a network of the program's own, and make sockets in it for whoever is at the other end of standard input
    #[arg(long)]
    pub own_network: bool,
    /// The program's folder for temporary files; removed at the end
    #[arg(long, value_name = "FOLDER")]
    pub scratch: PathBuf,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

/// How long a guard may take to end what it guards.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A running program with its guard. Dropping it ends the program and everything that it started, and removes its folder
/// for temporary files, whatever became of the guard.
///
/// The guard's standard input is the lifeline: the guard watches it without reading, so that the program may; in a
/// network of its own, it is what the guard is asked for sockets by.
pub struct Guarded {
    guard: Child,
    stdin: Option<ChildStdin>,
    network: Option<Network>,
    _scratch: TempDir,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.hang_up();
        below::end_unguarded();
    }
}

impl Guarded {
    /// Starts `program` below a guard, in a process group of its own, with a temporary folder of its own and with
    /// `environment` besides ours.
    ///
    /// # Errors
    /// When the guard cannot be started. A program that cannot be started ends at once, and says so on its
    /// standard error.
    pub fn spawn(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> io::Result<Guarded> {
        Guarded::start(&[], program, arguments, environment)
    }

    /// Starts a driver, like [`Guarded::spawn`], in a network of its own where the system allows one, and with a home
    /// that can be written.
    ///
    /// # Errors
    /// Those of [`Guarded::spawn`].
    pub async fn spawn_driver(
        program: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> io::Result<Guarded> {
        #[cfg(target_os = "linux")]
        {
            let (network, inside) = Network::new()?;
            let scratch = scratch::folder()?;
            let flags = ["--driver", "--own-network"];
            let mut command = guarded(&flags, scratch.path(), program, arguments, environment);
            let guard = below::spawn(command.stdin(inside))?;
            drop(command);
            let guarded = Guarded { guard, stdin: None, network: Some(network.clone()), _scratch: scratch };
            match network.entered().await {
                Ok(()) => return Ok(guarded),
                Err(error) => tracing::info!("{} has no network of its own: {error}", program.display()),
            }
        }
        Guarded::start(&["--driver"], program, arguments, environment)
    }

    fn start(
        flags: &[&str],
        program: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> io::Result<Guarded> {
        let scratch = scratch::folder()?;
        let mut command = guarded(flags, scratch.path(), program, arguments, environment);
        let mut guard = below::spawn(command.stdin(Stdio::piped()))?;
        Ok(Guarded { stdin: guard.stdin.take(), guard, network: None, _scratch: scratch })
    }

    /// The network that the program has for itself, if any.
    pub fn network(&self) -> Option<&Network> {
        self.network.as_ref()
    }

    /// The program's standard input.
    pub fn stdin(&mut self) -> Option<&mut ChildStdin> {
        self.stdin.as_mut()
    }

    /// The program's standard output, once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.guard.stdout.take()
    }

    /// The program's standard error, once.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.guard.stderr.take()
    }

    /// Waits for a program that is about to end and says how it did: `was killed by signal 9 (SIGKILL)`.
    pub async fn ended(&mut self) -> String {
        match tokio::time::timeout(STOP_LIMIT, self.guard.wait()).await {
            Ok(Ok(status)) => ending(status),
            Ok(Err(error)) => format!("ended in an unknown way ({error})"),
            Err(_) => "still runs, but answers no more".to_owned(),
        }
    }

    /// Resident memory of the program and everything that it started, in bytes.
    pub fn memory_bytes(&self) -> Option<u64> {
        memory::resident_bytes(self.guard.id()?)
    }

    /// Those of the `known` libraries that the program or what it started has loaded.
    pub fn loaded(&self, known: &BTreeSet<String>) -> BTreeSet<String> {
        self.guard.id().map(|guard| libraries::loaded(guard, known)).unwrap_or_default()
    }

    /// Ends the program and everything that it started.
    pub async fn stop(mut self) {
        self.hang_up();
        let _ = tokio::time::timeout(STOP_LIMIT, self.guard.wait()).await;
        let guard = self.guard.id();
        let ending = tokio::task::spawn_blocking(move || {
            guard.into_iter().for_each(below::end_guard);
            below::end_unguarded();
        });
        // What cannot be killed is the kernel's, and waiting is no help.
        let _ = ending.await;
    }

    /// Lets go of the lifeline.
    fn hang_up(&mut self) {
        drop(self.stdin.take());
        if let Some(network) = &self.network {
            network.hang_up();
        }
    }
}

/// The command of a guard, its standard input still to be chosen.
fn guarded(
    flags: &[&str],
    scratch: &Path,
    program: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Command {
    let mut command = below_a_guard(flags, scratch, program, arguments);
    command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[cfg(unix)]
fn below_a_guard(flags: &[&str], scratch: &Path, program: &Path, arguments: &[&str]) -> Command {
    // On Linux this path works even after the file was replaced by a newer build.
    let ourselves = match cfg!(target_os = "linux") {
        true => Ok("/proc/self/exe".into()),
        false => std::env::current_exe(),
    };
    let mut command = Command::new(ourselves.unwrap_or_else(|_| "parallax".into()));
    command.arg("guard").args(flags).arg("--scratch").arg(scratch).arg("--").arg(program).args(arguments);
    // Ctrl-C in a terminal goes to the whole group in the foreground: this one is ended by us, in order.
    command.process_group(0);
    command
}

#[cfg(not(unix))]
fn below_a_guard(_flags: &[&str], _scratch: &Path, program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    command
}

/// Says how a guard's program ended; a guard passes a signal on as exit code 128 + signal, like a shell.
fn ending(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use nix::sys::signal::Signal;
        use std::os::unix::process::ExitStatusExt;
        let killed = |number: i32| {
            let signal = Signal::try_from(number).ok()?;
            Some(format!("was killed by signal {number} ({signal})"))
        };
        if let Some(killed) = status.signal().and_then(killed) {
            return format!("was ended with its guard, which {killed}");
        }
        let passed_on = status.code().filter(|code| *code > 128);
        if let Some(killed) = passed_on.and_then(|code| killed(code - 128)) {
            return killed;
        }
    }
    match status.code() {
        Some(code) => format!("exited with code {code}"),
        None => format!("ended: {status}"),
    }
}

/// Stands guard in this process: runs a command, and ends everything below when standard input hangs up or the command
/// ends.
#[cfg(unix)]
pub fn stand(args: &GuardArgs) -> ExitCode {
    let Some((program, arguments)) = args.command.split_first() else { return ExitCode::FAILURE };
    match watch(program, arguments, args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            screen::tell(&format!("cannot run {}: {error}", Path::new(program).display()));
            ExitCode::from(127)
        }
    }
}

/// Standing guard takes process groups: elsewhere programs are started without a guard.
#[cfg(not(unix))]
pub fn stand(_args: &GuardArgs) -> ExitCode {
    ExitCode::FAILURE
}

#[cfg(unix)]
fn watch(program: &OsString, arguments: &[OsString], args: &GuardArgs) -> io::Result<u8> {
    use std::os::unix::process::ExitStatusExt;
    close_inherited();
    let inside = args.own_network.then(Inside::enter).transpose()?;
    below::adopt_orphans()?;
    let mut command = std::process::Command::new(program);
    // Profiles of drivers and browsers go where it says.
    command.args(arguments).env("TMPDIR", &args.scratch);
    if args.driver {
        settle(&mut command, &args.scratch);
    }
    below::die_with_us(&mut command);
    let mut child = command.spawn()?;
    let group = child.id();
    std::thread::spawn(move || {
        match inside {
            Some(inside) => inside.serve(),
            None => wait_for_hangup(),
        }
        below::end_all(group);
    });
    let status = child.wait()?;
    below::end_all(group);
    // The harness removes it too, where it lives to do so.
    let _ = fs::remove_dir_all(&args.scratch);
    Ok(status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1) as u8)
}

/// Closes what was open where the harness was started: files, pipes and sockets that nobody below has to do with.
#[cfg(unix)]
fn close_inherited() {
    let open = fs::read_dir("/dev/fd").into_iter().flatten().flatten();
    let open: Vec<i32> = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // The one that the list was read through is closed already.
        let _ = nix::unistd::close(descriptor);
    }
}

/// Takes from a driver what its browser would hang on: all that it speaks to is on this machine, where no proxy leads
/// (WebKit asks one even so), and Firefox waits for ever for a home that it can write to; standard input is the guard's.
#[cfg(unix)]
fn settle(command: &mut std::process::Command, scratch: &Path) {
    command.stdin(Stdio::null());
    let is_proxy = |name: &OsString| name.to_string_lossy().to_ascii_lowercase().ends_with("_proxy");
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_proxy(name)) {
        command.env_remove(name);
    }
    let home = std::env::home_dir().unwrap_or_default();
    if tempfile::tempfile_in(home).is_err() {
        command.env("HOME", scratch);
    }
}

/// Returns once nobody holds the other end of standard input any more.
#[cfg(unix)]
fn wait_for_hangup() {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    let stdin = io::stdin();
    loop {
        // No event is asked for: a hang-up is reported always, and data is left to the program.
        let mut ends = [PollFd::new(stdin.as_fd(), PollFlags::empty())];
        match poll(&mut ends, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) | Ok(0) => {}
            Ok(_) | Err(_) => return,
        }
    }
}
