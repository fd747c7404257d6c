//! Turns that things took among each other, as pairs of times: what a comparison rests on, and what a thing differs from itself by.

use std::collections::{BTreeMap, BTreeSet};

use super::ratio::Pair;

/// One turn of a thing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn<'a> {
    /// Its round; two turns of a thing make one, on the way out and on the way back.
    pub round: u32,
    /// The session it was taken in.
    pub session: u32,
    /// What was measured in it, in any unit above zero.
    pub samples: &'a [f64],
}

/// What samples count by: [`super::undisturbed`], or a median.
pub type Counted = fn(&[f64]) -> Option<f64>;

/// A pair for each round in which both took turns, in order.
///
/// Of several sessions each is one value in the end, so that all pairs of a session say the same: what all samples that each side
/// has in it count by together. The longer one looks, the surer one is to have seen a thing undisturbed: a tenth of a session's
/// samples was mostly seen to scatter by two thirds to nine tenths of what the mean of its turns' tenths does. Within a single
/// session each round stands for itself.
pub fn pairs(a: &[Turn<'_>], b: &[Turn<'_>], counted: Counted) -> Vec<Pair> {
    let rounds_of = |side: &[Turn<'_>]| side.iter().map(|turn| turn.round).collect::<BTreeSet<u32>>();
    let rounds: BTreeSet<u32> = rounds_of(a).intersection(&rounds_of(b)).copied().collect();
    let sessions: BTreeMap<u32, u32> =
        a.iter().filter(|turn| rounds.contains(&turn.round)).map(|turn| (turn.round, turn.session)).collect();
    let several = sessions.values().collect::<BTreeSet<_>>().len() > 1;
    let unit = |round: &u32| if several { sessions[round] } else { *round };
    let values = |side: &[Turn<'_>]| {
        let mut samples: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for turn in side.iter().filter(|turn| rounds.contains(&turn.round)) {
            samples.entry(unit(&turn.round)).or_default().extend(turn.samples);
        }
        samples.into_iter().filter_map(|(unit, samples)| Some((unit, counted(&samples)?))).collect()
    };
    let (of_a, of_b): (BTreeMap<u32, f64>, BTreeMap<u32, f64>) = (values(a), values(b));
    let pair = |round: &u32| {
        let (a, b) = (*of_a.get(&unit(round))?, *of_b.get(&unit(round))?);
        Some(Pair { a, b, session: sessions[round] })
    };
    rounds.iter().filter_map(pair).collect()
}

/// A thing against itself, one of its two turns in each round on either side. Which of them that is changes from round to round, so
/// that what drifts through a session weighs on both sides alike, as it does on those of a comparison.
pub fn with_itself(turns: &[Turn<'_>], counted: Counted) -> Vec<Pair> {
    let mut rounds: BTreeMap<u32, Vec<Turn<'_>>> = BTreeMap::new();
    for turn in turns {
        rounds.entry(turn.round).or_default().push(*turn);
    }
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let whole = rounds.values().filter(|turns| turns.len() == 2);
    for (at, turns) in whole.enumerate() {
        let first = at % 2;
        a.push(turns[first]);
        b.push(turns[1 - first]);
    }
    pairs(&a, &b, counted)
}

/// The same as a comparison of a thing with itself: two turns a round stand on each side of one and one on each side here, so that
/// their logarithm counts by the root of a half.
pub fn apart_by_chance(turns: &[Turn<'_>], counted: Counted) -> Vec<Pair> {
    let weighed = |pair: Pair| Pair { b: pair.a * (pair.b / pair.a).powf(0.5f64.sqrt()), ..pair };
    with_itself(turns, counted).into_iter().map(weighed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::undisturbed;

    const fn turn(round: u32, session: u32, samples: &[f64]) -> Turn<'_> {
        Turn { round, session, samples }
    }

    #[test]
    fn a_round_has_what_both_took_in_it_and_a_session_all_of_its_rounds() {
        const A: [Turn<'static>; 4] =
            [turn(0, 0, &[2.0, 9.0]), turn(0, 0, &[3.0]), turn(1, 0, &[4.0]), turn(2, 0, &[1.0])];
        const B: [Turn<'static>; 3] = [turn(0, 0, &[5.0]), turn(1, 0, &[6.0]), turn(1, 0, &[7.0])];
        let (a, b) = (A.to_vec(), B.to_vec());
        let pair = |a, b, session| Pair { a, b, session };
        // Round 2 has one side only.
        assert_eq!(pairs(&a, &b, undisturbed), [pair(2.0, 5.0, 0), pair(4.0, 6.0, 0)]);
        let again = |turns: &[Turn<'static>]| -> Vec<Turn<'static>> {
            let second = turns.iter().map(|it| Turn { round: it.round + 10, session: 1, ..*it });
            turns.iter().copied().chain(second).collect()
        };
        let (a, b) = (again(&a), again(&b));
        let expected = [0, 0, 1, 1].map(|session| pair(2.0, 5.0, session));
        assert_eq!(pairs(&a, &b, undisturbed), expected);
    }

    #[test]
    fn a_drift_makes_nothing_of_a_thing_against_itself() {
        // Two per cent more with each turn, two rounds to a session.
        let times: Vec<[f64; 1]> = (0..16).map(|at| [1.02f64.powi(at)]).collect();
        let turns: Vec<Turn<'_>> = (0..).zip(&times).map(|(at, time)| turn(at / 2, at / 4, time)).collect();
        let mean = |samples: &[f64]| Some(super::super::geometric_mean(samples));
        for pair in with_itself(&turns, mean) {
            assert!((pair.b / pair.a - 1.0).abs() < 1e-12, "{pair:?}");
        }
        assert_eq!(with_itself(&turns, mean).len(), 8);
        assert_eq!(with_itself(&turns[..3], mean).len(), 1, "half a round is none");
    }

    #[test]
    fn a_thing_against_itself_counts_by_the_root_of_a_half() {
        let (low, high) = ([1.0], [2.0]);
        let turns = [turn(0, 0, &low), turn(0, 0, &high)];
        let [pair] = apart_by_chance(&turns, undisturbed)[..] else { panic!("one round") };
        assert!(((pair.b / pair.a).ln() - 0.5f64.sqrt() * 2.0f64.ln()).abs() < 1e-12, "{pair:?}");
    }
}
