//! `parallax query`: asks the database in SQL, and shows the rows. It measures and judges nothing.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

use crate::cli::{QueryArgs, QueryForm};
use crate::error::Error;
use crate::exit::Exit;
use crate::report::{self, answer};
use crate::screen;
use crate::store::{Reader, Store};

/// What stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Runs `parallax query`.
///
/// # Errors
/// When the query cannot be read, is not right, or changes what it may not.
pub fn run(args: &QueryArgs) -> Result<Exit, Error> {
    let sql = text(args)?;
    let answer = match args.write {
        true => Store::open_existing(&args.db)?.change(&sql)?,
        false => Reader::open(&args.db)?.ask(&sql)?,
    };
    screen::print(&match args.form {
        QueryForm { json: true, .. } => report::document(&answer),
        QueryForm { csv: true, .. } => answer::csv(&answer),
        QueryForm { .. } => answer::render(&answer),
    })?;
    Ok(Exit::Success)
}

fn text(args: &QueryArgs) -> Result<String, Error> {
    let from = |path: PathBuf, read: io::Result<String>| {
        read.map_err(|source| Error::QueryUnreadable { path, source })
    };
    match (&args.sql, &args.file) {
        (Some(sql), _) if sql == STANDARD_INPUT => {
            let mut text = String::new();
            let read = io::stdin().read_to_string(&mut text);
            from("standard input".into(), read.map(|_| text))
        }
        (Some(sql), _) => Ok(sql.clone()),
        (None, Some(path)) => from(path.clone(), fs::read_to_string(path)),
        (None, None) => Ok(String::new()),
    }
}
