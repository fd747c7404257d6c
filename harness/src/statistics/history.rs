//! Where a series of runs changed: steps, a slow drift, or nothing that chance does not explain.

use std::num::NonZero;

use pelt::{Pelt, SegmentCostFunction};
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::stats_tests::Alternative;
use statrs::stats_tests::mannwhitneyu::{MannWhitneyUMethod, mannwhitneyu};

use super::dependence::Dependence;
use super::drift::Hinge;
use super::summary::median;

/// Chance alone makes one in so many of the places looked at seem changed.
const SURE: f64 = 0.001;
/// A change below 2 % is none that anyone would act on.
const LEAST_LN: f64 = 0.0198;
/// A level that moves takes as much from a history as two that stay.
const HINGE_LEVELS: usize = 2;
/// So many runs at least stand between two changes.
const SHORTEST: NonZero<usize> = NonZero::new(2).unwrap();
/// A history shorter than this says nothing of change.
const FEWEST: usize = 8;
/// Nor does one that depends on itself so much that a smaller share of its runs says something of its own.
const FEWEST_INDEPENDENT: f64 = 0.5;
/// The standard deviation of normal values over the median distance of two of them: 1 / (0.6745·√2).
const PER_MEDIAN_DIFFERENCE: f64 = 1.0484;

/// What a series of runs tells.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The steps, in the order of the runs.
    pub points: Vec<ChangePoint>,
    /// The slow drift that goes on at the end, if there is one.
    pub drift: Option<Drift>,
    /// Whether each run resembles the one before it for another reason than these: what looks like a change then is
    /// likely the same disturbance going on, and was judged by the fewer independent runs there are. Where they are fewer
    /// than half of the runs, nothing is said to have changed.
    pub dependent: bool,
    /// How many independent runs the series is worth.
    pub effective_n: f64,
}

impl History {
    /// The run where the last change began, if anything changed.
    pub fn changed_at(&self) -> Option<usize> {
        self.drift.map(|drift| drift.from).or_else(|| self.points.last().map(|point| point.at))
    }
}

/// A step from one level to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// The first run on the new level, counted from 0.
    pub at: usize,
    /// The median before it, back to the last step, in the values' unit.
    pub before: f64,
    /// The median from it on, up to the next step.
    pub after: f64,
    /// After over before.
    pub ratio: f64,
    /// How often chance alone separates the two as much (Mann and Whitney), for as many independent runs as there are.
    pub p_value: f64,
}

/// A level that moves with every run up to the last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// The run from which on it moves, counted from 0.
    pub from: usize,
    /// By how much, relatively: 0.002 is 0.2 % a run.
    pub per_run: f64,
}

/// Finds what changed in the values of successive runs, best taken over a drift control's. Values that are not above zero
/// cannot be; with one, or with fewer than eight, nothing is found.
///
/// Candidates come from an exact segmentation (PELT: Killick, Fearnhead and Eckley, 2012) of the logarithms by absolute
/// distances, which outliers hardly move, at a penalty of 2·ln n over the noise between successive runs. The least likely
/// goes, and its neighbours are judged anew, until each that is left separates its two sides at p < 0.001 and by 2 %. A
/// level that moves on instead of stepping is taken where it explains the runs with less.
pub fn change_points(values: &[f64]) -> History {
    let unchanged = |values: &[f64]| {
        let Dependence { effective_n, .. } = Dependence::of(values);
        History { points: Vec::new(), drift: None, dependent: false, effective_n }
    };
    if values.len() < FEWEST || !values.iter().all(|value| *value > 0.0 && value.is_finite()) {
        return unchanged(values);
    }
    let lns: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let Some(noise) = noise(&lns) else { return unchanged(values) };
    let penalty = 2.0 * (lns.len() as f64).ln() * noise;
    let mut at = candidates(&lns, penalty);
    let moving = moving_end(&lns, &at, penalty).filter(|(_, hinge)| is_sure(hinge, &lns));
    let hinge = moving.map(|(_, hinge)| hinge);
    at.truncate(moving.map_or(at.len(), |(kept, _)| kept));
    let held = hinge.map_or(lns.clone(), |hinge| hinge.held(&lns));
    let steps = Steps { at, lns: &held, levels_more: usize::from(hinge.is_some()) }.sure();
    let dependence = steps.dependence();
    let (dependent, effective_n) = (dependence.is_sure(), dependence.effective_n);
    if dependent && dependence.independent_share() < FEWEST_INDEPENDENT {
        return History { points: Vec::new(), drift: None, dependent, effective_n };
    }
    let points =
        (0..steps.at.len()).map(|step| steps.describe(step, dependence.independent_share())).collect();
    let drift = hinge.map(|hinge| Drift { from: hinge.from, per_run: hinge.slope.exp_m1() });
    History { points, drift, dependent, effective_n }
}

