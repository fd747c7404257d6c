//! What people read: tables, documents, progress. It shows rows; it never measures or judges.

mod capabilities;
pub mod columns;
pub mod conformance;
mod json;
mod progress;
mod table;

pub use capabilities::capabilities;
pub use json::document;
pub use progress::Progress;
pub use table::{adapter_name, render};

#[cfg(test)]
mod tests;
