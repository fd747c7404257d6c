//! The folder that pages come from: named, beside this program, or the checkout's.

use std::env;
use std::path::{Path, PathBuf};

use protocol::cache::beside_program;

/// Names another folder than the one beside this program, or the checkout's.
pub const WWW: &str = "PARALLAX_WWW";

/// The folder of pages, whether or not it is there.
pub fn folder() -> PathBuf {
    let checkout = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../www");
    env::var_os(WWW).map(PathBuf::from).or_else(|| beside_program("www")).unwrap_or_else(checkout)
}
