//! What a sweep runs when: every case once, or the cases of a model in turns, round after round. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

use crate::case::{Case, expand};
use crate::part::Part;
use crate::plan::Plan;
use crate::session::SessionKind;
use crate::statistics::noise::{self, Effort};
use crate::statistics::stopping::{Next, Stopping};
use crate::statistics::{turns, undisturbed};
use crate::turn::{Place, Rounds, Turn};

/// Cases that belong together: one that runs once, or those of a model that take turns.
#[derive(Debug)]
pub struct Block {
    cases: Vec<Case>,
    rounds: Option<Rounds>,
    comparisons: usize,
    /// True of cases that still take part.
    takes_part: Vec<bool>,
    waiting: VecDeque<Turn>,
    begun: u32,
    /// What its turns took so far.
    spent: Duration,
    taken: Vec<Taken>,
    random: fastrand::Rng,
}

/// A turn of a round that went well.
#[derive(Debug)]
struct Taken {
    case: usize,
    round: u32,
    latencies_ms: Vec<f64>,
}

impl Block {
    /// A case that runs once.
    pub fn once(case: Case) -> Block {
        let turn = Turn { case: 0, round: None, new_session: false };
        Block { waiting: VecDeque::from([turn]), ..Block::of(vec![case], None) }
    }

    /// Cases that take turns; `comparisons` is how many of them stand in one table.
    pub fn in_rounds(cases: Vec<Case>, rounds: Rounds, comparisons: usize) -> Block {
        Block { comparisons, ..Block::of(cases, Some(rounds)) }
    }

    fn of(cases: Vec<Case>, rounds: Option<Rounds>) -> Block {
        let takes_part = vec![true; cases.len()];
        // The order is random, but the same whenever the same is swept.
        let seed = cases
            .iter()
            .flat_map(|case| case.key().into_bytes())
            .fold(0u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Block {
            cases,
            rounds,
            comparisons: 1,
            takes_part,
            waiting: VecDeque::new(),
            begun: 0,
            spent: Duration::ZERO,
            taken: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Its cases.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Returns whether its model is run by this part of a plan.
    pub fn is_of(&self, part: &Part) -> bool {
        self.cases.first().is_some_and(|case| part.has(&case.model.manifest.name))
    }

    /// Turns that are sure to come.
    pub fn turns(&self) -> usize {
        self.rounds.map_or(1, |rounds| 2 * rounds.least.get() as usize * self.cases.len())
    }

    /// What it may take, by what its cases took before.
    fn duration(&self, durations: &BTreeMap<String, Duration>) -> Duration {
        let known = self.cases.iter().map(|case| durations.get(&case.key()).copied());
        known.sum::<Option<Duration>>().unwrap_or(Duration::MAX)
    }

    /// The next turn, where there is one.
    pub fn next_turn(&mut self) -> Option<Turn> {
        if self.waiting.is_empty() && self.has_another_round() {
            self.begin_round();
        }
        self.waiting.pop_front()
    }

    /// Takes in how a turn ended: how long it was, and what its inferences took, in milliseconds, or nothing where it failed,
    /// which keeps its case out of what follows.
    pub fn took(&mut self, turn: Turn, spent: Duration, latencies_ms: Option<&[f64]>) {
        self.spent += spent;
        match (turn.round, latencies_ms) {
            (Some(Place { round, .. }), Some(latencies_ms)) => {
                self.taken.push(Taken { case: turn.case, round, latencies_ms: latencies_ms.to_vec() });
            }
            (None, Some(_)) => {}
            (_, None) => {
                self.takes_part[turn.case] = false;
                self.waiting.retain(|waiting| waiting.case != turn.case);
            }
        }
    }

    fn has_another_round(&self) -> bool {
        let Some(rounds) = self.rounds else { return false };
        let any = self.takes_part.contains(&true);
        any && match self.begun {
            0 => true,
            begun if begun >= rounds.most.get() => false,
            begun if begun < rounds.least.get() => true,
            _ => self.spent < rounds.longest && !self.is_settled(rounds),
        }
    }

    /// Returns whether further rounds would tell nothing that is asked for: of each case against the first that is left, or
    /// of the only one.
    fn is_settled(&self, rounds: Rounds) -> bool {
        let Some(precision) = rounds.precision else { return true };
        let stopping = Stopping {
            precision,
            least: rounds.least.get() as usize,
            most: rounds.most.get() as usize,
            rows: self.comparisons,
        };
        // Every case that is left has as many rounds, and all samples are gone through to judge them.
        if !stopping.is_due(self.begun as usize) {
            return false;
        }
        let mut left = (0..self.cases.len()).filter(|case| self.takes_part[*case]);
        let Some(first) = left.next() else { return true };
        let others: Vec<usize> = left.collect();
        let of_first = self.turns_of(first, rounds);
        let is_settled = |other: &usize| {
            let of_other = self.turns_of(*other, rounds);
            let floors = || [&of_first, &of_other].into_iter().filter_map(|turns| noise_of(turns));
            let pairs = turns::pairs(&of_first, &of_other, undisturbed);
            stopping.next(&pairs, || floors().reduce(f64::max)) != Next::More
        };
        match others.is_empty() {
            true => stopping.next_alone(&by_round(&of_first)) != Next::More,
            false => others.iter().all(is_settled),
        }
    }

    /// The turns of a case in the order taken.
    fn turns_of<'a>(&'a self, case: usize, rounds: Rounds) -> Vec<turns::Turn<'a>> {
        let turn = |taken: &'a Taken| turns::Turn {
            round: taken.round,
            session: taken.round / rounds.in_a_session,
            samples: &taken.latencies_ms,
        };
        self.taken.iter().filter(|taken| taken.case == case).map(turn).collect()
    }