/// The standard deviation of what differs from one run to the next by chance; steps and drifts hardly count. Nothing when
/// all values are alike.
fn noise(lns: &[f64]) -> Option<f64> {
    let mut differences: Vec<f64> = lns.windows(2).map(|two| (two[1] - two[0]).abs()).collect();
    differences.sort_by(f64::total_cmp);
    let typical = median(&differences)?;
    let noise = if typical > 0.0 { PER_MEDIAN_DIFFERENCE * typical } else { super::mean(&differences) };
    (noise > 0.0).then_some(noise)
}

/// Where levels may step: one more has to save more distance than the penalty.
fn candidates(lns: &[f64], penalty: f64) -> Vec<usize> {
    let pelt = Pelt::new()
        .with_segment_cost_function(SegmentCostFunction::L1)
        .with_jump(SHORTEST)
        .with_minimum_segment_length(SHORTEST);
    let ends = pelt.predict(lns, penalty).unwrap_or_default();
    ends.into_iter().filter(|end| *end > 0 && *end < lns.len()).collect()
}

/// Whether a level moves more surely than chance explains, and far enough.
fn is_sure(hinge: &Hinge, lns: &[f64]) -> bool {
    let independent = Dependence::of_residuals(&hinge.residuals(lns), HINGE_LEVELS).independent_share();
    hinge.change() >= LEAST_LN && kendall_p_value(&lns[hinge.from..], independent) < SURE
}

/// A history cut where its level steps.
struct Steps<'a> {
    /// The first run of each level but the first.
    at: Vec<usize>,
    lns: &'a [f64],
    /// How many levels were taken from the values before.
    levels_more: usize,
}

