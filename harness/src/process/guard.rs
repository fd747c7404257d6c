//! Runs a program so that nothing it starts outlives us: a guard process of our own stands in between, and ends
//! everything below it once the pipe or socket to us closes, however we ended.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use super::memory;
use super::network::{Inside, Network};
use crate::scratch;
use crate::screen;
use clap::Args;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// What `parallax guard` runs.
#[derive(Debug, Args)]
pub struct GuardArgs {
    /// The program is a WebDriver server
    #[arg(long)]
    pub driver: bool,
    /// Enter a network of the program's own, and make sockets in it for whoever is at the other end of standard input
    #[arg(long)]
    pub own_network: bool,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

/// How long a guard may take to end what it guards.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A running program with its guard. Dropping it ends the program and everything that it started.
///
/// The guard's standard input is the lifeline: the guard watches it without reading, so that the program may; in a
/// network of its own, it is what the guard is asked for sockets by.
pub struct Guarded {
    guard: Child,
    stdin: Option<ChildStdin>,
    network: Option<Network>,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.hang_up();
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
        let mut guard = guarded(&[], program, arguments, environment).stdin(Stdio::piped()).spawn()?;
        Ok(Guarded { stdin: guard.stdin.take(), guard, network: None })
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
            let flags = ["--driver", "--own-network"];
            let guard = guarded(&flags, program, arguments, environment).stdin(inside).spawn()?;
            let guarded = Guarded { guard, stdin: None, network: Some(network.clone()) };
            match network.entered().await {
                Ok(()) => return Ok(guarded),
                Err(error) => tracing::info!("{} has no network of its own: {error}", program.display()),
            }
        }
        let mut guard =
            guarded(&["--driver"], program, arguments, environment).stdin(Stdio::piped()).spawn()?;
        Ok(Guarded { stdin: guard.stdin.take(), guard, network: None })
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

    /// Ends the program and everything that it started.
    pub async fn stop(mut self) {
        self.hang_up();
        // The guard ends by itself; one that does not has lost its child to the kernel, and waiting is no help.
        let _ = tokio::time::timeout(STOP_LIMIT, self.guard.wait()).await;
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
fn guarded(flags: &[&str], program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = below_a_guard(flags, program, arguments);
    command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[cfg(unix)]
fn below_a_guard(flags: &[&str], program: &Path, arguments: &[&str]) -> Command {
    // On Linux this path works even after the file was replaced by a newer build.
    let ourselves = match cfg!(target_os = "linux") {
        true => Ok("/proc/self/exe".into()),
        false => std::env::current_exe(),
    };
    let mut command = Command::new(ourselves.unwrap_or_else(|_| "parallax".into()));
    command.arg("guard").args(flags).arg("--").arg(program).args(arguments);
    // Ctrl-C in a terminal goes to the whole group in the foreground: this one is ended by us, in order.
    command.process_group(0);
    command
}

#[cfg(not(unix))]
fn below_a_guard(_flags: &[&str], program: &Path, arguments: &[&str]) -> Command {
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
        let passed_on = status.code().filter(|code| *code > 128).map(|code| code - 128);
        let signal = status.signal().or(passed_on).and_then(|number| Signal::try_from(number).ok());
        if let Some(signal) = signal {
            return format!("was killed by signal {} ({signal})", signal as i32);
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
    let inside = args.own_network.then(Inside::enter).transpose()?;
    below::adopt_orphans()?;
    // Profiles of drivers and browsers go where TMPDIR says: removed here, they are removed in any case.
    let scratch = scratch::folder()?;
    let mut command = std::process::Command::new(program);
    command.args(arguments).env("TMPDIR", scratch.path());
    if args.driver {
        settle(&mut command, scratch.path());
    }
    if inside.is_some() {
        // Ours is for requests.
        command.stdin(Stdio::null());
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
    Ok(status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1) as u8)
}

/// Takes out of a driver's environment what its browser would hang on: all that it speaks to is on this machine, where
/// no proxy leads (WebKit asks one even so), and Firefox waits for ever for a home that it can write to.
#[cfg(unix)]
fn settle(command: &mut std::process::Command, scratch: &Path) {
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

/// On Linux all descendants are found in `/proc`, and none can escape: orphans become the guard's children.
#[cfg(target_os = "linux")]
mod below {
    use std::os::unix::process::CommandExt;
    use std::{fs, io, process, thread, time::Duration};

    use nix::sys::prctl;
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    /// Rounds of killing, 10 ms apart: a process may fork while it is being looked for.
    const ROUNDS: u32 = 300;

    pub fn adopt_orphans() -> io::Result<()> {
        Ok(prctl::set_child_subreaper(true)?)
    }

    /// Should the guard itself be killed, at least the program goes with it.
    pub fn die_with_us(command: &mut process::Command) {
        // SAFETY: prctl is a plain system call, which may be made between fork and exec.
        unsafe { command.pre_exec(|| Ok(prctl::set_pdeathsig(Signal::SIGKILL)?)) };
    }

    pub fn end_all(_group: u32) {
        for _ in 0..ROUNDS {
            let below = descendants(process::id());
            if below.is_empty() {
                return;
            }
            for pid in below {
                // It may have ended meanwhile.
                let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn descendants(root: u32) -> Vec<u32> {
        let all: Vec<(u32, u32)> = processes();
        let mut found = vec![root];
        let mut next = 0;
        while let Some(&parent) = found.get(next) {
            found.extend(all.iter().filter(|(_, other)| *other == parent).map(|(pid, _)| pid));
            next += 1;
        }
        found.split_off(1)
    }

    /// Every process that is not a zombie, with its parent.
    fn processes() -> Vec<(u32, u32)> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(with_parent).collect()
    }

    /// Fields 3 and 4 of `/proc/PID/stat` (proc(5)): the state and the parent, after the name in parentheses.
    fn with_parent(pid: u32) -> Option<(u32, u32)> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        (state != "Z").then_some((pid, parent))
    }
}

/// Elsewhere the program gets a process group, and the group is ended.
#[cfg(all(unix, not(target_os = "linux")))]
mod below {
    use std::os::unix::process::CommandExt;
    use std::{io, process};

    use nix::sys::signal::{Signal, killpg};
    use nix::unistd::Pid;

    pub fn adopt_orphans() -> io::Result<()> {
        Ok(())
    }

    pub fn die_with_us(command: &mut process::Command) {
        command.process_group(0);
    }

    pub fn end_all(group: u32) {
        // The group may be empty already.
        let _ = killpg(Pid::from_raw(group as i32), Signal::SIGKILL);
    }
}
