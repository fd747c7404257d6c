//! What importing files came to, as reports show it.

use serde::Serialize;

/// All files of one import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Each file, in the order given.
    pub files: Vec<ImportedFile>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ImportedFile {
    /// Its path, as given.
    pub file: String,
    /// Runs that were added.
    pub runs: u64,
    /// Trials that were added.
    pub trials: u64,
    /// Trials that were there already.
    pub already: u64,
    /// What is not in the database.
    pub skipped: Vec<Skipped>,
}

/// A record that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Where it stands: `runs[0].trials[3]`; empty for the file as a whole.
    pub at: String,
    /// Why it was.
    pub reason: String,
}
