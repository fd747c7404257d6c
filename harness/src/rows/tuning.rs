//! What tuning found, class by class of kernels.

use protocol::tuning::{Choice, Row};
use protocol::{Trial, TrialEnd, TuneReport};

use super::Run;
use crate::statistics::ratio::{Pair, Ratio};

/// One run of tuning.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuning {
    /// The run.
    pub run: Run,
    /// Each class of kernels on each target.
    pub classes: Vec<TunedClass>,
}

/// One class of kernels in one place.
#[derive(Debug, Clone, PartialEq)]
pub struct TunedClass {
    /// The target.
    pub target: String,
    /// The browser's version; none of a native target.
    pub browser_version: Option<String>,
    /// All that was measured; of the adapter what the harness knows of it too.
    pub report: TuneReport,
}

/// A variant held against what was chosen before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// The variant.
    pub choice: Choice,
    /// How many times as long what was chosen before takes, by rounds in which both took turns.
    pub times_as_fast: Ratio,
}

impl TunedClass {
    /// What was chosen before.
    pub fn before(&self) -> Option<&Trial> {
        self.report.trials.first()
    }

    /// A variant's standing, where it was measured in rounds that decide.
    pub fn standing(&self, trial: &Trial) -> Option<Standing> {
        let before = self.before()?;
        let pairs = trial.deciding_ms.iter().zip(&before.deciding_ms);
        let pairs: Vec<Pair> = pairs.map(|(&a, &b)| Pair { a, b, session: 0 }).collect();
        Some(Standing { choice: trial.choice, times_as_fast: Ratio::paired(&pairs)? })
    }

    /// The fastest of the variants that were left, by the rounds that were there to find it; what decides are others.
    pub fn fastest(&self) -> Option<&Trial> {
        let left = self.report.trials.iter().filter(|trial| trial.end == TrialEnd::Measured);
        let timed = left.filter_map(|trial| Some((trial, median(&trial.rounds_ms)?)));
        timed.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(trial, _)| trial)
    }

    /// What is faster than what was chosen before, more surely than noise could explain; none where nothing is.
    pub fn better(&self) -> Option<Standing> {
        let standing = self.standing(self.fastest()?)?;
        let sure = standing.times_as_fast.low.is_some_and(|low| low > 1.0);
        (sure && Some(standing.choice) != self.before().map(|trial| trial.choice)).then_some(standing)
    }

    /// The row that says so.
    pub fn row(&self) -> Option<Row> {
        let TuneReport { implementation, software, class, .. } = self.report;
        Some(Row {
            family: class.family,
            class: Some(class.class),
            software: Some(software),
            implementation: Some(implementation),
            choice: self.better()?.choice,
        })
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
pub(crate) mod tests {
    use protocol::KernelClass;
    use protocol::tuning::{Family, Implementation, ShapeClass, Variant};

    use super::*;

    pub(crate) fn trial(lanes: u32, rounds_ms: &[f64], deciding_ms: &[f64]) -> Trial {
        Trial {
            choice: Choice { variant: Variant::Alone, tile: [4, 1], lanes, lines: 1 },
            end: TrialEnd::Measured,
            rounds_ms: rounds_ms.to_vec(),
            deciding_ms: deciding_ms.to_vec(),
        }
    }

    pub(crate) fn class(target: &str, trials: Vec<Trial>) -> TunedClass {
        TunedClass {
            target: target.to_owned(),
            browser_version: Some("156.0.1".to_owned()),
            report: TuneReport {
                adapter: protocol::Adapter::default(),
                words: "a card".to_owned(),
                implementation: Implementation::Chromium,
                software: false,
                class: KernelClass { family: Family::Conv, class: ShapeClass::Large },
                shapes: 2,
                left_out: Vec::new(),
                trials,
            },
        }
    }

    #[test]
    fn only_what_noise_cannot_explain_changes_anything() {
        let before = |deciding: &[f64]| trial(64, &[10.0; 3], deciding);
        let slow = [10.0, 10.2, 9.9, 10.1, 10.0, 9.8];
        let fast = [5.0, 5.1, 4.9, 5.0, 5.2, 4.8];
        let noisy = [5.0, 15.0, 9.0, 16.0, 6.0, 11.0];
        for (name, trials, expected) in [
            ("half the time", vec![before(&slow), trial(8, &[5.0; 3], &fast)], Some(8)),
            ("noise", vec![before(&slow), trial(8, &[5.0; 3], &noisy)], None),
            ("too few rounds", vec![before(&slow[..3]), trial(8, &[5.0; 3], &fast[..3])], None),
            ("the first is the fastest", vec![before(&[]), trial(8, &[20.0; 3], &[])], None),
            (
                "faster, but not by the rounds that find it",
                vec![before(&slow), trial(8, &[20.0; 3], &fast)],
                None,
            ),
            ("nothing measured", vec![], None),
        ] {
            let class = class("webgpu@chrome", trials);
            assert_eq!(class.better().map(|standing| standing.choice.lanes), expected, "{name}");
            assert_eq!(class.row().map(|row| row.choice.lanes), expected, "{name}");
        }
        let standing =
            class("webgpu@chrome", vec![before(&slow), trial(8, &[5.0; 3], &fast)]).better().unwrap();
        assert!((standing.times_as_fast.median - 2.0).abs() < 0.1, "{standing:?}");
    }
}
