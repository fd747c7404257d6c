//! The noise floor: which difference a thing can show from itself.

use super::location::Location;
use super::ratio::{Pair, session_values};
use super::student_quantile;

/// Of a hundred comparisons of a thing with itself, so many stay below the floor.
const BELOW: f64 = 0.99;

/// How much more a Hodges–Lehmann estimate varies than a mean, of normal values (Hollander, Wolfe and Chicken, chapter 3).
const MORE_THAN_A_MEAN: f64 = std::f64::consts::PI / 3.0;

/// Fewer pairs, or sessions, know too little of what they differ by.
const FEWEST: usize = 4;

/// How much a comparison is taken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// How many pairs, over all sessions.
    pub pairs: usize,
    /// Over how many sessions they are spread; one at least.
    pub sessions: usize,
}

impl Effort {
    /// What some pairs were taken with.
    pub fn of(pairs: &[Pair]) -> Effort {
        let mut sessions: Vec<u32> = pairs.iter().map(|pair| pair.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        Effort { pairs: pairs.len(), sessions: sessions.len().max(1) }
    }
}

/// The noise floor from A/A pairs (a target with itself): the relative difference (0.03 is 3 %) that a comparison taken
/// with `effort` stays below in 99 of 100 cases where there is no difference.
///
/// A prediction limit: the scatter that the A/A pairs have, within sessions and between them, is scaled to the number of
/// pairs and sessions of the comparison, and Student's quantile pays for how well it is known. Where their centre lies does not
/// count: the sides of a thing against itself can change places, and whoever makes the pairs lets them. Pairs from one session
/// know nothing of what sessions differ by, and their floor speaks of one session too.
///
/// Nothing where there are too few pairs (or, of several sessions, too few sessions) to tell.
pub fn floor(a_a: &[Pair], effort: Effort) -> Option<f64> {
    let values = session_values(a_a).filter(|values| values.len() >= FEWEST)?;
    let certainty = Location::of(&values)?.certainty?;
    let measured = Effort::of(a_a);
    let (pairs, sessions) = (effort.pairs.max(1) as f64, effort.sessions.max(1) as f64);
    let variance = if measured == effort {
        certainty.spread.powi(2) / values.len() as f64
    } else if measured.sessions == 1 {
        certainty.spread.powi(2) / pairs
    } else {
        let within = within_sessions(a_a)?;
        let per_session =
            |effort: Effort| within * effort.sessions.max(1) as f64 / effort.pairs.max(1) as f64;
        let between = certainty.spread.powi(2) - per_session(measured);
        (between.max(0.0) + per_session(effort)) / sessions
    };
    let reach = (variance * MORE_THAN_A_MEAN).sqrt()
        * student_quantile(f64::midpoint(1.0, BELOW), values.len() as f64 - 1.0);
    Some(reach.exp_m1())
}

/// The variance of one pair's logarithm within its session, over all sessions: half of that from one pair to the next, which
/// outliers move as little as they move the centre.
fn within_sessions(pairs: &[Pair]) -> Option<f64> {
    let mut sorted = pairs.to_vec();
    sorted.sort_by_key(|pair| pair.session);
    let steps = sorted.windows(2).filter(|two| two[0].session == two[1].session);
    let steps: Vec<f64> = steps.map(|two| two[1].ln_ratio() - two[0].ln_ratio()).collect();
    match Location::of(&steps) {
        Some(Location { certainty: Some(certainty), .. }) => Some(certainty.spread.powi(2) / 2.0),
        // Sessions of one pair each have nothing within.
        _ => steps.is_empty().then_some(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::ratio::Ratio;
    use crate::statistics::simulation::{Rate, Rounds, SCATTERS, Scatter, normal};

    /// One session as it comes, then several, where sessions differ by more than their pairs.
    #[test]
    fn ninety_nine_of_a_hundred_comparisons_of_a_thing_with_itself_stay_below() {
        let sessions = Scatter { name: "sessions", draw: |random| 0.03 * normal(random), session: 0.02 };
        for (scatter, measured, taken) in [
            (SCATTERS[1], 24, 24),
            (SCATTERS[1], 60, 15),
            (SCATTERS[3], 40, 40),
            (sessions, 64, 64),
            (sessions, 96, 48),
        ] {
            let mut random = fastrand::Rng::with_seed(21);
            let mut above = Rate::default();
            for _ in 0..2000 {
                let a_a: Vec<Pair> = Rounds::new(scatter, 1.0, &mut random).take(measured).collect();
                let pairs: Vec<Pair> = Rounds::new(scatter, 1.0, &mut random).take(taken).collect();
                let floor = floor(&a_a, Effort::of(&pairs)).unwrap();
                above.count(Ratio::paired(&pairs).unwrap().median.ln().abs() > floor.ln_1p());
            }
            assert!(
                (0.002..=0.015).contains(&above.share()),
                "{}, {measured} for {taken}: {above}",
                scatter.name
            );
        }
    }

    #[test]
    fn too_little_tells_no_floor() {
        let pairs = |n: usize, sessions: u32| -> Vec<Pair> {
            (0..n)
                .map(|at| Pair { a: 1.0, b: 1.0 + 0.01 * at as f64, session: at as u32 % sessions })
                .collect()
        };
        let effort = Effort { pairs: 10, sessions: 1 };
        for (n, sessions, known) in
            [(0, 1, false), (3, 1, false), (4, 1, true), (30, 3, false), (30, 6, true)]
        {
            assert_eq!(floor(&pairs(n, sessions), effort).is_some(), known, "{n} pairs, {sessions} sessions");
        }
    }
}
