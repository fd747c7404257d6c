//! A number of 128 bits that bytes or an expression come down to, equal for equal ones.

use std::fmt;

use xxhash_rust::xxh3::Xxh3;

use crate::tensor::Tensor;

/// A number that stands for contents. It guards against accidents, not against an adversary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(u128);

/// Takes bytes in pieces of any size.
#[derive(Clone, Default)]
pub struct Digester(Xxh3);

impl Digester {
    /// One that has taken nothing.
    pub fn new() -> Digester {
        Digester::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all it has taken.
    pub fn finish(&self) -> Digest {
        Digest(self.0.digest128())
    }

    /// Takes a text and where it ends.
    pub(super) fn text(&mut self, text: &str) {
        self.update(&(text.len() as u64).to_le_bytes());
        self.update(text.as_bytes());
    }

    /// Takes another digest.
    pub(super) fn digest(&mut self, digest: Digest) {
        self.update(&digest.0.to_le_bytes());
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Digest {
    /// The digest of a tensor's elements and their type.
    pub(super) fn of_tensor(tensor: &Tensor) -> Digest {
        let mut digester = Digester::new();
        digester.text(&format!("elements {}", tensor.data_type()));
        digester.update(&tensor.to_le_bytes());
        digester.finish()
    }
}
