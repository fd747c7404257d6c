//! The flag that says how a sweep is shown while it runs.

use clap::ValueEnum;

/// How a sweep is shown on standard error while it runs. What fails is told in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressForm {
    /// A bar: what runs, how much is done, what failed, and about how long the rest takes
    Bar,
    /// A line for each case that ended
    Lines,
    /// Nothing else
    Quiet,
}
