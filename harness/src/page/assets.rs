//! The scripts and styles that the page is made of, as they lie in the folder of pages.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::www;

/// Where they lie below the folder of pages.
const FOLDER: &str = "report";
/// Where the page looks for them.
const APP: &str = "app/";

/// The files of the page, all of them there.
#[derive(Debug, Clone)]
pub struct Assets {
    folder: PathBuf,
    /// Paths below the folder, in order.
    files: Vec<PathBuf>,
}

impl Assets {
    /// Those beside this program, or the checkout's.
    ///
    /// # Errors
    /// When one that the page asks for is not there.
    pub fn find() -> Result<Assets, Error> {
        Assets::of(&www::folder().join(FOLDER))
    }

    /// Those in a folder.
    pub(super) fn of(folder: &Path) -> Result<Assets, Error> {
        let mut files = Vec::new();
        list(folder, Path::new(""), &mut files);
        // A page of its own beside them is for who works on them.
        files.retain(|file| file.extension().is_none_or(|extension| extension != "html"));
        files.sort();
        let frame = super::frame(false)?;
        match named(&frame).find(|name| !files.iter().any(|file| file == Path::new(name))) {
            Some(missing) => {
                Err(Error::NoReportFiles { file: missing.to_owned(), folder: folder.to_owned() })
            }
            None => Ok(Assets { folder: folder.to_owned(), files }),
        }
    }

    /// The file of a path below the place where the page looks for them, if it is one of them.
    pub fn file(&self, path: &Path) -> Option<PathBuf> {
        self.files.iter().find(|file| *file == path).map(|file| self.folder.join(file))
    }

    /// Each file, and its path below the place where the page looks for them.
    pub fn all(&self) -> impl Iterator<Item = (PathBuf, &Path)> {
        self.files.iter().map(|file| (self.folder.join(file), file.as_path()))
    }
}

/// The files that a page asks for.
pub(super) fn named(frame: &str) -> impl Iterator<Item = &str> {
    let quoted = frame.split('"').skip(1).step_by(2);
    quoted.filter_map(|text| text.strip_prefix(APP))
}

fn list(folder: &Path, below: &Path, files: &mut Vec<PathBuf>) {
    // What is not there is found missing.
    let Ok(entries) = fs::read_dir(folder.join(below)) else { return };
    for entry in entries.flatten() {
        let path = below.join(entry.file_name());
        match folder.join(&path).is_dir() {
            true => list(folder, &path, files),
            false => files.push(path),
        }
    }
}
