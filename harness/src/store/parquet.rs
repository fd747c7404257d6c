//! An export: a folder with the tables as Parquet files and `parallax.json`, which says what they are. Tables whose rows are part of a
//! run are split by the month in which it started, as `TABLE/month=2026-11/`.

pub mod read;
pub mod write;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::tables::{PartOf, TABLES, Table};

/// The file that says what an export holds. It is written last.
const MANIFEST: &str = "parallax.json";

/// What an export holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the tables.
    pub schema: i64,
    /// Of Parallax.
    pub version: String,
    /// True if nothing private is in it.
    pub public: bool,
    /// Its runs, where it does not hold all; none otherwise.
    pub runs: Option<Vec<String>>,
    /// Its tables, each after those that it refers to.
    pub tables: Vec<Listed>,
}

/// A table and how many rows there are of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: usize,
}

impl Table {
    /// Returns whether its files are split by month.
    fn is_split(&self) -> bool {
        matches!(self.part_of, PartOf::Run | PartOf::Trial)
    }
}

/// Something in a folder that no export puts there; nothing where it is an export, whole or begun.
fn stranger(folder: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let ours = |table: &Table| match table.is_split() {
            true => name == table.name,
            false => name.to_str() == Some(&format!("{}.parquet", table.name)),
        };
        if name != MANIFEST && !TABLES.iter().any(ours) {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}
