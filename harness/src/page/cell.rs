//! A cell of the page: a case of the sweep with what all its attempts come to.

use std::collections::BTreeMap;

use protocol::{Metric, Verdict};
use serde::Serialize;

use super::taken::Taken;
use crate::adapter::adapter_name;
use crate::digest::digest;
use crate::rows::CaseRow;
use crate::rows::attempts::{Attempts, Together};
use crate::statistics::Summary;

/// The longest name that a case's file has.
const LONGEST_NAME: usize = 64;
const BYTES_PER_MB: f64 = 1e6;

/// A model on a target, measured one way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    pub case: String,
    pub run: usize,
    pub model: String,
    pub family: Option<String>,
    pub modality: Option<String>,
    pub variant: String,
    pub precision: String,
    pub batch: u32,
    pub dimensions: BTreeMap<String, usize>,
    pub features_off: String,
    pub target: String,
    pub actual_target: Option<String>,
    pub adapter_choice: String,
    pub verdict: Verdict,
    pub message: Option<String>,
    pub adapter: Option<String>,
    pub software: Option<bool>,
    pub warned: bool,
    pub fell_back: bool,
    pub nodes_elsewhere: usize,
    pub max_error: Option<f64>,
    pub tolerance: f64,
    pub latency: Option<Summary>,
    pub first_ms: Option<f64>,
    pub load_ms: Option<f64>,
    pub compile_ms: Option<f64>,
    pub upload_ms: Option<f64>,
    pub memory_mb: Option<f64>,
    pub throughput: Option<f64>,
    pub first_token_ms: Option<f64>,
    pub tokens_per_s: Option<f64>,
    pub energy_j: Option<f64>,
    pub attempts: usize,
    pub flaky: bool,
}

impl Cell {
    /// The cell that all attempts at a case make.
    pub fn of(attempts: &Attempts<'_>, taken: &Taken) -> Cell {
        let shown = attempts.shown();
        let asked = taken.asked.get(&shown.case_key).cloned().unwrap_or_default();
        let summary = |metric| summary(attempts, metric);
        let median = |metric| summary(metric).map(|summary| summary.median);
        let target = Some(&shown.target);
        Cell {
            case: name(&shown.case_key),
            run: taken.run_of(shown),
            model: shown.model.clone(),
            family: asked.family.filter(|family| !family.is_empty()),
            modality: asked.modality.filter(|modality| !modality.is_empty()),
            variant: shown.variant(),
            precision: shown.precision.clone(),
            batch: shown.batch,
            dimensions: shown.dimensions.clone(),
            features_off: shown.features_off.clone(),
            target: shown.target.clone(),
            actual_target: shown.actual_target.clone(),
            adapter_choice: shown.adapter_choice.clone(),
            verdict: shown.verdict,
            message: shown.message.clone(),
            adapter: shown.adapter.as_ref().map(adapter_name),
            software: shown.adapter.as_ref().map(|adapter| adapter.software),
            warned: shown.software_though_hardware,
            fell_back: shown.actual_target.is_some() && shown.actual_target.as_ref() != target,
            nodes_elsewhere: shown.fallback_nodes.len(),
            max_error: shown.max_abs_error.filter(|error| error.is_finite()),
            tolerance: shown.tolerance,
            latency: summary(Metric::LatencyMs),
            first_ms: median(Metric::FirstInferenceMs),
            load_ms: median(Metric::LoadMs),
            compile_ms: median(Metric::CompileMs),
            upload_ms: median(Metric::UploadMs),
            memory_mb: median(Metric::ProcessMemoryBytes).map(|bytes| bytes / BYTES_PER_MB),
            throughput: median(Metric::ThroughputPerS),
            first_token_ms: median(Metric::TimeToFirstTokenMs),
            tokens_per_s: median(Metric::TokensPerS),
            energy_j: median(Metric::EnergyJ),
            attempts: attempts.all().count(),
            flaky: matches!(attempts.together(), Together::Flaky { .. }),
        }
    }
}

/// A metric of the attempts that passed; of a case that ran elsewhere, what it took there. A wrong answer's time is no time.
pub fn summary(attempts: &Attempts<'_>, metric: Metric) -> Option<Summary> {
    let shown = attempts.shown();
    let elsewhere = || {
        let ran = shown.actual_target.as_ref().is_some_and(|actual| *actual != shown.target);
        shown.metrics.get(metric.name()).filter(|_| ran).map(|measured| measured.summary)
    };
    attempts.summary(metric).or_else(elsewhere)
}

/// The name of a case's file: its key, where that can be one.
pub fn name(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || byte == b'-';
    match !key.is_empty() && key.len() <= LONGEST_NAME && key.bytes().all(plain) {
        true => key.to_owned(),
        false => digest(key),
    }
}

/// The models or the targets of cells, each once; in the order of the matrix, or by name where that order is one of turns.
pub fn each_once(cases: &[CaseRow], of: fn(&CaseRow) -> &String) -> Vec<String> {
    let mut all: Vec<String> = crate::plan::each_once(cases.iter().map(|case| of(case).clone()).collect());
    if cases.iter().any(|case| case.round.is_some()) {
        all.sort();
    }
    all
}
