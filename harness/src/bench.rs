//! `parallax bench`: one thing against another, turn by turn.

pub mod matmul;
pub mod models;
