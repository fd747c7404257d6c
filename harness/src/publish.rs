//! `parallax report`: writes what people take away from a stored sweep. It measures and judges nothing.

use std::io::{self, IsTerminal};

use crate::cli::ReportArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::page::files;
use crate::report;
use crate::screen;
use crate::store::Store;

/// Runs `parallax report`.
///
/// # Errors
/// When there is no such sweep, or something cannot be written.
pub fn run(args: &ReportArgs) -> Result<Exit, Error> {
    let store = Store::open(&args.db)?;
    let run = store.find_sweep(&args.run)?;
    if let Some(folder) = &args.html {
        files::write(&store, &run, folder)?;
        return Ok(Exit::Success);
    }
    let report = store.report(&run)?;
    let colour = io::stdout().is_terminal() && console::colors_enabled();
    screen::print_coloured(&report::render(&report, colour))?;
    Ok(Exit::Success)
}