impl Steps<'_> {
    /// Drops the least likely step and judges the rest anew until all of them are sure.
    fn sure(mut self) -> Self {
        loop {
            self.sharpen();
            let independent = self.dependence().independent_share();
            let doubt = |step: usize| {
                let ChangePoint { ratio, p_value, .. } = self.describe(step, independent);
                if ratio.ln().abs() < LEAST_LN { 1.0 } else { p_value }
            };
            let doubts = (0..self.at.len()).map(|step| (step, doubt(step)));
            match doubts.max_by(|one, other| one.1.total_cmp(&other.1)) {
                Some((step, doubt)) if doubt >= SURE => self.at.remove(step),
                Some(_) | None => return self,
            };
        }
    }

    /// Where the level begins that ends at this step, and where the level ends that begins there.
    fn around(&self, step: usize) -> (usize, usize) {
        let begin = step.checked_sub(1).map_or(0, |before| self.at[before]);
        (begin, self.at.get(step + 1).copied().unwrap_or(self.lns.len()))
    }

    fn describe(&self, step: usize, independent: f64) -> ChangePoint {
        let (begin, end) = self.around(step);
        let at = self.at[step];
        let (before, after) = (&self.lns[begin..at], &self.lns[at..end]);
        let levels = (level(before), level(after));
        let p_value = mannwhitneyu(
            before,
            after,
            MannWhitneyUMethod::AsymptoticInclContinuityCorrection,
            Alternative::TwoSided,
        )
        .map_or(1.0, |(_, p_value)| p_value);
        ChangePoint {
            at,
            before: levels.0.exp(),
            after: levels.1.exp(),
            ratio: (levels.1 - levels.0).exp(),
            p_value: with_fewer(p_value, independent),
        }
    }

    /// Moves each step to where its two sides fit best, since candidates are looked for at every other run only.
    fn sharpen(&mut self) {
        for step in 0..self.at.len() {
            let (begin, end) = self.around(step);
            let near = self.at[step].saturating_sub(SHORTEST.get()).max(begin + 1)
                ..=(self.at[step] + SHORTEST.get()).min(end - 1);
            let misfit = |at: usize| distance(&self.lns[begin..at]) + distance(&self.lns[at..end]);
            let best = near.min_by(|one, other| misfit(*one).total_cmp(&misfit(*other)));
            self.at[step] = best.unwrap_or(self.at[step]);
        }
    }

    fn dependence(&self) -> Dependence {
        Dependence::of_residuals(&self.residuals(), self.at.len() + 1 + self.levels_more)
    }

    /// What is left of each value without its level.
    fn residuals(&self) -> Vec<f64> {
        let begins = std::iter::once(0).chain(self.at.iter().copied());
        let ends = self.at.iter().copied().chain([self.lns.len()]);
        begins
            .zip(ends)
            .flat_map(|(begin, end)| {
                let level = level(&self.lns[begin..end]);
                self.lns[begin..end].iter().map(move |ln| ln - level)
            })
            .collect()
    }
}

/// The median of values in any order; of none, zero.
pub(super) fn level(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    let Some(half) = values.len().checked_sub(1).map(|last| last / 2) else { return 0.0 };
    let is_even = values.len().is_multiple_of(2);
    let (_, middle, above) = values.select_nth_unstable_by(half, f64::total_cmp);
    let next = above.iter().copied().min_by(f64::total_cmp).filter(|_| is_even);
    next.map_or(*middle, |next| f64::midpoint(*middle, next))
}

/// How far values lie from their median, in sum.
fn distance(values: &[f64]) -> f64 {
    let level = level(values);
    values.iter().map(|value| (value - level).abs()).sum()
}

/// The moving end that explains a history with less than all its steps do, and how many steps stay before it.
fn moving_end(lns: &[f64], steps: &[usize], penalty: f64) -> Option<(usize, Hinge)> {
    let begins: Vec<usize> = std::iter::once(0).chain(steps.iter().copied()).collect();
    let ends = steps.iter().copied().chain([lns.len()]);
    let levels: Vec<f64> =
        begins.iter().zip(ends).map(|(begin, end)| distance(&lns[*begin..end]) + penalty).collect();
    let with_drift = |kept: usize| {
        let hinge = Hinge::of(lns, begins[kept])?;
        let cost = levels[..kept].iter().sum::<f64>() + hinge.distance(lns) + HINGE_LEVELS as f64 * penalty;
        Some((cost, (kept, hinge)))
    };
    let best = (0..begins.len()).filter_map(with_drift).min_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 < levels.iter().sum()).then_some(best.1)
}

/// How often chance alone orders values as much by their position (Mann, 1945; Kendall).
fn kendall_p_value(values: &[f64], independent: f64) -> f64 {
    let n = values.len() as f64;
    let later = values
        .iter()
        .enumerate()
        .flat_map(|(at, first)| values[at + 1..].iter().map(move |second| second - first));
    let concordance: f64 = later.map(|rise| if rise == 0.0 { 0.0 } else { rise.signum() }).sum();
    let deviation = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let z = (concordance.abs() - 1.0).max(0.0) / deviation;
    with_fewer(2.0 * Normal::standard().sf(z), independent)
}

