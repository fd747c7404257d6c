//! `parallax merge`: adds what other databases and exports hold to one.

use crate::cli::MergeArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::{self, merge};
use crate::screen;
use crate::store;

/// Runs `parallax merge`.
///
/// # Errors
/// When a source cannot be used, shards are of different plans, or a run has two contents; nothing is merged then.
pub fn run(args: &MergeArgs) -> Result<Exit, Error> {
    let spinner = screen::spinner();
    spinner.set_message("merging");
    let merged = store::merge(&args.into, &args.sources, args.any);
    spinner.finish_and_clear();
    let merged = merged?;
    screen::print(&if args.json { report::document(&merged) } else { merge::render(&merged) })?;
    Ok(if merged.is_complete() || args.partial { Exit::Success } else { Exit::GateFailed })
}
