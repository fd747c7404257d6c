//! Reasons why a node cannot run on a WebNN context.

use crate::element::ElementType;

/// A refusal: what a context does not do, or WebNN does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each field is")]
pub enum Refusal {
    #[error("WebNN has no {what}")]
    NotInWebnn { what: String },
    #[error("this context has no {method}")]
    NoMethod { method: &'static str },
    #[error("{method} takes no {found} as {role} on this context, only {allowed}")]
    Element { method: &'static str, role: &'static str, found: ElementType, allowed: String },
    #[error("{method} takes {role} of rank {least} to {most} on this context, not {found}")]
    Rank { method: &'static str, role: &'static str, found: usize, least: usize, most: usize },
    #[error("the browser claims {method} but refuses to build it: {message}")]
    Broken { method: &'static str, message: String },
    #[error("{what} takes {wanted} bytes, and maxTensorByteLength of this context is {limit}")]
    TooLarge { what: String, wanted: u64, limit: u64 },
    #[error("{what} has no elements, which WebNN does not know")]
    Empty { what: String },
}

/// The node that cannot run, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("node \"{node}\" ({operator}): {refusal}")]
pub struct Error {
    /// The node's name.
    pub node: String,
    /// The operator that it has.
    pub operator: String,
    /// The reason why it cannot.
    pub refusal: Refusal,
}
