//! A level that stays for a while and then moves on with every run.

use super::history::level;

/// So many runs stand on the moving part, at least.
const SHORTEST: usize = 8;

/// A level up to one run, and a line from there to the last run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hinge {
    begin: usize,
    level: f64,
    /// The run from which on the level moves.
    pub from: usize,
    /// By how much it moves a run.
    pub slope: f64,
    end: usize,
}

impl Hinge {
    /// The hinge that lies closest to the values from `begin` on, by the sum of distances. Nothing when there are too few.
    pub(super) fn of(values: &[f64], begin: usize) -> Option<Hinge> {
        let last = values.len().checked_sub(SHORTEST).filter(|last| *last >= begin)?;
        (begin..=last)
            .map(|from| Hinge::from(values, begin, from))
            .min_by(|one, other| one.distance(values).total_cmp(&other.distance(values)))
    }

    /// The best slope from a given run on.
    fn from(values: &[f64], begin: usize, from: usize) -> Hinge {
        let end = values.len();
        if from - begin >= SHORTEST / 2 {
            let level = level(&values[begin..from]);
            return Hinge { begin, level, from, slope: slope_through(level, &values[from..]), end };
        }
        // Too little stands before it for a level of its own: the line alone (Theil, 1950; Sen, 1968).
        let slope = slope_of(&values[begin..]);
        let rest: Vec<f64> =
            values[begin..].iter().zip(1..).map(|(value, run)| value - slope * f64::from(run)).collect();
        Hinge { begin, level: level(&rest), from: begin, slope, end }
    }

    /// The values as they were if the level had stayed.
    pub(super) fn held(&self, values: &[f64]) -> Vec<f64> {
        let moved = |run: usize| self.slope * (run + 1).saturating_sub(self.from) as f64;
        values.iter().enumerate().map(|(run, value)| value - moved(run)).collect()
    }

    /// What is left of each value from the beginning on.
    pub(super) fn residuals(&self, values: &[f64]) -> Vec<f64> {
        self.held(values)[self.begin..].iter().map(|value| value - self.level).collect()
    }

    /// How far the values lie from it, in sum.
    pub(super) fn distance(&self, values: &[f64]) -> f64 {
        self.residuals(values).iter().map(|residual| residual.abs()).sum()
    }

    /// How far the level has moved at the last run, up or down.
    pub(super) fn change(&self) -> f64 {
        (self.slope * (self.end - self.from) as f64).abs()
    }
}

/// The slope of the line through a level just before the first value that lies closest to all: the median of the slopes to
/// each value, weighted by how far on it is.
fn slope_through(level: f64, values: &[f64]) -> f64 {
    let mut slopes: Vec<(f64, f64)> = values
        .iter()
        .zip(1..)
        .map(|(value, run)| ((value - level) / f64::from(run), f64::from(run)))
        .collect();
    slopes.sort_by(|one, other| one.0.total_cmp(&other.0));
    let half = slopes.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    let middle = slopes.iter().find(|(_, weight)| {
        below += weight;
        below >= half
    });
    middle.map_or(0.0, |(slope, _)| *slope)
}

/// The median of the slopes between all pairs of values.
fn slope_of(values: &[f64]) -> f64 {
    let slopes = values.iter().enumerate().flat_map(|(at, first)| {
        values[at + 1..].iter().zip(1..).map(move |(second, runs)| (second - first) / f64::from(runs))
    });
    level(&slopes.collect::<Vec<f64>>())
}
