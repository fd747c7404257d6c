//! Writes the page into a folder that opens without a server: all of it, or what was there before stays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Assets, GENERATOR, case, fit, frame, script, sweep};
use crate::error::Error;
use crate::store::{RunId, Store};

/// Bytes that the first view may take: the frame, the scripts and the data of the sweep.
const MOST_BYTES: u64 = 5_000_000;
/// Everything in the folder that is ours.
const OURS: [&str; 3] = [INDEX, "app", "data"];
const INDEX: &str = "index.html";
const SWEEP: &str = "data/sweep.js";

/// Writes the page of a sweep into a folder, in place of a report that is there.
///
/// # Errors
/// When the folder holds something else, or something cannot be read or written. The folder is then as it was.
pub fn write(store: &Store, run: &RunId, folder: &Path) -> Result<(), Error> {
    write_with(store, run, folder, &Assets::find()?)
}

pub(super) fn write_with(store: &Store, run: &RunId, folder: &Path, assets: &Assets) -> Result<(), Error> {
    let places = Places::of(folder)?;
    places.check()?;
    let frame = frame(false)?;
    let page = sweep::of(store, run)?;
    let page = fit::into(page, room(&frame, assets));
    let cases = case::all(store, run)?;
    let write = || -> io::Result<()> {
        let new = &places.unfinished;
        remove(new)?;
        fs::create_dir_all(new.join("data"))?;
        // First, so that what is left of it is known as ours.
        fs::write(new.join(INDEX), &frame)?;
        for (from, below) in assets.all() {
            let to = new.join("app").join(below);
            to.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::copy(from, to)?;
        }
        for case in &cases {
            let name = &case.cell.case;
            fs::write(new.join(format!("data/case-{name}.js")), script::case(name, case))?;
        }
        fs::write(new.join(SWEEP), script::sweep(&page))?;
        places.put()
    };
    write().map_err(|source| Error::ReportUnwritten { path: folder.to_owned(), source })
}

/// Bytes that are left for the sweep beside what is the same in every report.
pub fn room(frame: &str, assets: &Assets) -> usize {
    let sizes = assets.all().filter_map(|(file, _)| Some(fs::metadata(file).ok()?.len()));
    let taken = frame.len() as u64 + sizes.sum::<u64>();
    usize::try_from(MOST_BYTES.saturating_sub(taken)).unwrap_or(usize::MAX)
}

/// The folder, and those beside it while it is written.
struct Places {
    folder: PathBuf,
    unfinished: PathBuf,
    before: PathBuf,
}

impl Places {
    fn of(folder: &Path) -> Result<Places, Error> {
        let unwritten = |source| Error::ReportUnwritten { path: folder.to_owned(), source };
        let found = match folder.exists() {
            true => folder.canonicalize().map_err(unwritten)?,
            false => std::path::absolute(folder).map_err(unwritten)?,
        };
        let Some(name) = found.file_name() else {
            return Err(unwritten(io::Error::other("it has no name; name a folder below it")));
        };
        let beside = |ending: &str| {
            let mut name = name.to_owned();
            name.push(ending);
            found.with_file_name(name)
        };
        Ok(Places { unfinished: beside(".unfinished"), before: beside(".before"), folder: found })
    }

    /// Refuses to take the place of what is not ours, and finishes what was stopped half-way.
    fn check(&self) -> Result<(), Error> {
        is_report(&self.unfinished, &[INDEX])?;
        is_report(&self.before, &[INDEX])?;
        let finished = match self.folder.exists() {
            true => self.settle(),
            false if self.before.exists() => fs::rename(&self.before, &self.folder),
            false => Ok(()),
        };
        finished.map_err(|source| Error::ReportUnwritten { path: self.folder.clone(), source })?;
        is_report(&self.folder, &[INDEX, SWEEP])
    }

    /// Puts what was written in the place of what was there.
    fn put(&self) -> io::Result<()> {
        if self.folder.exists() {
            fs::rename(&self.folder, &self.before)?;
        }
        fs::rename(&self.unfinished, &self.folder)?;
        self.settle()
    }

    /// Takes back from what was there before what is not ours, and removes the rest.
    fn settle(&self) -> io::Result<()> {
        if !self.before.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.before)? {
            let name = entry?.file_name();
            let (from, to) = (self.before.join(&name), self.folder.join(&name));
            if !OURS.iter().any(|ours| name == *ours) && !to.exists() {
                fs::rename(from, to)?;
            }
        }
        remove(&self.before)
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    if folder.exists() { fs::remove_dir_all(folder) } else { Ok(()) }
}

/// Checks that nothing is there, an empty folder, or a report with these files.
fn is_report(folder: &Path, files: &[&str]) -> Result<(), Error> {
    let refused = |found: &str| Error::NotAReport { path: folder.to_owned(), found: found.to_owned() };
    if !folder.exists() {
        return Ok(());
    }
    let entries =
        fs::read_dir(folder).map_err(|error| refused(&format!("what cannot be listed ({error})")))?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    let Some(first) = names.first() else { return Ok(()) };
    let ours = fs::read_to_string(folder.join(INDEX)).is_ok_and(|index| index.contains(GENERATOR));
    match ours && files.iter().all(|file| folder.join(file).is_file()) {
        true => Ok(()),
        false => Err(refused(&first.to_string_lossy())),
    }
}
