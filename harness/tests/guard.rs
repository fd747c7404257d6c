//! The guard ends everything below it: when its lifeline closes, when its program ends, whoever tried to get away.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use tempfile::TempDir;

/// Starts a guard of a script, from a shell that has another file open.
#[expect(clippy::unwrap_used, reason = "the test's own failure")]
fn guard(script: &str) -> (Child, Option<ChildStdin>) {
    let mut command = Command::new("sh");
    command.args(["-c", "exec 7<$0; exec $0 \"$@\"", env!("CARGO_BIN_EXE_parallax"), "guard", "--scratch"]);
    command.arg(TempDir::new().unwrap().keep()).args(["--", "sh", "-c", script]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut guard = command.spawn().unwrap();
    let lifeline = guard.stdin.take();
    (guard, lifeline)
}

/// The words on the first line that the guarded script wrote.
#[expect(clippy::unwrap_used, reason = "the test's own failure")]
fn first_line(guard: &mut Child) -> Vec<String> {
    let mut line = String::new();
    BufReader::new(guard.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[test]
fn whatever_was_started_ends_when_the_lifeline_closes() {
    for (name, script) in [
        ("a program that waits", "echo $$; exec sleep 1000"),
        ("a child in the background", "sleep 1000 & echo $$ $!; wait"),
        ("an orphan", "echo $$ $(sleep 1000 >/dev/null & echo $!); exec sleep 1000"),
        ("an orphan in a session of its own", "setsid sh -c 'echo $$; exec sleep 1000' & exec sleep 1000"),
        ("one that ignores signals", "trap '' INT TERM HUP; echo $$; while :; do sleep 1000; done"),
        ("one that reads its input", "echo $$; cat; exec sleep 1000"),
    ] {
        let (mut guard, lifeline) = guard(script);
        let pids = first_line(&mut guard);
        assert!(!pids.is_empty() && pids.iter().all(|pid| is_alive(pid)), "{name}: {pids:?}");
        drop(lifeline);
        guard.wait().unwrap();
        assert!(!pids.iter().any(|pid| is_alive(pid)), "{name}: {pids:?} survived");
    }
}

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    let (mut guard, _lifeline) = guard("sleep 1000 >/dev/null & echo $!; exit 7");
    let pids = first_line(&mut guard);
    assert_eq!(guard.wait().unwrap().code(), Some(7));
    assert!(!is_alive(&pids[0]), "{pids:?} survived");
}

#[test]
fn a_killed_guard_takes_its_program_along() {
    let (mut guard, _lifeline) = guard("echo $$ $TMPDIR; exec sleep 1000");
    let mut pids = first_line(&mut guard);
    guard.kill().unwrap();
    guard.wait().unwrap();
    // Nobody else is left to remove it.
    std::fs::remove_dir(pids.remove(1)).unwrap();
    // The signal is sent as the guard dies; the kernel may take a moment to act on it.
    let gone = (0..1_000_000).any(|_| !is_alive(&pids[0]));
    assert!(gone, "{pids:?} survived");
}

#[test]
fn the_temporary_folder_goes_too() {
    let (mut guard, lifeline) = guard("touch $TMPDIR/profile; echo $TMPDIR; exec sleep 1000");
    let folder = first_line(&mut guard).concat();
    assert!(Path::new(&folder).join("profile").is_file(), "{folder}");
    drop(lifeline);
    guard.wait().unwrap();
    assert!(!Path::new(&folder).exists(), "{folder} is still there");
}

#[test]
fn nothing_that_was_open_before_is_passed_on() {
    let (mut guard, lifeline) = guard("echo $$; exec sleep 1000");
    let pids = [first_line(&mut guard).concat(), guard.id().to_string()];
    for pid in pids {
        let mut open: Vec<u32> = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
            .collect();
        open.sort_unstable();
        assert_eq!(open, [0, 1, 2]);
    }
    drop(lifeline);
    guard.wait().unwrap();
}

#[test]
fn the_ending_is_passed_on() {
    for (script, code) in [("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137), ("kill -ABRT $$", 134)] {
        let (mut guard, _lifeline) = guard(script);
        let status: ExitStatus = guard.wait().unwrap();
        assert_eq!(status.code(), Some(code), "{script}");
    }
}
