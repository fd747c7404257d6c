//! What is timed against a reference runtime.

pub mod matmul;
