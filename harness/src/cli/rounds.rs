//! The flags that have targets take turns.

use std::num::NonZeroU32;

use clap::Args;

/// Flags that have targets take turns.
#[derive(Debug, Clone, Default, Args)]
pub struct RoundsArgs {
    /// Have the targets of a model take turns, there and back in random order, so many rounds
    #[arg(long, value_name = "N")]
    pub rounds: Option<NonZeroU32>,
    /// Rounds after which a precision is given up [default: 400]
    #[arg(long, value_name = "N")]
    pub most_rounds: Option<NonZeroU32>,
    /// Minutes of one model's turns after which a precision is given up [default: 20]
    #[arg(long, value_name = "N")]
    pub most_minutes: Option<NonZeroU32>,
    /// Rounds after which browsers and runners are started anew [default: 2, or all where there are fewer than 12]
    #[arg(long, value_name = "N")]
    pub rounds_in_a_session: Option<NonZeroU32>,
}
