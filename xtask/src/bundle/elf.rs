//! The needs of programs that the system meets: the libraries, and the version of the C library.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::capture;
use crate::registry::files;

/// The newest version of the C library that a bundle may need: servers are seldom younger (RHEL 9 has it, Debian 12
/// and Ubuntu 22.04 have later ones).
const NEWEST_GLIBC: (u32, u32) = (2, 34);
/// Files of the C library and the compiler: of the system's own, which its other libraries are built for.
const OF_THE_SYSTEM: [&str; 9] = [
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libstdc++.so.6",
];

/// The libraries that a program needs, all told, but those of the system.
pub fn needed(program: &Path) -> Result<BTreeSet<PathBuf>> {
    let listed = capture(Command::new("ldd").arg(program))?;
    if let Some(missing) = listed.lines().find(|line| line.contains("not found")) {
        bail!("{} cannot run here: {}", program.display(), missing.trim());
    }
    Ok(parsed(&listed).into_iter().filter(|library| !is_of_the_system(library)).collect())
}

/// The libraries of the system that a program needs.
pub fn needed_of_the_system(program: &Path) -> Result<BTreeSet<PathBuf>> {
    let listed = capture(Command::new("ldd").arg(program))?;
    Ok(parsed(&listed).into_iter().filter(|library| is_of_the_system(library)).collect())
}

fn is_of_the_system(library: &Path) -> bool {
    OF_THE_SYSTEM.iter().any(|name| library.file_name().is_some_and(|found| found == *name))
}

/// The paths in what `ldd` says: `libm.so.6 => /lib/libm.so.6 (0x7f…)`, `/lib64/ld-linux-x86-64.so.2 (0x7f…)`.
fn parsed(listed: &str) -> Vec<PathBuf> {
    let path = |line: &str| {
        let place = line.split("=>").last()?.split(" (").next()?.trim();
        place.starts_with('/').then(|| PathBuf::from(place))
    };
    listed.lines().filter_map(path).collect()
}

/// The library of a name, where the system's loader finds it.
pub fn library(name: &str) -> Result<PathBuf> {
    let listed = capture(Command::new("/sbin/ldconfig").arg("-p"))?;
    let x86_64 = listed.lines().filter(|line| line.contains("x86-64"));
    let found = x86_64.filter(|line| line.trim_start().split(' ').next() == Some(name));
    let path = found.filter_map(|line| line.split("=> ").last()).map(PathBuf::from).next();
    // Some are not in the loader's list, since nothing is linked with them.
    let path = path.or_else(|| Some(Path::new("/usr/lib/x86_64-linux-gnu").join(name)));
    path.filter(|path| path.is_file()).with_context(|| format!("there is no {name} on this machine"))
}

/// Refuses a bundle with a program or library that needs too new a C library.
pub fn check(folder: &Path) -> Result<()> {
    for file in files(folder)? {
        if file.is_dir() {
            check(&file)?;
        } else if is_elf(&file) {
            let symbols = capture(Command::new("objdump").arg("-T").arg(&file))?;
            if let Some(symbol) = too_new(&symbols) {
                let (major, minor) = NEWEST_GLIBC;
                bail!("{} needs a newer C library than {major}.{minor}: {symbol}", file.display());
            }
        }
    }
    Ok(())
}

/// Returns whether a file is a program or a library.
pub fn is_elf(file: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0; 4];
    fs::File::open(file).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

/// The first symbol in what `objdump -T` says that is not in the C library of [`NEWEST_GLIBC`].
fn too_new(symbols: &str) -> Option<String> {
    let version = |line: &str| {
        let version = line.split("(GLIBC_").nth(1)?.split(')').next()?;
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    let undefined = symbols.lines().filter(|line| line.contains("*UND*"));
    let found = undefined.filter(|line| version(line).is_some_and(|version| version > NEWEST_GLIBC));
    found.map(|line| line.split_whitespace().skip(3).collect::<Vec<_>>().join(" ")).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_their_listing() {
        let listed = "\tlinux-vdso.so.1 (0x00007ffd)\n\
                      \tlibnss3.so => /lib/x86_64-linux-gnu/libnss3.so (0x00007f5a)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x00007f5b)\n";
        let expected = ["/lib/x86_64-linux-gnu/libnss3.so", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(parsed(listed), expected);
        assert!(is_of_the_system(&expected[1]) && !is_of_the_system(&expected[0]));
    }

    #[test]
    fn a_symbol_of_too_new_a_c_library_is_found() {
        let line =
            |version: &str| format!("0000000000000000      DF *UND*\t0000000000000000 ({version}) hypot\n");
        for (version, expected) in
            [("GLIBC_2.35", true), ("GLIBC_2.34", false), ("GLIBC_2.2.5", false), ("GCC_3.0", false)]
        {
            assert_eq!(too_new(&line(version)).is_some(), expected, "{version}");
        }
        assert!(too_new(&line("GLIBC_2.35")).unwrap().contains("hypot"));
    }
}
