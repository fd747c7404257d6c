//! The report page: the data of a sweep and of its cases as scripts, and the frame that shows them. It measures nothing.

mod assets;
pub mod case;
mod cell;
mod command;
mod comparisons;
pub mod files;
mod findings;
pub mod fit;
mod histories;
mod kernels;
mod scaling;
pub mod script;
pub mod sweep;
mod taken;

use std::io;

use askama::Template;

pub use assets::Assets;

use crate::error::Error;

/// What a report's folder is known by, before the version that wrote it.
const GENERATOR: &str = "<meta name=\"generator\" content=\"Parallax ";

/// The page without its data.
#[derive(Template)]
#[template(path = "report.html")]
struct Frame {
    served: bool,
    version: &'static str,
}

/// The page without its data; where it is `served`, it follows what happens.
///
/// # Errors
/// When it cannot be written down.
pub fn frame(served: bool) -> Result<String, Error> {
    let frame = Frame { served, version: env!("CARGO_PKG_VERSION") };
    frame.render().map_err(|error| Error::Output(io::Error::other(error)))
}

#[cfg(test)]
pub(crate) mod tests;