    /// All cases in random order, and back again: whatever drifts along a round weighs on all of them alike, and the two
    /// turns of a case tell how far apart the same thing can be.
    fn begin_round(&mut self) {
        let round = self.begun;
        self.begun += 1;
        let mut order: Vec<usize> = (0..self.cases.len()).filter(|case| self.takes_part[*case]).collect();
        self.random.shuffle(&mut order);
        let renewed = self.rounds.is_some_and(|rounds| round > 0 && round % rounds.in_a_session == 0);
        let mut new: Vec<SessionKind> = Vec::new();
        let there_and_back = order.iter().chain(order.iter().rev());
        for (position, &case) in (0..).zip(there_and_back) {
            let kind = kind_of(&self.cases[case]);
            let new_session = renewed && !new.contains(&kind);
            new.extend(new_session.then_some(kind));
            self.waiting.push_back(Turn { case, round: Some(Place { round, position }), new_session });
        }
    }
}

/// What a thing differs from itself by, in a comparison of as many rounds.
fn noise_of(turns: &[turns::Turn<'_>]) -> Option<f64> {
    let pairs = turns::apart_by_chance(turns, undisturbed);
    noise::floor(&pairs, Effort::of(&pairs))
}

/// What each round of a thing alone counts by.
fn by_round(turns: &[turns::Turn<'_>]) -> Vec<f64> {
    turns
        .chunk_by(|one, other| one.round == other.round)
        .filter_map(|round| {
            let samples: Vec<f64> = round.iter().flat_map(|turn| turn.samples).copied().collect();
            undisturbed(&samples)
        })
        .collect()
}

/// The blocks of a plan: each case one of its own, or, in rounds, the cases of each model together.
pub fn blocks(plan: &Plan) -> Vec<Block> {
    let cases = expand(plan);
    let Some(rounds) = plan.rounds else { return cases.into_iter().map(Block::once).collect() };
    let mut models: Vec<Vec<Case>> = Vec::new();
    for case in cases {
        match models
            .iter_mut()
            .find(|cases| cases.iter().any(|other| other.model.digest == case.model.digest))
        {
            Some(cases) => cases.push(case),
            None => models.push(vec![case]),
        }
    }
    let comparisons = models.iter().map(|cases| cases.len().saturating_sub(1)).sum::<usize>().max(1);
    models.into_iter().map(|cases| Block::in_rounds(cases, rounds, comparisons)).collect()
}

/// The order in which blocks begin: by kind of session in the order of their first, so that sessions are reused; where
/// several jobs may run at the same time, the longest first, so that none of them is left alone at the end. How long a block
/// takes follows from what its cases took before; one that never ran comes first, as if it were the longest.
pub fn order(blocks: &[Block], jobs: NonZeroU32, durations: &BTreeMap<String, Duration>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    if jobs.get() > 1 {
        order.sort_by_key(|block| Reverse(blocks[*block].duration(durations)));
        return order;
    }
    let kinds: Vec<Option<SessionKind>> =
        blocks.iter().map(|block| block.cases.first().map(kind_of)).collect();
    order.sort_by_key(|block| kinds.iter().position(|kind| *kind == kinds[*block]));
    order
}

/// The kind of session that a case runs in.
pub fn kind_of(case: &Case) -> SessionKind {
    SessionKind::of(&case.target, case.adapter.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::tests::case;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    fn rounds(least: u32, in_a_session: u32) -> Rounds {
        Rounds {
            least: number(least),
            most: number(least),
            longest: Duration::from_secs(600),
            in_a_session: number(in_a_session),
            precision: None,
        }
    }

    fn block(targets: &[&str], rounds: Rounds) -> Block {
        Block::in_rounds(targets.iter().map(|target| case("m", target)).collect(), rounds, 1)
    }

    /// All turns, of cases that take as long as their place says; a case ends with its turn of this number.
    fn turns(block: &mut Block, failing: Option<(usize, usize)>) -> Vec<Turn> {
        let mut turns: Vec<Turn> = Vec::new();
        while let Some(turn) = block.next_turn() {
            turns.push(turn);
            let of_case = turns.iter().filter(|other| other.case == turn.case).count();
            let fails = failing == Some((turn.case, of_case));
            let latency_ms = [1.0 + turn.case as f64];
            block.took(turn, Duration::from_secs(1), (!fails).then_some(&latency_ms[..]));
        }
        turns
    }

    const TARGETS: [&str; 3] = ["webgpu@chrome", "webgpu@firefox", "wasm@chrome"];

    #[test]
    fn a_round_goes_there_and_back_in_an_order_that_changes() {
        let mut orders = Vec::new();
        for round in turns(&mut block(&TARGETS, rounds(20, 20)), None).chunks_exact(6) {
            let cases: Vec<usize> = round.iter().map(|turn| turn.case).collect();
            assert!(cases.iter().eq(cases.iter().rev()), "{cases:?}");
            let places: Vec<u32> = round.iter().filter_map(|turn| Some(turn.round?.position)).collect();
            assert_eq!(places, [0, 1, 2, 3, 4, 5]);
            orders.push(cases);
        }
        assert_eq!(orders.len(), 20);
        let first_is = |case| orders.iter().filter(|order| order[0] == case).count();
        assert!((0..3).all(|case| first_is(case) > 0), "{orders:?}");
        let again = turns(&mut block(&TARGETS, rounds(20, 20)), None);
        assert!(again.iter().map(|turn| turn.case).eq(orders.concat()), "the same sweep has the same order");
    }

    #[test]
    fn sessions_are_renewed_once_a_kind_after_so_many_rounds() {
        let all = turns(&mut block(&TARGETS, rounds(5, 2)), None);
        let renewed = |round: u32| {
            let of_round = all.iter().filter(|turn| turn.round.is_some_and(|place| place.round == round));
            let new: Vec<Turn> = of_round.filter(|turn| turn.new_session).copied().collect();
            // Two of the targets share a browser.
            (new.len(), new.iter().filter(|turn| turn.case == 1).count())
        };
        assert_eq!([0, 1, 2, 3, 4].map(renewed), [(0, 0), (0, 0), (2, 1), (0, 0), (2, 1)]);
    }

    #[test]
    fn a_precision_that_is_never_reached_ends_by_its_rounds_or_by_its_time() {
        // Turns of a case get slower without end, so that no interval gets narrow.
        for (most, longest_s, expected) in [(30, 10_000, 30), (400, 60, 15), (400, 10, 12)] {
            let rounds = Rounds {
                most: number(most),
                longest: Duration::from_secs(longest_s),
                precision: Some(0.001),
                ..rounds(12, 2)
            };
            let mut block = block(&TARGETS[..2], rounds);
            let mut random = fastrand::Rng::with_seed(1);
            let mut turns = 0;
            while let Some(turn) = block.next_turn() {
                turns += 1;
                block.took(turn, Duration::from_secs(1), Some(&[1.0 + random.f64()]));
            }
            assert_eq!(turns, 4 * expected, "{most} rounds, {longest_s} s");
        }
    }

    #[test]
    fn what_fails_takes_no_further_part() {
        let all = turns(&mut block(&TARGETS, rounds(3, 3)), Some((1, 3)));
        let count = |case| all.iter().filter(|turn| turn.case == case).count();
        assert_eq!([count(0), count(1), count(2)], [6, 3, 6]);
        assert_eq!(turns(&mut block(&TARGETS[..1], rounds(3, 3)), Some((0, 1))).len(), 1);
    }

    #[test]
    fn what_runs_once_runs_once() {
        let mut once = Block::once(case("m", "burn:cpu"));
        assert_eq!(turns(&mut once, None), [Turn { case: 0, round: None, new_session: false }]);
    }

    #[test]
    fn sessions_are_reused_and_where_several_run_the_longest_begin() {
        let all = [("a", "webgpu@chrome"), ("a", "burn:cpu"), ("b", "webgpu@chrome"), ("b", "burn:cpu")];
        let blocks = all.map(|(model, target)| Block::once(case(model, target)));
        let known = |seconds: &[(usize, u64)]| {
            let known = seconds.iter().map(|(at, seconds)| {
                let (model, target) = all[*at];
                (case(model, target).key(), Duration::from_secs(*seconds))
            });
            known.collect::<BTreeMap<_, _>>()
        };
        assert_eq!(order(&blocks, number(1), &known(&[(3, 99)])), [0, 2, 1, 3]);
        assert_eq!(order(&blocks, number(2), &known(&[(0, 1), (1, 7), (2, 3)])), [3, 1, 2, 0]);
    }
}
