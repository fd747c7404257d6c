//! The file behind an open database: whether it still lies where it was opened.

use std::fs;
use std::path::{Path, PathBuf};

use super::Store;
use crate::error::Error;

/// A file as it was when it was opened.
#[derive(Debug, Clone)]
pub enum OpenFile {
    /// A database in memory is in none.
    Memory,
    /// On a disk.
    File {
        /// Where it was opened.
        path: PathBuf,
        /// Which it was; none where it was gone already.
        identity: Option<Identity>,
    },
}

/// A file's device and its number there, which tell it from others of its name.
type Identity = (u64, u64);

impl OpenFile {
    /// The file that lies at `path` now.
    pub fn at(path: &Path) -> OpenFile {
        if path == Path::new(":memory:") {
            return OpenFile::Memory;
        }
        // The command may change its folder, the file does not.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        OpenFile::File { identity: identity(&path), path }
    }
}

impl Store {
    /// Checks that what is written from now on can be found again: that the path of the database still leads to it.
    ///
    /// # Errors
    /// When the file was deleted or another one took its place.
    pub fn check_file(&self) -> Result<(), Error> {
        let OpenFile::File { path, identity: opened } = &self.file else { return Ok(()) };
        let what = match (opened, identity(path)) {
            (Some(opened), Some(now)) if *opened == now => return Ok(()),
            (_, Some(_)) => "another file took its place",
            (_, None) => "it was deleted or moved away",
        };
        Err(Error::DatabaseGone { path: path.clone(), what })
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Elsewhere an open file can be neither deleted nor replaced.
#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|_| (0, 0))
}
