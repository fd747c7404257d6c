//! `parallax prune`: removes runs that nobody needs any more. It removes no part of a run.

use std::time::SystemTime;

use crate::cli::PruneArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::{self, pruned};
use crate::screen;
use crate::store::{Choice, Store};

/// Runs `parallax prune`.
///
/// # Errors
/// When there is no such run, or the database cannot be rewritten.
pub fn run(args: &PruneArgs) -> Result<Exit, Error> {
    let store = Store::open_existing(&args.output.db)?;
    let named = args.runs.iter().map(|name| store.find_run(name)).collect::<Result<Vec<_>, _>>()?;
    let choice = Choice { keep: args.keep, before: args.before, named: &named };
    let mut found = store.chosen(&choice, SystemTime::now())?;
    found.dry_run = args.dry_run;
    if !args.dry_run && !found.runs.is_empty() {
        found.freed_bytes = Some(store.without(&found.runs)?);
    }
    screen::print(&if args.output.json { report::document(&found) } else { pruned::render(&found) })?;
    Ok(Exit::Success)
}
