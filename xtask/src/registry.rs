//! Fetches packages through the package managers' own clients (npm, pip), so that their configuration and proxies hold.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{capture, on_path, succeeds};

/// The interpreter whose wheel is fetched; only the library inside matters, so any that has one will do.
const WHEEL: [&str; 6] = ["--python-version", "3.12", "--implementation", "cp", "--abi", "cp312"];

/// Fetches one npm package into `folder` and gives the folder with its files.
pub fn npm_package(package: &str, version: &str, folder: &Path) -> Result<PathBuf> {
    let Some(npm) = on_path(&["npm", "npm.cmd"]) else {
        bail!(
            "npm is needed to fetch {package} {version}: install Node.js, for example `apt-get install npm`"
        )
    };
    let pack = ["pack", "--silent", &format!("{package}@{version}")];
    capture(Command::new(npm).args(pack).current_dir(folder))?;
    let archive = only_file(folder, "tgz")?;
    capture(Command::new("tar").arg("-xzf").arg(archive).current_dir(folder))?;
    Ok(folder.join("package"))
}

/// Fetches the wheel of one Python package for this platform into `folder` and gives the folder with its files.
pub fn wheel(package: &str, version: &str, folder: &Path) -> Result<PathBuf> {
    let python = python_with_pip().with_context(|| {
        format!("pip is needed to fetch {package} {version}: install it, for example `apt-get install python3-pip`")
    })?;
    let mut download = Command::new(&python);
    download.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]).args(WHEEL);
    capture(download.arg(format!("{package}=={version}")).arg("--dest").arg(folder))?;
    let unpacked = folder.join("wheel");
    let unzip = ["-m", "zipfile", "--extract"];
    capture(Command::new(&python).args(unzip).arg(only_file(folder, "whl")?).arg(&unpacked))?;
    Ok(unpacked)
}

fn python_with_pip() -> Option<PathBuf> {
    let candidates = [on_path(&["python3"]), on_path(&["python"])];
    candidates
        .into_iter()
        .flatten()
        .find(|python| succeeds(Command::new(python).args(["-m", "pip", "--version"])))
}

/// The one file with an extension in a folder.
pub fn only_file(folder: &Path, extension: &str) -> Result<PathBuf> {
    let found =
        files(folder)?.into_iter().find(|path| path.extension().is_some_and(|found| found == extension));
    found.with_context(|| format!("no .{extension} file came into {}", folder.display()))
}

/// Lists what lies in a folder.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}
