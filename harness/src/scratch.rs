//! Temporary folders that nobody else can look into, on paths short enough for the sockets that browsers put there.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The longest path of a folder, in bytes, below which Chromium can still name its sockets: of the 107 that a socket's
/// name may have, `/parallax-XXXXXX` takes 16, `/org.chromium.Chromium.XXXXXX/SingletonSocket` 45.
const LONGEST_BYTES: usize = 46;

/// Makes a temporary folder; it goes when dropped.
///
/// # Errors
/// Where none can be made, and where every folder for temporary files has too long a path.
pub fn folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("parallax-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(base(std::env::temp_dir())?)
}

/// Bytes that are written to see whether there is room: about what a browser's new profile takes.
const ROOM_BYTES: usize = 16 << 20;

/// Returns a message where there is no room for temporary files; `None` where there is.
pub fn full() -> Option<String> {
    full_at(&base(std::env::temp_dir()).ok()?)
}

fn full_at(base: &Path) -> Option<String> {
    let written = tempfile::tempfile_in(base).and_then(|mut file| file.write_all(&vec![0; ROOM_BYTES]));
    let error = written.err()?;
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    // A quota or a file system without room for another file has bytes to show.
    let free = free_bytes(base).filter(|free| *free < ROOM_BYTES as u64);
    let detail = free.map_or_else(|| error.to_string(), |free| format!("{free} bytes free"));
    let folder = base.display();
    is_full.then(|| {
        format!("too little space is left in {folder} ({detail}), where the browser keeps its profile; free some or set TMPDIR")
    })
}

/// Returns the bytes that a user may still write to the file system that a folder is on.
#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let system = nix::sys::statvfs::statvfs(folder).ok()?;
    Some(system.blocks_available() as u64 * system.fragment_size() as u64)
}

/// Not known here.
#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

/// The folder to make temporary ones in: the one asked for, or the system's own where that is too long a path.
fn base(asked: PathBuf) -> io::Result<PathBuf> {
    let fits = |path: &Path| !cfg!(unix) || path.as_os_str().len() <= LONGEST_BYTES;
    let systems = PathBuf::from("/tmp");
    match (fits(&asked), systems.is_dir()) {
        (true, _) => Ok(asked),
        (false, true) => Ok(systems),
        (false, false) => Err(io::Error::other(format!(
            "the path of {} is too long for the sockets of a browser; set TMPDIR to a folder of at most {LONGEST_BYTES} bytes",
            asked.display()
        ))),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn nobody_else_can_look_into_a_folder() {
        let folder = folder().unwrap();
        assert_eq!(folder.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_path_too_long_for_chromiums_sockets_is_not_taken() {
        let long = PathBuf::from(format!("/{}", "d".repeat(LONGEST_BYTES)));
        assert_eq!(base(long).unwrap(), Path::new("/tmp"));
        assert_eq!(base("/var/tmp".into()).unwrap(), Path::new("/var/tmp"));
    }

    #[test]
    fn the_longest_path_that_is_taken_has_room_for_chromiums_sockets() {
        let root = TempDir::new_in("/tmp").unwrap();
        let filling = LONGEST_BYTES - root.path().as_os_str().len() - 1;
        let base = base(root.path().join("d".repeat(filling))).unwrap();
        let place = base.join("parallax-XXXXXX/org.chromium.Chromium.XXXXXX");
        std::fs::create_dir_all(&place).unwrap();
        assert!(UnixListener::bind(place.join("SingletonSocket")).is_ok());
    }
}
