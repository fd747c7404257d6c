//! Temporary folders that nobody else can look into, on paths short enough for the sockets that browsers put there.

use std::io;
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
