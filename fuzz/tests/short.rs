//! Ten seconds of mutated files, always the same: none may panic, hang or take all memory.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::process::Command;

#[test]
fn no_mutated_file_ends_badly() {
    let keep = std::env::temp_dir().join("parallax-fuzz-findings");
    let hunt = Command::new(env!("CARGO_BIN_EXE_fuzz"))
        .args(["--seconds", "10", "--seed", "1", "--keep"])
        .arg(&keep)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&hunt.stdout);
    assert!(hunt.status.success(), "{said}{}", String::from_utf8_lossy(&hunt.stderr));
    for stage in ["refused", "parsed", "planned"] {
        assert!(said.lines().last().unwrap_or_default().contains(stage), "no file came so far: {said}");
    }
}
