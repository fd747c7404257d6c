//! Reports for people: tables, documents, progress. They show rows; they never measure or judge.

pub mod answer;
mod capabilities;
pub mod ci;
pub mod columns;
pub mod comparison;
pub mod conformance;
mod csv;
pub mod export;
pub mod gate;
pub mod history;
pub mod imported;
mod json;
pub mod matrix;
pub mod matrix_page;
pub mod merge;
pub mod noise;
pub mod prediction;
pub mod probe;
pub mod product;
pub mod profile;
mod progress;
pub mod pruned;
pub mod recommendation;
mod scaling;
mod table;
pub mod tuning;

pub use capabilities::capabilities;
pub use json::document;
pub use progress::Progress;
pub use table::render;

use crate::rows::Run;

/// The line that ends a table: which run it is, how it ended, and what there is of it.
fn closing_line(run: &Run, counts: &str) -> String {
    format!("run {} {}: {counts}", run.id, run.state)
}

#[cfg(test)]
pub(crate) mod tests;
