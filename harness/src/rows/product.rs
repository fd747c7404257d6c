//! Square matrix products in browsers, ours and onnxruntime-web's.

use std::collections::BTreeMap;

use protocol::{Adapter, Verdict};

use super::Run;
use crate::exit::Exit;

/// One run of matrix products.
#[derive(Debug, Clone, PartialEq)]
pub struct Products {
    /// The run.
    pub run: Run,
    /// Each size in each browser, in the order of the run.
    pub products: Vec<Product>,
}

/// One product in one browser.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// The browser's name.
    pub browser: String,
    /// Rows and columns of both operands.
    pub size: u32,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, unless it passed.
    pub message: Option<String>,
    /// The adapter both sides ran on.
    pub adapter: Option<Adapter>,
    /// Largest absolute difference between the two products.
    pub max_abs_difference: Option<f64>,
    /// The session's versions, flags and preferences.
    pub facts: BTreeMap<String, String>,
    /// Ours in each round, in milliseconds.
    pub ours_ms: Vec<f64>,
    /// onnxruntime-web's.
    pub reference_ms: Vec<f64>,
    /// Ours by timestamp query, where there is one.
    pub ours_gpu_ms: Vec<f64>,
}

impl Products {
    /// The exit code that goes with it.
    pub fn exit(&self) -> Exit {
        Exit::of(self.products.iter().map(|product| product.verdict))
    }
}
