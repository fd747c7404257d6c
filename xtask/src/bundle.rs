//! One archive for Linux that runs on a machine with no network, no Rust and nothing of ours: programs, page,
//! libraries, models, and on request the headless shell with its driver.

mod contents;
mod elf;
mod empty_root;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::checkout;
use crate::command::{cargo, on_path, show};
use crate::programs::{self, Burn};
use crate::steps::Steps;

/// Models that a bundle carries unless the caller says otherwise: one of each family, and three full-size ones.
const MODELS: &str = "bert-tiny,t5-tiny,llama-tiny,clip-tiny,vit-tiny,clap-tiny,whisper-tiny,wav2vec2-tiny,llava-tiny,\
                      llava-next-tiny,xclip-tiny,qwen2-tiny,qwen3-tiny,detr-tiny,\
                      bert-base-uncased,vit-base-patch16-224,openai-whisper-tiny";
/// Its name, and that of the folder it unpacks to.
const NAME: &str = "parallax";

/// The bundle asked for.
#[derive(Debug, Args)]
pub struct Wanted {
    /// Models to carry: names of fixtures
    #[arg(long, value_delimiter = ',', value_name = "MODEL,..", default_value = MODELS)]
    pub models: Vec<String>,
    /// Other things to carry
    #[arg(long, value_delimiter = ',', value_name = "WHAT,..")]
    pub with: Vec<Extra>,
    /// Largest size of a part, in megabytes
    #[arg(long, value_name = "MB", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..))]
    pub part_size: u64,
}

/// Something that a bundle carries on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Extra {
    /// Chromium's headless shell, its driver and the libraries that servers lack.
    HeadlessShell,
}

/// Builds, gathers, tries out in an empty root, and packs.
pub fn make(steps: &mut Steps, wanted: &Wanted) -> Result<()> {
    if (std::env::consts::OS, std::env::consts::ARCH) != ("linux", "x86_64") {
        bail!("a bundle is made on Linux on x86-64, for the same");
    }
    programs::ready(steps, Burn::KeptFresh)?;
    let folder = gather(steps, wanted)?;
    let has_shell = wanted.with.contains(&Extra::HeadlessShell);
    steps.loud("bundle: sweep in an empty root", || empty_root::sweep(&folder, has_shell))?;
    let parts = steps.loud("bundle: pack", || pack(&folder, wanted.part_size * 1_000_000))?;
    println!("\n{}", told(&parts)?);
    Ok(())
}

/// The bundle as a folder, without its archive: what `cargo xtask test` tries out.
pub fn check(steps: &mut Steps) -> Result<()> {
    if (std::env::consts::ARCH, on_path(&["bwrap"]).is_some()) != ("x86_64", true) {
        steps.note(
            "test: a bundle in an empty root",
            "SKIPPED: it takes x86-64 and bubblewrap (`apt-get install bubblewrap`)",
        );
        return Ok(());
    }
    let wanted = Wanted { models: vec!["bert-tiny".to_owned()], with: Vec::new(), part_size: 1 };
    let folder = gather(steps, &wanted)?;
    steps.loud("test: a bundle in an empty root", || empty_root::sweep(&folder, false))
}

fn gather(steps: &mut Steps, wanted: &Wanted) -> Result<PathBuf> {
    let folder = place()?.join(NAME);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    steps.quiet("bundle: gather", || {
        contents::gather(&folder, wanted)?;
        elf::check(&folder)
    })?;
    Ok(folder)
}

fn place() -> Result<PathBuf> {
    Ok(checkout::target_dir()?.join("bundle"))
}

/// Packs the folder by the program that unpacks it, which lies beside the parts.
fn pack(folder: &Path, part_bytes: u64) -> Result<Vec<PathBuf>> {
    let root = checkout::root()?;
    show(cargo().args(["build", "--release", "--package", "archive"]).current_dir(root))?;
    let (place, packed) = (place()?, format!("{NAME}.tar.xz"));
    let archive = place.join("archive");
    contents::copy_program(&checkout::program("archive")?, &archive)?;
    let part_bytes = part_bytes.to_string();
    show(Command::new(&archive).arg("pack").arg(folder).arg(place.join(&packed)).arg(&part_bytes))?;
    contents::write_script(&place.join("unpack.sh"), include_str!("bundle/unpack.sh"))?;
    let entries = fs::read_dir(&place).with_context(|| format!("cannot list {}", place.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

/// Says which files to take along, and what to do there.
fn told(files: &[PathBuf]) -> Result<String> {
    let mut told = String::new();
    let mut all_bytes = 0;
    for file in files {
        let bytes = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len();
        all_bytes += bytes;
        told += &format!("{:>6.1} MB  {}\n", megabytes(bytes), file.display());
    }
    Ok(format!(
        "{told}{:>6.1} MB in all; there: sh unpack.sh, then parallax/parallax --help\n",
        megabytes(all_bytes)
    ))
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
