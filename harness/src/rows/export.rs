//! What exporting came to.

use serde::Serialize;

/// An export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The folder that was written.
    pub folder: String,
    /// True if it holds nothing private.
    pub public: bool,
    /// The version of its tables.
    pub schema: i64,
    /// Its tables, each after those that it refers to.
    pub tables: Vec<ExportedTable>,
    /// What was left out of a public export.
    pub left_out: LeftOut,
}

/// A table of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedTable {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: usize,
}

/// What a public export leaves out as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Runs of commands whose results name files and nodes.
    pub runs: usize,
    /// Trials on targets whose names users gave.
    pub trials: usize,
}
