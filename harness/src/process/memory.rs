//! The memory that a session's processes hold.

use std::collections::HashMap;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Resident memory of a process and of all below it, in bytes; a page that several of them share counts for each.
/// `None` where no such process is to be seen.
pub fn resident_bytes(root: u32) -> Option<u64> {
    let mut system = System::new();
    let memory_alone = ProcessRefreshKind::nothing().with_memory().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, memory_alone);
    let mut below: HashMap<Pid, Vec<Pid>> = HashMap::new();
    for (&process, known) in system.processes() {
        if let Some(parent) = known.parent() {
            below.entry(parent).or_default().push(process);
        }
    }
    let (mut open, mut seen, mut bytes) = (vec![Pid::from_u32(root)], Vec::new(), None);
    while let Some(process) = open.pop() {
        let Some(known) = system.process(process).filter(|_| !seen.contains(&process)) else { continue };
        seen.push(process);
        bytes = Some(bytes.unwrap_or(0) + known.memory());
        open.extend(below.remove(&process).unwrap_or_default());
    }
    bytes
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
