//! From a static graph to the calls that build an MLGraph, within what a context says it supports. There is no
//! browser in it: limits come in as JSON, and the calls go out as data.
//!
//! The operators are those of <https://www.w3.org/TR/webnn/#api-mlgraphbuilder>.

mod element;
mod error;
mod layout;
mod limits;
mod lower;
mod partition;
mod plan;
mod script;
mod writer;

pub use element::ElementType;
pub use error::{Error, Refusal};
pub use limits::Limits;
pub use lower::{lower, lower_stage, refusals};
pub use partition::{Partition, partition};
pub use plan::{Call, Operand, OperandId, Plan};
pub use script::{PageContent, page};
