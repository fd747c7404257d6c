//! The processes of a session, and the memory that they hold.

use std::collections::HashMap;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Resident memory of a process and of all below it, in bytes; a page that several of them share counts for each.
/// `None` where no such process is to be seen.
pub fn resident_bytes(root: u32) -> Option<u64> {
    let system = system(ProcessRefreshKind::nothing().with_memory());
    let processes = family(&system, root).into_iter();
    processes.filter_map(|process| Some(system.process(process)?.memory())).reduce(|sum, bytes| sum + bytes)
}

/// A process and all below it, by their ids; nothing where there is no such process.
pub fn below(root: u32) -> Vec<u32> {
    family(&system(ProcessRefreshKind::nothing()), root).into_iter().map(Pid::as_u32).collect()
}

fn system(what: ProcessRefreshKind) -> System {
    let mut system = System::new();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what.without_tasks());
    system
}

fn family(system: &System, root: u32) -> Vec<Pid> {
    let mut below: HashMap<Pid, Vec<Pid>> = HashMap::new();
    for (&process, known) in system.processes() {
        if let Some(parent) = known.parent() {
            below.entry(parent).or_default().push(process);
        }
    }
    let (mut open, mut seen) = (vec![Pid::from_u32(root)], Vec::new());
    while let Some(process) = open.pop() {
        if system.process(process).is_some() && !seen.contains(&process) {
            seen.push(process);
            open.extend(below.remove(&process).unwrap_or_default());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_holds_memory_and_one_that_is_not_there_holds_none() {
        let before = resident_bytes(std::process::id()).unwrap();
        let held = std::hint::black_box(vec![1u8; 64 << 20]);
        let after = resident_bytes(std::process::id()).unwrap();
        assert!(after >= before + held.len() as u64 / 2, "{before} bytes, then {after}");
        assert_eq!(resident_bytes(u32::MAX), None);
    }

    #[cfg(unix)]
    #[test]
    fn children_count() {
        let alone = resident_bytes(std::process::id()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let own = resident_bytes(child.id());
        let both = resident_bytes(std::process::id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(own.is_some_and(|own| own > 0), "{own:?}");
        assert!(both > alone / 2 + own.unwrap(), "{alone} alone, {both} with a child of {own:?}");
    }
}
