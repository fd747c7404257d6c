//! The hub's cache, laid out as the hub's own tools lay it out, so that both find it: contents by their hash, commits
//! as folders of links to them, revisions as files that name a commit. Every name in it was checked before.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::model::is_plain_name;

/// A repository's part of the cache.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The part of `owner/repository` in the cache at `folder`.
    pub fn of(folder: &Path, repo: &str) -> Cache {
        Cache { folder: folder.join(format!("models--{}", repo.replace('/', "--"))) }
    }

    /// The commit that a revision was when it was last asked for; a commit is its own.
    pub fn commit_of(&self, revision: &str) -> Option<String> {
        let named = fs::read_to_string(self.reference(revision)).ok();
        let commit = named.map_or_else(|| revision.to_owned(), |commit| commit.trim().to_owned());
        (is_plain_name(&commit) && self.snapshot(&commit).is_dir()).then_some(commit)
    }

    /// Notes which commit a revision is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn point(&self, revision: &str, commit: &str) -> io::Result<()> {
        fs::create_dir_all(self.folder.join("refs"))?;
        fs::write(self.reference(revision), commit)
    }

    /// The folder of a commit.
    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// A file of a commit, if it is here.
    pub fn file(&self, commit: &str, name: &str) -> Option<PathBuf> {
        Some(self.snapshot(commit).join(name)).filter(|file| file.is_file())
    }

    /// Where contents called `hash` grow until they are whole.
    ///
    /// # Errors
    /// When there can be no such folder.
    pub fn unfinished(&self, hash: &str) -> io::Result<PathBuf> {
        let contents = self.folder.join("blobs");
        fs::create_dir_all(&contents)?;
        Ok(contents.join(format!("{hash}.incomplete")))
    }

    /// Takes in whole contents as a file of a commit, and gives where that is.
    ///
    /// # Errors
    /// When it cannot be put there.
    pub fn keep(&self, unfinished: &Path, hash: &str, commit: &str, name: &str) -> io::Result<PathBuf> {
        let contents = self.folder.join("blobs").join(hash);
        fs::rename(unfinished, &contents)?;
        let file = self.snapshot(commit).join(name);
        file.parent().map_or(Ok(()), fs::create_dir_all)?;
        match link(&contents, &file, name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => Ok(file),
        }
    }

    fn reference(&self, revision: &str) -> PathBuf {
        self.folder.join("refs").join(revision)
    }
}

/// A link as the hub's tools make it: relative, so that the cache can be moved.
#[cfg(unix)]
fn link(contents: &Path, file: &Path, name: &str) -> io::Result<()> {
    let up = "../".repeat(2 + Path::new(name).components().count() - 1);
    let hash = contents.file_name().unwrap_or_default();
    std::os::unix::fs::symlink(Path::new(&format!("{up}blobs")).join(hash), file)
}

#[cfg(not(unix))]
fn link(contents: &Path, file: &Path, _name: &str) -> io::Result<()> {
    fs::hard_link(contents, file)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn what_is_kept_is_found_wherever_the_cache_is_moved() {
        let root = TempDir::new().unwrap();
        let cache = Cache::of(&root.path().join("hub"), "a/b");
        for name in ["model.onnx", "onnx/deep/model.onnx"] {
            let unfinished = cache.unfinished("hash").unwrap();
            fs::write(&unfinished, "graph").unwrap();
            cache.keep(&unfinished, "hash", "commit", name).unwrap();
        }
        cache.point("main", "commit").unwrap();
        fs::rename(root.path().join("hub"), root.path().join("moved")).unwrap();
        let moved = Cache::of(&root.path().join("moved"), "a/b");
        for revision in ["main", "commit"] {
            assert_eq!(moved.commit_of(revision).as_deref(), Some("commit"), "{revision}");
        }
        for name in ["model.onnx", "onnx/deep/model.onnx"] {
            assert_eq!(fs::read_to_string(moved.file("commit", name).unwrap()).unwrap(), "graph", "{name}");
        }
        assert_eq!((moved.commit_of("other"), moved.file("commit", "other")), (None, None));
    }
}