/// A p-value for values of which only a share says something of its own: the statistic shrinks with the root of that share.
fn with_fewer(p_value: f64, independent: f64) -> f64 {
    let normal = Normal::standard();
    let z = -normal.inverse_cdf((p_value / 2.0).clamp(f64::MIN_POSITIVE, 0.5));
    2.0 * normal.sf(z * independent.min(1.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs that scatter by ±1 % in no order.
    fn runs(levels: impl IntoIterator<Item = f64>) -> Vec<f64> {
        levels
            .into_iter()
            .zip(0..)
            .map(|(level, run)| level * (1.0 + 0.005 * f64::from(run * 3 % 5 - 2)))
            .collect()
    }

    fn flat(n: usize) -> Vec<f64> {
        vec![20.0; n]
    }

    #[test]
    fn steps_are_found_where_they_are() {
        let spike = |mut levels: Vec<f64>| {
            levels[10] = 200.0;
            levels
        };
        for (name, levels, expected) in [
            ("none", flat(40), vec![]),
            ("up", [flat(20), vec![22.0; 20]].concat(), vec![(20, 1.1)]),
            ("down, at an odd run", [flat(21), vec![18.0; 20]].concat(), vec![(21, 0.9)]),
            ("up and back", [flat(15), vec![24.0; 15], flat(15)].concat(), vec![(15, 1.2), (30, 1.0 / 1.2)]),
            ("an outlier", spike(flat(40)), vec![]),
            ("less than anyone would act on", [flat(20), vec![20.2; 20]].concat(), vec![]),
            ("the last two runs, which may be chance", [flat(30), vec![30.0; 2]].concat(), vec![]),
        ] {
            let history = change_points(&runs(levels));
            let found: Vec<usize> = history.points.iter().map(|point| point.at).collect();
            assert_eq!(
                found,
                expected.iter().map(|(at, _)| *at).collect::<Vec<usize>>(),
                "{name}: {history:?}"
            );
            for (point, (_, ratio)) in history.points.iter().zip(expected) {
                assert!(
                    (point.ratio / ratio - 1.0).abs() < 0.01 && point.p_value < SURE,
                    "{name}: {point:?}"
                );
                assert!((point.after / point.before / point.ratio - 1.0).abs() < 1e-9, "{name}: {point:?}");
            }
            assert_eq!((history.drift, history.dependent), (None, false), "{name}");
        }
    }

    #[test]
    fn a_drift_is_told_from_a_step_and_has_a_beginning() {
        let drift = |from: usize, by: f64| {
            (0..80).map(move |run: usize| 20.0 * by.powf(run.saturating_sub(from) as f64))
        };
        for (name, levels, from, per_run) in [
            ("up from the middle", drift(40, 1.003).collect::<Vec<f64>>(), 40, 0.003),
            ("down from the middle", drift(30, 0.997).collect(), 30, -0.003),
            ("from the beginning", drift(0, 1.002).collect(), 0, 0.002),
            (
                "after a step",
                drift(40, 1.004).zip(0..).map(|(level, run)| if run < 15 { 25.0 } else { level }).collect(),
                40,
                0.004,
            ),
        ] {
            let history = change_points(&runs(levels));
            let drift = history.drift.expect(name);
            assert!(drift.from.abs_diff(from) <= 6, "{name}: {history:?}");
            assert!((drift.per_run - per_run).abs() < 0.0005, "{name}: {history:?}");
            assert_eq!(history.changed_at(), Some(drift.from), "{name}");
            assert_eq!(history.points.len(), usize::from(name == "after a step"), "{name}: {history:?}");
        }
    }

    #[test]
    fn too_little_and_what_cannot_be_say_nothing() {
        for values in [
            vec![],
            vec![20.0],
            vec![20.0, 30.0],
            runs(flat(7)),
            vec![20.0; 50],
            vec![0.0; 50],
            vec![f64::NAN; 50],
        ] {
            let history = change_points(&values);
            assert_eq!((history.changed_at(), history.dependent), (None, false), "{values:?}");
        }
    }
}
