//! Prints how fast a million trials go into the store, how long and how much memory it takes to ask about them, and to merge them
//! from the databases of ten machines. Arguments are a folder for the databases and, for fewer, how many sweeps of a thousand
//! trials; databases that are there already are taken as they are.

mod generated;
mod loaded;
mod merged;
mod plain;
mod questions;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The database's name in the folder.
const DATABASE: &str = "million.duckdb";
/// Sweeps of a thousand trials.
const SWEEPS: &str = "1000";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match words[..] {
        [questions::ASKED, number, folder] => questions::answer(number, Path::new(folder)),
        [merged::MERGE, folder] => merged::perform(Path::new(folder)),
        [folder] => print(Path::new(folder), SWEEPS),
        [folder, sweeps] => print(Path::new(folder), sweeps),
        _ => Err("name a folder for the database".into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(folder: &Path, sweeps: &str) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    if !folder.join(DATABASE).exists() {
        // Elsewhere until it is whole.
        let loading = folder.join("loading");
        let _ = fs::remove_dir_all(&loading);
        fs::create_dir(&loading)?;
        loaded::load(&loading, sweeps.parse()?)?;
        for entry in fs::read_dir(&loading)? {
            let entry = entry?;
            fs::rename(entry.path(), folder.join(entry.file_name()))?;
        }
        fs::remove_dir(&loading)?;
        println!();
    }
    questions::print_all(folder)?;
    println!();
    merged::print(folder, sweeps.parse()?)
}
