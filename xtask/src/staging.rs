//! A folder that appears complete or not at all: filled under another name, renamed at the end.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A folder being filled; dropped before [`Staging::finish`], it vanishes.
pub struct Staging {
    partial: PathBuf,
    destination: PathBuf,
}

impl Staging {
    /// An empty folder beside `destination`.
    pub fn of(destination: &Path) -> Result<Staging> {
        let parent = destination.parent().context("the cache folder has no parent folder")?;
        let name = destination.file_name().unwrap_or_default().to_string_lossy();
        let partial = parent.join(format!(".{name}.partial-{}", std::process::id()));
        fs::create_dir_all(&partial)
            .with_context(|| format!("cannot make the folder {}", partial.display()))?;
        Ok(Staging { partial, destination: destination.to_owned() })
    }

    /// Where to put the content.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Gives the folder its name. Whatever lay there was incomplete, or its owner would not have been asked.
    pub fn finish(self) -> Result<()> {
        if self.destination.exists() {
            fs::remove_dir_all(&self.destination)
                .with_context(|| format!("cannot remove the incomplete {}", self.destination.display()))?;
        }
        fs::rename(&self.partial, &self.destination)
            .with_context(|| format!("cannot name the folder {}", self.destination.display()))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After `finish` there is nothing left to remove.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

/// Moves a file that was fetched to where it is looked for.
pub fn keep(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("cannot move {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_appears_complete_or_not_at_all() {
        let parent = std::env::temp_dir().join(format!("parallax-staging-{}", std::process::id()));
        let destination = parent.join("1.0");
        let abandoned = Staging::of(&destination).unwrap();
        fs::write(abandoned.path().join("half"), "").unwrap();
        drop(abandoned);
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);

        let finished = Staging::of(&destination).unwrap();
        fs::write(finished.path().join("whole"), "").unwrap();
        finished.finish().unwrap();
        assert!(destination.join("whole").is_file());
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 1);
        fs::remove_dir_all(&parent).unwrap();
    }
}
