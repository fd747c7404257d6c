//! Digests and tokens as text.

use sha2::{Digest, Sha256};

/// Bytes as lower-case hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A short name for a text: half of its SHA-256, in hexadecimal.
pub fn digest(text: &str) -> String {
    hexadecimal(&Sha256::digest(text)[..16])
}
