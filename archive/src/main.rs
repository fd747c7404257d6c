//! `archive`: a folder as numbered parts of one xz-compressed tar, and back. It travels with the parts, since many a
//! server has no xz.

mod parts;

use std::io::{BufReader, BufWriter, Write};
use std::num::NonZeroU64;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lzma_rust2::{XzOptions, XzReader, XzWriterMt};

use parts::{Reader, Writer};

const HELP: &str = "archive: a folder as numbered parts of one compressed file, and back

  archive pack FOLDER NAME BYTES    writes NAME.001, NAME.002, … of at most so many bytes
  archive unpack NAME FOLDER        makes FOLDER of them

Example:
  archive unpack ./parallax.tar.xz . && ./parallax/parallax detect";

/// Each thread compresses so many bytes by themselves.
const BLOCK_BYTES: u64 = 128 << 20;
/// The best that xz can do; unpacking takes the 64 MiB of its dictionary.
const PRESET: u32 = 9;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match perform(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(words: &[&str]) -> Result<()> {
    match *words {
        ["pack", folder, name, bytes] => {
            let bytes = bytes.parse().with_context(|| format!("{bytes} is no number of bytes"))?;
            pack(Path::new(folder), Path::new(name), bytes)
        }
        ["unpack", name, folder] => unpack(Path::new(name), Path::new(folder)),
        ["--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => bail!("what is asked for is not clear\n\n{HELP}"),
    }
}

/// Packs a folder under its own name.
fn pack(folder: &Path, name: &Path, part_bytes: u64) -> Result<()> {
    let mut options = XzOptions::with_preset(PRESET);
    options.set_block_size(NonZeroU64::new(BLOCK_BYTES));
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u32);
    let parts = Writer::new(name, part_bytes)?;
    let compressed = XzWriterMt::new(BufWriter::new(parts), options, threads)?;
    let mut tar = tar::Builder::new(compressed);
    let top = folder.file_name().context("the folder has no name")?;
    tar.append_dir_all(top, folder).with_context(|| format!("cannot pack {}", folder.display()))?;
    tar.into_inner()?.finish()?.flush()?;
    Ok(())
}

fn unpack(name: &Path, folder: &Path) -> Result<()> {
    let parts = Reader::new(name)?;
    let mut tar = tar::Archive::new(XzReader::new(BufReader::new(parts), true));
    tar.unpack(folder).with_context(|| {
        format!("cannot unpack {} into {}: is a part missing or broken?", name.display(), folder.display())
    })
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_comes_back_as_it_was_from_parts_of_any_size() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("bundle");
        fs::create_dir_all(folder.join("below")).unwrap();
        let program: Vec<u8> = (0..200_000u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        fs::write(folder.join("below/program"), &program).unwrap();
        make_executable(&folder.join("below/program"));
        fs::write(folder.join("empty"), "").unwrap();
        for part_bytes in [1_000, 100_000, 10_000_000] {
            let (name, back) =
                (scratch.path().join(format!("{part_bytes}.tar.xz")), scratch.path().join("back"));
            pack(&folder, &name, part_bytes).unwrap();
            let sizes: Vec<u64> = parts::names(&name).map(|part| fs::metadata(part).unwrap().len()).collect();
            assert!(sizes.iter().all(|size| *size <= part_bytes) && !sizes.is_empty(), "{sizes:?}");
            unpack(&name, &back).unwrap();
            assert_eq!(fs::read(back.join("bundle/below/program")).unwrap(), program);
            assert!(is_executable(&back.join("bundle/below/program")));
            assert_eq!(fs::read(back.join("bundle/empty")).unwrap(), b"");
            fs::remove_dir_all(back).unwrap();
        }
    }

    #[test]
    fn a_missing_or_broken_part_is_said() {
        let scratch = tempfile::tempdir().unwrap();
        let (folder, name) = (scratch.path().join("bundle"), scratch.path().join("a.tar.xz"));
        fs::create_dir(&folder).unwrap();
        let noise: Vec<u8> =
            (0..50_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        fs::write(folder.join("noise"), noise).unwrap();
        assert!(unpack(&name, &folder).unwrap_err().to_string().contains("a.tar.xz.001"));
        pack(&folder, &name, 20_000).unwrap();
        let last = parts::names(&name).last().unwrap();
        fs::remove_file(&last).unwrap();
        let message = format!("{:#}", unpack(&name, &scratch.path().join("back")).unwrap_err());
        assert!(message.contains("is a part missing"), "{message}");
    }

    fn make_executable(file: &Path) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn is_executable(file: &Path) -> bool {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(file).unwrap().permissions().mode() & 0o111 == 0o111
    }
}
