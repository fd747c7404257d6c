//! The command `parallax`, as a library: plan → cases → lane → session → outcome → store → reports.
//! It never links an inference engine: whatever crashes there is a row here.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod adapter;
pub mod bench;
pub mod browser;
pub mod cache;
pub mod case;
pub mod cli;
pub mod compare;
pub mod conformance;
pub mod detect;
mod digest;
pub mod diverge;
pub mod draft;
pub mod error;
pub mod event;
pub mod exit;
mod fallback;
pub mod fault;
pub mod gate;
pub mod history;
pub mod interrupt;
pub mod judge;
pub mod lane;
pub mod matrix;
pub mod model;
pub mod noise;
pub mod number;
pub mod origin;
pub mod page_server;
pub mod pair;
pub mod plan;
pub mod precision;
pub mod predict;
pub mod probe;
pub mod process;
pub mod profile;
pub mod publish;
pub mod recommend;
pub mod report;
pub mod rows;
pub mod schedule;
mod scratch;
pub mod screen;
mod sensors;
pub mod session;
pub mod share;
pub mod side;
pub mod statistics;
pub mod store;
pub mod sweep;
pub mod trial;
pub mod turn;

pub use error::Error;
