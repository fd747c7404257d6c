//! A compiler for wasm32-unknown-unknown: rustup's own, or Debian's unpacked beside it where rustup can fetch none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use protocol::cache;

use crate::command::{capture, cargo, on_path, succeeds};
use crate::platform::debian_library_folder;
use crate::registry::files;
use crate::staging::Staging;
use crate::system::refresh_package_lists;

/// The target that the page's runtime is compiled for.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Debian's packages with a compiler that knows WebAssembly and the standard library's source.
const PACKAGES: [&str; 3] = ["rustc-web", "libstd-rust-web-dev", "rust-web-src"];

/// How to compile for WebAssembly here.
pub enum Toolchain {
    /// The compiler in use has the target.
    Ready,
    /// Debian's compiler, unpacked into the cache: it builds the standard library too.
    Unpacked { prefix: PathBuf },
}

impl Toolchain {
    /// The toolchain that this machine has, if any.
    pub fn find() -> Option<Toolchain> {
        let ready = sysroot().is_ok_and(|sysroot| sysroot.join("lib/rustlib").join(WASM_TARGET).is_dir());
        if ready { Some(Toolchain::Ready) } else { unpacked().map(|prefix| Toolchain::Unpacked { prefix }) }
    }

    /// `cargo SUBCOMMAND` for the WebAssembly target.
    pub fn cargo(&self, subcommand: &str) -> Result<Command> {
        let mut command = cargo();
        command.args([subcommand, "--target", WASM_TARGET]);
        if let Toolchain::Unpacked { prefix } = self {
            command.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
            command.env("RUSTC", wrapper(prefix));
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker()?);
        }
        Ok(command)
    }
}

/// Gets the target from rustup, or else Debian's compiler.
pub fn fetch() -> Result<()> {
    if succeeds(Command::new("rustup").args(["target", "add", WASM_TARGET])) {
        return Ok(());
    }
    if on_path(&["apt-get"]).is_none() || on_path(&["dpkg"]).is_none() {
        bail!("no compiler for {WASM_TARGET}: run `rustup target add {WASM_TARGET}`");
    }
    unpack_debians().with_context(|| {
        format!(
            "no compiler for {WASM_TARGET}: `rustup target add {WASM_TARGET}` failed, and so did Debian's"
        )
    })
}

fn unpack_debians() -> Result<()> {
    refresh_package_lists();
    let policy = capture(Command::new("apt-cache").args(["policy", PACKAGES[0]]))?;
    let version = candidate_version(&policy).context("this system offers no package rustc-web")?;
    let prefix = cache::rust_wasm_prefix(&version);
    let staging = Staging::of(&prefix)?;
    let scratch = Staging::of(&prefix.with_extension("download"))?;
    let libraries = libraries_of_the_compiler()?;
    let download = ["download", "-o", "APT::Sandbox::User=root"];
    capture(
        Command::new("apt-get").args(download).args(PACKAGES).args(libraries).current_dir(scratch.path()),
    )?;
    for package in files(scratch.path())? {
        capture(Command::new("dpkg").arg("-x").arg(&package).arg(staging.path()))?;
    }
    write_wrapper(staging.path(), &prefix)?;
    staging.finish()
}

/// The packages with the compiler's own libraries, whose names carry versions.
fn libraries_of_the_compiler() -> Result<Vec<String>> {
    let depends = |package: &str| capture(Command::new("apt-cache").args(["depends", package]));
    let compiler = dependency(&depends("libstd-rust-web-dev")?, "libstd-rust-web-")
        .context("libstd-rust-web-dev depends on no libstd-rust-web")?;
    let llvm = dependency(&depends(&compiler)?, "libllvm");
    Ok(std::iter::once(compiler).chain(llvm).collect())
}

/// The first dependency whose name starts with `prefix`, from what `apt-cache depends` says.
fn dependency(depends: &str, prefix: &str) -> Option<String> {
    let names = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.map(str::to_owned).find(|name| name.starts_with(prefix))
}

/// The version of the compiler inside the candidate package, from what `apt-cache policy` says.
fn candidate_version(policy: &str) -> Option<String> {
    let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    let version = candidate.split(['+', '-', '~']).next()?;
    version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned())
}

fn wrapper(prefix: &Path) -> PathBuf {
    prefix.join("bin/rustc")
}

/// The unpacked compiler finds its libraries only when told where they are.
fn write_wrapper(staged: &Path, prefix: &Path) -> Result<()> {
    let root = prefix.join("usr");
    let libraries = root.join("lib").join(debian_library_folder(std::env::consts::ARCH));
    let script = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
        libraries.display(),
        root.join("bin/rustc").display()
    );
    let file = wrapper(staged);
    fs::create_dir_all(staged.join("bin")).context("cannot make a folder in the cache")?;
    fs::write(&file, script).with_context(|| format!("cannot write {}", file.display()))?;
    capture(Command::new("chmod").arg("+x").arg(&file))?;
    Ok(())
}

/// The newest unpacked compiler.
fn unpacked() -> Option<PathBuf> {
    let complete = |prefix: &PathBuf| wrapper(prefix).is_file() && !is_hidden(prefix);
    files(&cache::rust_wasm_dir()).ok()?.into_iter().filter(complete).max()
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// The linker that comes with the compiler in use: it links for every target.
fn linker() -> Result<PathBuf> {
    let rustlib = sysroot()?.join("lib/rustlib");
    let candidates = files(&rustlib)?.into_iter().map(|host| host.join("bin/rust-lld"));
    candidates.chain(on_path(&["rust-lld", "wasm-ld", "lld"])).find(|linker| linker.is_file()).with_context(
        || {
            format!(
                "no linker for WebAssembly in {}: install lld, for example `apt-get install lld`",
                rustlib.display()
            )
        },
    )
}

fn sysroot() -> Result<PathBuf> {
    Ok(PathBuf::from(capture(Command::new("rustc").args(["--print", "sysroot"]))?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_version_is_read_from_the_package_lists() {
        let policy = |candidate: &str| format!("rustc-web:\n  Installed: (none)\n  Candidate: {candidate}\n");
        for (candidate, expected) in
            [("1.96.0+dfsg1-1~deb12u2", Some("1.96.0")), ("1.85.0-2", Some("1.85.0")), ("(none)", None)]
        {
            assert_eq!(candidate_version(&policy(candidate)).as_deref(), expected, "{candidate}");
        }
        assert_eq!(candidate_version(""), None);
    }

    #[test]
    fn versioned_dependencies_are_found() {
        let depends = "x\n  Depends: libc6\n  Depends: libllvm22\n  Conflicts: <rustup>\n";
        assert_eq!(dependency(depends, "libllvm").as_deref(), Some("libllvm22"));
        assert_eq!(dependency(depends, "rustup"), None);
    }
}
