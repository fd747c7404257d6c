//! Turns: when a case runs among others of its model.

use std::num::NonZeroU32;
use std::time::Duration;

/// How the cases of a model take turns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rounds {
    /// Rounds that are always taken.
    pub least: NonZeroU32,
    /// Rounds after which it ends, settled or not.
    pub most: NonZeroU32,
    /// Time that all turns of a model may take together, after which it ends likewise.
    pub longest: Duration,
    /// Rounds in one session of each kind: what a session does to all its numbers must not pass for the target's.
    pub in_a_session: NonZeroU32,
    /// The part of a ratio by which its interval may reach to either side before more rounds are taken; without it, `least`
    /// is all.
    pub precision: Option<f64>,
}

/// A case's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The case's place in its block.
    pub case: usize,
    /// Its round and place in that; none where every case runs once.
    pub round: Option<Place>,
    /// True if it is the first in a session of its own.
    pub new_session: bool,
}

/// A turn's place among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The round, from 0.
    pub round: u32,
    /// Turns of the round before it.
    pub position: u32,
}
