//! The processes below this one, those that lost their parents included: adopted, found, ended and reaped.

pub use system::{adopt_orphans, die_with_us, end_all, end_guard, end_unguarded, spawn};

/// On Linux all descendants are found in `/proc`, and none can escape: a process that loses its parent becomes a child of
/// the nearest one above it that adopts orphans. A guard does, and the harness does for guards that were killed.
#[cfg(target_os = "linux")]
mod system {
    use std::collections::BTreeSet;
    use std::os::unix::process::CommandExt;
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use std::{fs, io, process, thread, time::Duration};

    use nix::sys::prctl;
    use nix::sys::signal::{Signal, kill};
    use nix::sys::wait::{WaitPidFlag, waitpid};
    use nix::unistd::Pid;
    use tokio::process::{Child, Command};

    /// Rounds of killing, 10 ms apart: a process may fork while it is being looked for.
    const ROUNDS: u32 = 300;

    /// Children of this process that it did not adopt: guards, and what was there before.
    static OWN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

    /// A process, as `/proc` shows it.
    struct Process {
        pid: u32,
        parent: u32,
        /// It has ended, and waits to be reaped.
        ended: bool,
    }

    fn own() -> MutexGuard<'static, BTreeSet<u32>> {
        OWN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes this process the parent of all that lose theirs below it.
    pub fn adopt_orphans() -> io::Result<()> {
        own().extend(children(&processes()));
        Ok(prctl::set_child_subreaper(true)?)
    }

    /// Should this process be killed, at least the program goes with it.
    pub fn die_with_us(command: &mut process::Command) {
        // SAFETY: prctl is a plain system call, which may be made between fork and exec.
        unsafe { command.pre_exec(|| Ok(prctl::set_pdeathsig(Signal::SIGKILL)?)) };
    }

    /// Starts a guard.
    pub fn spawn(command: &mut Command) -> io::Result<Child> {
        // Nobody takes it for an orphan meanwhile.
        let mut own = own();
        let guard = command.spawn()?;
        own.extend(guard.id());
        Ok(guard)
    }

    /// Ends all below this process.
    pub fn end_all(_group: u32) {
        end(|all| descendants(all, [process::id()].into()));
    }

    /// Ends a guard that does not end by itself, and all below it.
    pub fn end_guard(guard: u32) {
        // Its children first: they would be orphans without it.
        end(|all| descendants(all, [guard].into()));
        let _ = kill(Pid::from_raw(guard as i32), Signal::SIGKILL);
        own().remove(&guard);
    }

    /// Ends all that lost their guard, and reaps what guards left behind.
    pub fn end_unguarded() {
        end(|all| {
            let orphans =
                children(all).into_iter().filter(|child| !own().contains(child)).collect::<Vec<_>>();
            let below = descendants(all, orphans.clone());
            [orphans, below].concat()
        });
        let own = own();
        for orphan in processes().into_iter().filter(|it| it.ended && it.parent == process::id()) {
            if !own.contains(&orphan.pid) {
                let _ = waitpid(Pid::from_raw(orphan.pid as i32), Some(WaitPidFlag::WNOHANG));
            }
        }
    }

    /// Kills what is found until nothing is.
    fn end(find: impl Fn(&[Process]) -> Vec<u32>) {
        for _ in 0..ROUNDS {
            let found = find(&processes());
            if found.is_empty() {
                return;
            }
            for pid in found {
                // It may have ended meanwhile.
                let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The children of this process that run.
    fn children(all: &[Process]) -> Vec<u32> {
        let running = all.iter().filter(|it| !it.ended && it.parent == process::id());
        running.map(|it| it.pid).collect()
    }

    /// Returns the processes that run below some others.
    fn descendants(all: &[Process], roots: Vec<u32>) -> Vec<u32> {
        let (count, mut found, mut next) = (roots.len(), roots, 0);
        while let Some(&parent) = found.get(next) {
            found.extend(all.iter().filter(|it| !it.ended && it.parent == parent).map(|it| it.pid));
            next += 1;
        }
        found.split_off(count)
    }

    fn processes() -> Vec<Process> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| read(entry.file_name().to_str()?.parse().ok()?)).collect()
    }

    /// Fields 3 and 4 of `/proc/PID/stat` (proc(5)): the state and the parent, after the name in parentheses.
    fn read(pid: u32) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let ended = fields.next()? == "Z";
        Some(Process { pid, parent: fields.next()?.parse().ok()?, ended })
    }
}

/// Elsewhere a guard's program gets a process group, and the group is ended; who kills the guard has to end the program.
#[cfg(all(unix, not(target_os = "linux")))]
mod system {
    use std::os::unix::process::CommandExt;
    use std::{io, process};

    use nix::sys::signal::{Signal, kill, killpg};
    use nix::unistd::Pid;
    use tokio::process::{Child, Command};

    /// There is nothing like it.
    pub fn adopt_orphans() -> io::Result<()> {
        Ok(())
    }

    /// Gives the program its group.
    pub fn die_with_us(command: &mut process::Command) {
        command.process_group(0);
    }

    /// Starts a guard.
    pub fn spawn(command: &mut Command) -> io::Result<Child> {
        command.spawn()
    }

    /// Ends a group.
    pub fn end_all(group: u32) {
        // The group may be empty already.
        let _ = killpg(Pid::from_raw(group as i32), Signal::SIGKILL);
    }

    /// Ends a guard that does not end by itself.
    pub fn end_guard(guard: u32) {
        let _ = kill(Pid::from_raw(guard as i32), Signal::SIGKILL);
    }

    /// Nobody is known to have lost a guard.
    pub fn end_unguarded() {}
}

/// Programs are started without a guard, and end when they are dropped.
#[cfg(not(unix))]
mod system {
    use std::io;

    use tokio::process::{Child, Command};

    /// There is nothing like it.
    pub fn adopt_orphans() -> io::Result<()> {
        Ok(())
    }

    /// Starts a program.
    pub fn spawn(command: &mut Command) -> io::Result<Child> {
        command.spawn()
    }

    /// The program is its own guard.
    pub fn end_guard(_guard: u32) {}

    /// There is no guard to lose.
    pub fn end_unguarded() {}
}
