//! A copy of a database beside it, as it was before its tables are brought up to date.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::screen;

/// Copies the database at `path`, which nobody has open, and says where the copy is. A copy that is there already stays.
///
/// # Errors
/// When it cannot be copied: the tables are then left as they are.
pub fn make(path: &Path, schema: i64) -> Result<(), Error> {
    let copy = free_name(path, schema);
    let failed = |error: std::io::Error| Error::DatabaseUnopened {
        path: path.to_owned(),
        message: format!(
            "it cannot be copied to {} before it is brought up to date: {error}",
            copy.display()
        ),
    };
    let half = copy.with_extension("unfinished");
    fs::copy(path, &half).and_then(|_| fs::rename(&half, &copy)).map_err(failed)?;
    screen::tell(&format!(
        "the database {} is of an earlier version and is brought up to date; as it was, it is {}",
        path.display(),
        copy.display()
    ));
    Ok(())
}

/// `FILE.schema-6`, or `FILE.schema-6-2` where that is taken.
fn free_name(path: &Path, schema: i64) -> PathBuf {
    let named = |suffix: &str| PathBuf::from(format!("{}.schema-{schema}{suffix}", path.display()));
    let numbered = (2..).map(|number| named(&format!("-{number}")));
    std::iter::once(named("")).chain(numbered).find(|name| !name.exists()).unwrap_or_else(|| named(""))
}
