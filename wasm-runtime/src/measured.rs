//! Gathers the values of each metric in the order they are taken.

use std::collections::BTreeMap;

use protocol::{Metric, Samples};

/// What was measured so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured(BTreeMap<Metric, Vec<f64>>);

impl Measured {
    /// Adds one value, in the metric's unit.
    pub fn add(&mut self, metric: Metric, value: f64) {
        self.0.entry(metric).or_default().push(value);
    }

    /// Everything measured, in the order of [`Metric::ALL`].
    pub fn into_samples(self) -> Vec<Samples> {
        self.0.into_iter().map(|(metric, values)| Samples { metric, values }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_order_and_metrics_theirs() {
        let mut measured = Measured::default();
        for (metric, value) in [(Metric::LatencyMs, 3.0), (Metric::LoadMs, 9.0), (Metric::LatencyMs, 1.0)] {
            measured.add(metric, value);
        }
        let expected = [(Metric::LoadMs, vec![9.0]), (Metric::LatencyMs, vec![3.0, 1.0])];
        let expected = expected.map(|(metric, values)| Samples { metric, values });
        assert_eq!(measured.into_samples(), expected);
    }
}
