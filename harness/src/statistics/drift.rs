//! A level that stays for a while and then moves on with every run.

use super::history::level;

/// So many runs stand on the moving part, at least.
const SHORTEST: usize = 8;
/// Of a long history, so many runs are tried for where the level begins to move.
const TRIED: usize = 64;

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
    ///
    /// Where there are many, every so many runs are tried first, then those about the best of them: the sum changes little from
    /// one run to the next.
    pub(super) fn of(values: &[f64], begin: usize) -> Option<Hinge> {
        let last = values.len().checked_sub(SHORTEST).filter(|last| *last >= begin)?;
        let first = begin + SHORTEST / 2;
        let stride = last.saturating_sub(first) / TRIED + 1;
        let best = |near: &mut dyn Iterator<Item = usize>| {
            let hinges = near.map(|from| Hinge::from(values, begin, from));
            hinges.map(|hinge| (hinge.distance(values), hinge)).min_by(|one, other| one.0.total_cmp(&other.0))
        };
        let line = Hinge::line(values, begin);
        let line = (line.distance(values), line);
        let Some(roughly) = best(&mut (first..=last).step_by(stride)) else { return Some(line.1) };
        let near =
            (roughly.1.from + 1).saturating_sub(stride).max(first)..=(roughly.1.from + stride - 1).min(last);
        let hinge = best(&mut near.clone()).unwrap_or(roughly);
        // The first of two as close.
        Some(if line.0 <= hinge.0 { line.1 } else { hinge.1 })
    }

    /// A level, and the best slope from a given run on.
    fn from(values: &[f64], begin: usize, from: usize) -> Hinge {
        let level = level(&values[begin..from]);
        Hinge { begin, level, from, slope: slope_through(level, &values[from..]), end: values.len() }
    }

    /// A line alone, where too little stands before it for a level of its own (Theil, 1950; Sen, 1968).
    fn line(values: &[f64], begin: usize) -> Hinge {
        let slope = slope_of(&values[begin..]);
        let rest: Vec<f64> =
            values[begin..].iter().zip(1..).map(|(value, run)| value - slope * f64::from(run)).collect();
        Hinge { begin, level: level(&rest), from: begin, slope, end: values.len() }
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
        let (flat, moving) = values[self.begin..].split_at(self.from - self.begin);
        let flat = flat.iter().map(|value| (value - self.level).abs());
        let moving = moving.iter().zip(1..);
        let moving = moving.map(|(value, run)| (value - self.slope * f64::from(run) - self.level).abs());
        flat.chain(moving).sum()
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
    let mut wanted = slopes.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    // As a median is selected, but by weight: the half that holds it is looked at again.
    let mut among = &mut slopes[..];
    loop {
        let Some(half) = among.len().checked_sub(1).map(|last| last / 2) else { return 0.0 };
        let (below, middle, above) =
            among.select_nth_unstable_by(half, |one, other| one.0.total_cmp(&other.0));
        let (slope, weight) = *middle;
        let weight_below = below.iter().map(|(_, weight)| weight).sum::<f64>();
        if wanted <= weight_below && !below.is_empty() {
            among = below;
        } else if wanted <= weight_below + weight || above.is_empty() {
            return slope;
        } else {
            wanted -= weight_below + weight;
            among = above;
        }
    }
}

/// The median of the slopes between all pairs of values.
fn slope_of(values: &[f64]) -> f64 {
    let slopes = values.iter().enumerate().flat_map(|(at, first)| {
        values[at + 1..].iter().zip(1..).map(move |(second, runs)| (second - first) / f64::from(runs))
    });
    level(&slopes.collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_the_weighted_median_of_all_slopes() {
        let mut random = fastrand::Rng::with_seed(3);
        for n in (1..40).chain([500]) {
            // Some are alike.
            let values: Vec<f64> = (0..n).map(|_| f64::from(random.u32(0..9)) - 4.0).collect();
            let mut slopes: Vec<(f64, f64)> =
                values.iter().zip(1..).map(|(value, run)| (value / f64::from(run), f64::from(run))).collect();
            slopes.sort_by(|one, other| one.0.total_cmp(&other.0));
            let half = slopes.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
            let upto = |at: usize| slopes[..=at].iter().map(|(_, weight)| weight).sum::<f64>();
            let expected = (0..n).find(|at| upto(*at) >= half).map(|at| slopes[at].0);
            assert_eq!(Some(slope_through(0.0, &values)), expected, "{values:?}");
        }
    }

    #[test]
    fn of_a_long_history_the_run_is_found_where_the_level_begins_to_move() {
        let mut random = fastrand::Rng::with_seed(5);
        for from in [0, 130, 611, 940] {
            let level = |run: usize| 3.0 + 0.004 * run.saturating_sub(from) as f64;
            let values: Vec<f64> = (0..1000).map(|run| level(run) + 0.02 * (random.f64() - 0.5)).collect();
            let hinge = Hinge::of(&values, 0).unwrap();
            let all = (SHORTEST / 2..=values.len() - SHORTEST).map(|from| Hinge::from(&values, 0, from));
            let least = all.map(|hinge| hinge.distance(&values)).fold(f64::INFINITY, f64::min);
            assert!(hinge.distance(&values) <= 1.001 * least, "{hinge:?}");
            assert!(
                hinge.from.abs_diff(from) <= 8 && (hinge.slope - 0.004).abs() < 2e-4,
                "{from}: {hinge:?}"
            );
        }
    }
}
