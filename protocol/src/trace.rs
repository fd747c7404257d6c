//! A model's run with every intermediate value kept: what is asked for, and what is told of it beside the values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::capability::Adapter;
use crate::check::OutputCheck;
use crate::features::Features;
use crate::inference::Inference;
use crate::manifest::Manifest;
use crate::sampling::Sampling;
use crate::target::{Device, Engine};

/// Run a model once and hand over every value on the way. Of a model that generates, the prefill is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Where the model folder is: a URL that ends in `/` for a page, a directory for a subprocess.
    pub location: String,
    /// The folder's `model.toml`, already read.
    pub manifest: Manifest,
    /// Where to leave the values, as safetensors files called `0.safetensors`, `1.safetensors`, ...: a URL to post
    /// to that ends in `/` for a page, a directory for a subprocess.
    pub deposit: String,
    /// True if engines that run our graph run it before fusion: slower, and more values to compare.
    pub unfused: bool,
}

impl Trace {
    /// Returns the plain run, with nothing kept: what reads a model folder for one reads it for the other.
    pub fn inference(&self) -> Inference {
        let (location, manifest) = (self.location.clone(), self.manifest.clone());
        Inference {
            location,
            manifest,
            sampling: Sampling::default(),
            strict: false,
            features: Features::default(),
            tuning: None,
        }
    }
}

/// An account of a traced run, beside the values themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceReport {
    /// The engine that really ran it.
    pub engine: Engine,
    /// The device it really ran on.
    pub device: Option<Device>,
    /// The adapter it really ran on.
    pub adapter: Adapter,
    /// The program that was run: `model`, or `prefill` of a model that generates.
    pub program: String,
    /// How many files were left.
    pub files: usize,
    /// Every node whose value was kept, in execution order.
    pub nodes: Vec<TracedNode>,
    /// The constants among the nodes' inputs, by name.
    pub constants: BTreeMap<String, Statistics>,
    /// The outputs of this run against those of one in which nothing was kept: keeping values rules out fusions and
    /// moves what lies in memory, so a fault may hide from it.
    pub against_plain: Vec<OutputCheck>,
}

/// A node, and the value it made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedNode {
    /// The component it belongs to, where a model has several and this one is known.
    pub component: Option<String>,
    /// The node's name in the ONNX file.
    pub node: String,
    /// The operator it computes, attributes included: `Transpose { permutation: [1, 0] }`.
    pub operator: String,
    /// The value it made: the tensor's name in the files. Begins with the component and a dot, if there is one.
    pub value: String,
    /// The values it read.
    pub inputs: Vec<String>,
}

impl TracedNode {
    /// The value's name in its ONNX file.
    pub fn own_name(&self) -> &str {
        let prefix = self.component.as_deref().unwrap_or_default();
        self.value.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')).unwrap_or(&self.value)
    }
}

/// A tensor in a few numbers; those of the finite elements, if there are any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Type and shape: `f32[2, 16]`.
    pub tensor_type: String,
    /// Number of elements.
    pub elements: usize,
    /// The least finite element.
    pub min: Option<f64>,
    /// The greatest finite element.
    pub max: Option<f64>,
    /// The mean of the finite elements.
    pub mean: Option<f64>,
    /// Their standard deviation.
    pub deviation: Option<f64>,
    /// Elements that are NaN.
    pub nan: usize,
    /// Elements that are infinite.
    pub infinite: usize,
}

impl Statistics {
    /// Counts and measures elements.
    pub fn of(tensor_type: String, elements: impl IntoIterator<Item = f64>) -> Statistics {
        let mut statistics = Statistics {
            tensor_type,
            elements: 0,
            min: None,
            max: None,
            mean: None,
            deviation: None,
            nan: 0,
            infinite: 0,
        };
        let (mut finite, mut mean, mut squares) = (0f64, 0f64, 0f64);
        for element in elements {
            statistics.elements += 1;
            statistics.nan += usize::from(element.is_nan());
            statistics.infinite += usize::from(element.is_infinite());
            if !element.is_finite() {
                continue;
            }
            statistics.min = Some(statistics.min.map_or(element, |min| min.min(element)));
            statistics.max = Some(statistics.max.map_or(element, |max| max.max(element)));
            // Welford's method: no large sums that cancel.
            finite += 1.0;
            let off = element - mean;
            mean += off / finite;
            squares += off * (element - mean);
        }
        if finite > 0.0 {
            statistics.mean = Some(mean);
            statistics.deviation = Some((squares / finite).sqrt());
        }
        statistics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_those_of_the_definition() {
        let of = |elements: &[f64]| Statistics::of("f32[n]".to_owned(), elements.iter().copied());
        // Mean 5 and deviation 2 are the textbook's for these eight numbers.
        let known = of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((known.min, known.max, known.mean), (Some(2.0), Some(9.0), Some(5.0)));
        assert!((known.deviation.unwrap() - 2.0).abs() < 1e-12);
        let odd = of(&[1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 3.0]);
        assert_eq!((odd.elements, odd.nan, odd.infinite, odd.mean), (5, 1, 2, Some(2.0)));
        assert_eq!(of(&[]).min, None);
        assert_eq!(of(&[f64::NAN]).mean, None);
    }

    #[test]
    fn a_values_own_name_lacks_the_component() {
        let node = |component: Option<&str>, value: &str| TracedNode {
            component: component.map(str::to_owned),
            node: String::new(),
            operator: String::new(),
            value: value.to_owned(),
            inputs: vec![],
        };
        assert_eq!(node(None, "encoder.x").own_name(), "encoder.x");
        assert_eq!(node(Some("encoder"), "encoder.x").own_name(), "x");
        assert_eq!(node(Some("encoder"), "logits").own_name(), "logits");
    }
}
