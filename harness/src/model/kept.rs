//! Model folders that bare ONNX files were completed to: kept within a bound.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{MANIFEST, files_below};

/// Bytes that all of them may take together.
pub const BOUND_BYTES: u64 = 1 << 30;
/// Another command may be at work on what was used so recently.
const IN_USE: Duration = Duration::from_secs(60 * 60);
/// Characters of the key that a completed folder's name ends in.
const KEY_LENGTH: usize = 32;
/// How the names of folders begin that are being made.
const UNFINISHED: &str = "unfinished-";

/// Notes that a completed folder is used now, and makes room for it: the longest unused go first.
pub fn used(folder: &Path) {
    let now = SystemTime::now();
    // A cache that cannot be written to is bounded by that.
    let _ = File::options().write(true).open(folder.join(MANIFEST)).and_then(|file| file.set_modified(now));
    if let Some(root) = folder.parent() {
        keep_within(BOUND_BYTES, root, now);
    }
}

/// A completed folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Where it lies.
    pub path: PathBuf,
    /// The bytes it takes.
    pub size_bytes: u64,
    /// When it was last used.
    pub used: SystemTime,
}

impl Folder {
    /// Its own name.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The completed folders and those that were never finished, the longest unused first.
pub fn list(root: &Path) -> Vec<Folder> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| is_completed(&entry.file_name()) && !entry.path().is_symlink());
    let mut folders: Vec<Folder> = folders.filter_map(|entry| measure(entry.path())).collect();
    folders.sort_by_key(|folder| folder.used);
    folders
}

/// Returns whether a folder is one of a bare file's, by its name: what else lies there is the hub's.
fn is_completed(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let key = name.rsplit_once('-').map_or("", |(_, key)| key);
    let is_key = key.len() == KEY_LENGTH && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_key || name.starts_with(UNFINISHED)
}

fn measure(path: PathBuf) -> Option<Folder> {
    let sizes = files_below(&path).ok()?.into_iter().filter_map(|file| Some(fs::metadata(file).ok()?.len()));
    let size_bytes = sizes.sum();
    let stamp = fs::metadata(path.join(MANIFEST)).or_else(|_| fs::metadata(&path)).ok()?;
    Some(Folder { size_bytes, used: stamp.modified().ok()?, path })
}

fn keep_within(bound_bytes: u64, root: &Path, now: SystemTime) {
    let folders = list(root);
    let mut total: u64 = folders.iter().map(|folder| folder.size_bytes).sum();
    let idle = |folder: &&Folder| now.duration_since(folder.used).is_ok_and(|unused| unused >= IN_USE);
    for folder in folders.iter().filter(idle) {
        if total <= bound_bytes {
            return;
        }
        // One that cannot be removed may be gone already: another command makes room too.
        if fs::remove_dir_all(&folder.path).is_ok() {
            total -= folder.size_bytes;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use tempfile::TempDir;

    use super::*;

    pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    /// A folder of 100 bytes that was used so many minutes before `now`.
    pub(crate) fn folder(root: &TempDir, name: &str, now: SystemTime, unused: u64) {
        let path = root.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("weights.bin"), [0; 60]).unwrap();
        fs::write(path.join(MANIFEST), [b' '; 40]).unwrap();
        let file = File::options().write(true).open(path.join(MANIFEST)).unwrap();
        file.set_modified(now - minutes(unused)).unwrap();
    }

    fn names(root: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(root.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.iter().map(|name| name.replace(KEY, "KEY")).collect()
    }

    #[test]
    fn beyond_the_bound_the_longest_unused_go_first() {
        for (bound_bytes, left) in [
            (400, &["fresh-KEY", "hour-KEY", "older-KEY", "oldest-KEY"][..]),
            (399, &["fresh-KEY", "hour-KEY", "older-KEY"]),
            (250, &["fresh-KEY", "hour-KEY"]),
            // What was used within the hour stays, whatever it takes; the hub's is not looked at.
            (0, &["fresh-KEY"]),
        ] {
            let (root, now) = (TempDir::new().unwrap(), SystemTime::now());
            for (name, unused) in [("older", 3000), ("fresh", 59), ("oldest", 9000), ("hour", 61)] {
                folder(&root, &format!("{name}-{KEY}"), now, unused);
            }
            folder(&root, "someone--model--0123456789abcdef0123456789abcdef01234567", now, 9000);
            keep_within(bound_bytes, root.path(), now);
            let found = names(&root);
            let (hubs, completed): (Vec<String>, Vec<String>) =
                found.into_iter().partition(|name| name.starts_with("someone--"));
            assert_eq!(
                (completed.as_slice(), hubs.len()),
                (&left.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()[..], 1),
                "{bound_bytes}"
            );
        }
    }

    #[test]
    fn what_is_used_is_used_now() {
        let (root, now) = (TempDir::new().unwrap(), SystemTime::now());
        folder(&root, &format!("a-{KEY}"), now, 9000);
        folder(&root, &format!("b-{KEY}"), now, 3000);
        used(&root.path().join(format!("a-{KEY}")));
        let order: Vec<String> = list(root.path()).iter().map(Folder::name).collect();
        assert_eq!(order, [format!("b-{KEY}"), format!("a-{KEY}")]);
    }
}
