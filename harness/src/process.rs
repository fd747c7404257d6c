//! Processes outside this one: started under a guard, in a network of their own where the system allows it, listened to,
//! weighed, and gone when we are, or their guard.

pub mod below;
pub mod display;
pub mod guard;
pub mod last_words;
pub mod libraries;
mod memory;
pub mod network;
