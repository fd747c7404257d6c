//! `parallax export`: writes stored results as files that other tools read.

use crate::cli::ExportArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::plan::each_once;
use crate::report::{self, export};
use crate::screen;
use crate::store::{self, Selection, Store};

/// Runs `parallax export`.
///
/// # Errors
/// When there is no such run or database, or the folder holds something else or cannot be written.
pub fn run(args: &ExportArgs) -> Result<Exit, Error> {
    let opened = Store::open_existing(&args.output.db)?;
    let runs = args.runs.iter().map(|name| opened.find_run(name)).collect::<Result<Vec<_>, _>>()?;
    drop(opened);
    let selection = Selection { runs: each_once(runs), public: args.public };
    let spinner = screen::spinner();
    spinner.set_message("exporting");
    let exported = store::export(&args.output.db, &args.parquet, &selection);
    spinner.finish_and_clear();
    let exported = exported?;
    screen::print(&if args.output.json { report::document(&exported) } else { export::render(&exported) })?;
    Ok(Exit::Success)
}
