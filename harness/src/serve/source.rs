//! Where the page's data comes from: the sweep that runs, which holds the database, or the database, which is opened for a
//! request and let go of again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::relay::{self, Address};
use crate::error::Error;
use crate::page::{Assets, case, files, fit, frame, sweep};
use crate::store::Store;

/// The data of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Of the sweep.
    Sweep,
    /// Of the case of this name.
    Case(String),
}

/// A database that may be another process's at any time.
#[derive(Clone)]
pub struct Source {
    db: PathBuf,
    /// Bytes that a sweep's data may take.
    most_bytes: usize,
    kept: Arc<Mutex<Kept>>,
}

/// What was read last, and what the file was then.
#[derive(Default)]
struct Kept {
    stamp: Option<Stamp>,
    sweep: Option<String>,
}

/// What tells a file from what it was before: when it was written last and its length, and its log's.
pub type Stamp = [Option<(SystemTime, u64)>; 2];

impl Source {
    /// The database of this path.
    pub fn of(db: &Path, assets: &Assets) -> Source {
        let most_bytes = frame(true).map_or(0, |frame| files::room(&frame, assets));
        Source { db: db.to_owned(), most_bytes, kept: Arc::default() }
    }

    /// The sweep that runs into the database, if one does and can be asked.
    pub async fn live(&self) -> Option<Address> {
        let live = relay::beside(&self.db)?;
        live.is_there().await.then_some(live)
    }

    /// What was asked for as JSON, or why there is nothing, in words.
    pub async fn get(&self, asked: &Asked) -> Result<String, String> {
        if let Some(live) = self.live().await
            && let Some(answer) = live.get(asked).await
        {
            return answer;
        }
        let (source, asked) = (self.clone(), asked.clone());
        let read = tokio::task::spawn_blocking(move || source.read(&asked)).await;
        read.unwrap_or_else(|error| Err(format!("the page could not be put together: {error}")))
    }

    fn read(&self, asked: &Asked) -> Result<String, String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let unchanged = kept.stamp.is_some() && kept.stamp == Some(self.stamp());
        if let (Asked::Sweep, true, Some(sweep)) = (asked, unchanged, &kept.sweep) {
            return Ok(sweep.clone());
        }
        let read = Store::open_existing(&self.db)
            .and_then(|store| json(&store, asked, self.most_bytes, Running::No));
        // It was closed in between, and to open and close a file writes to it.
        kept.stamp = Some(self.stamp());
        match (&read, asked) {
            (Ok(sweep), Asked::Sweep) => kept.sweep = Some(sweep.clone()),
            (Err(_), Asked::Sweep) => kept.sweep = None,
            // Something else may have been written before it was opened.
            (_, Asked::Case(_)) if !unchanged => kept.sweep = None,
            (_, Asked::Case(_)) => {}
        }
        read.map_err(|error| error.to_string())
    }

    /// The file as it is now; nothing while it is read.
    pub fn seen(&self) -> Option<Stamp> {
        let _not_while_read = self.kept.try_lock().ok()?;
        Some(self.stamp())
    }

    /// The file as it was after it was read last.
    pub fn read_at(&self) -> Option<Stamp> {
        self.kept.try_lock().ok()?.stamp
    }

    fn stamp(&self) -> Stamp {
        let of = |path: &Path| fs::metadata(path).and_then(|file| Ok((file.modified()?, file.len()))).ok();
        let mut log = self.db.as_os_str().to_owned();
        log.push(".wal");
        [of(&self.db), of(Path::new(&log))]
    }
}

/// Whether the last sweep is under way in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// Nothing may take time from it.
    Yes,
    /// It is over.
    No,
}

/// What was asked for of the last sweep, as JSON.
pub fn json(store: &Store, asked: &Asked, most_bytes: usize, running: Running) -> Result<String, Error> {
    let run = store.find_sweep("last")?;
    let text = match asked {
        Asked::Sweep => {
            let page = match running {
                Running::Yes => sweep::of_running(store, &run)?,
                Running::No => sweep::of(store, &run)?,
            };
            serde_json::to_string(&fit::into(page, most_bytes))
        }
        Asked::Case(name) => match case::of(store, &run, name)? {
            Some(page) => serde_json::to_string(&page),
            None => return Err(Error::Row(format!("the last sweep has no case {name}"))),
        },
    };
    text.map_err(|error| Error::Output(error.into()))
}
