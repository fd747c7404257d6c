//! The order in which variants of a kernel are timed, so that the fastest is found at little cost. It times nothing
//! itself: whoever has a device asks for the next step, and says what it took.
//!
//! Successive halving (Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization,
//! 2016) over shapes: all variants are tried on the quickest shape, and on each further one only those that were not far
//! behind. The few that are left take turns over all shapes. The fastest of them has then been chosen for its luck too, so
//! what decides are further rounds, of it and of what was chosen before, in turn.

use std::collections::VecDeque;

use protocol::tune::{Trial, TrialEnd};
use protocol::tuning::Choice;

/// What takes so many times as long as the best is dropped.
const FAR_BEHIND: f64 = 1.4;
/// The same, and nothing else, as long as the shapes seen make up less than this share of the time of all: the quickest shape
/// speaks for itself.
const FAR_BEHIND_AT_FIRST: f64 = 2.0;
const LITTLE_SEEN: f64 = 0.25;
/// Variants that are left at least, until all shapes have been seen.
const LEAST_LEFT: usize = 3;
/// Rounds by which the fastest is found.
const ROUNDS: usize = 3;
/// Rounds that decide; and where time is up.
const DECIDING: usize = 9;
const LEAST_DECIDING: usize = 4;

/// A dispatch to be timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The variant, by its place among those given.
    pub variant: usize,
    /// The shape, by its place.
    pub shape: usize,
    /// True of the first time that a variant meets a shape, which counts for nothing.
    pub warms_up: bool,
}

/// How a variant fares.
#[derive(Debug)]
struct Contender {
    choice: Choice,
    /// What its shapes took when it first met them, each as often as it occurs.
    met_ms: f64,
    rounds_ms: Vec<f64>,
    deciding_ms: Vec<f64>,
    end: TrialEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The first variant meets every shape, which puts them in order.
    Ordering,
    /// The others meet the shape of this place in the order.
    Meeting(usize),
    /// Variants that are left take turns.
    Rounds(usize),
    /// The fastest takes turns with the first one.
    Deciding(usize),
}

/// A search among variants.
#[derive(Debug)]
pub struct Search {
    contenders: Vec<Contender>,
    /// Workgroups that are never dropped.
    kept: Vec<[u32; 2]>,
    /// By shape: how often it occurs, and what the first variant took.
    counts: Vec<f64>,
    first_ms: Vec<f64>,
    /// Shapes, the quickest first.
    order: Vec<usize>,
    stage: Stage,
    queue: VecDeque<Step>,
    /// Those that take part in what decides.
    finalists: Vec<usize>,
}

impl Search {
    /// A search among variants, the first of which is the choice so far, on shapes that occur so often each.
    pub fn new(variants: &[Choice], counts: &[usize], kept: &[[u32; 2]]) -> Search {
        let contender = |choice: &Choice| Contender {
            choice: *choice,
            met_ms: 0.0,
            rounds_ms: Vec::new(),
            deciding_ms: Vec::new(),
            end: TrialEnd::Measured,
        };
        let mut search = Search {
            contenders: variants.iter().map(contender).collect(),
            kept: kept.to_vec(),
            counts: counts.iter().map(|&count| count as f64).collect(),
            first_ms: vec![0.0; counts.len()],
            order: (0..counts.len()).collect(),
            stage: Stage::Ordering,
            queue: VecDeque::new(),
            finalists: Vec::new(),
        };
        (0..counts.len()).for_each(|shape| search.meet(0, shape));
        search
    }

    /// The next step, where one is left; `time_is_up` shortens what is left.
    pub fn next(&mut self, time_is_up: bool) -> Option<Step> {
        while self.queue.is_empty() {
            self.stage = self.after(self.stage, time_is_up)?;
            self.begin();
        }
        self.queue.pop_front()
    }

    /// Takes in what a step took on the device.
    pub fn took(&mut self, step: Step, gpu_ms: f64) {
        if step.warms_up {
            return;
        }
        let counted_ms = gpu_ms * self.counts[step.shape];
        let contender = &mut self.contenders[step.variant];
        match self.stage {
            Stage::Ordering => {
                self.first_ms[step.shape] = gpu_ms;
                contender.met_ms += counted_ms;
            }
            Stage::Meeting(_) => contender.met_ms += counted_ms,
            Stage::Rounds(round) => add(&mut contender.rounds_ms, round, counted_ms),
            Stage::Deciding(round) => add(&mut contender.deciding_ms, round, counted_ms),
        }
    }

    /// Takes note that a variant cannot be had.
    pub fn refuse(&mut self, variant: usize, message: String) {
        self.contenders[variant].end = TrialEnd::Refused { message };
        self.queue.retain(|step| step.variant != variant);
    }

    /// Returns whether steps of a variant may still come.
    pub fn is_left(&self, variant: usize) -> bool {
        self.contenders[variant].end == TrialEnd::Measured
    }

    /// How all variants fared.
    pub fn finish(self) -> Vec<Trial> {
        let trial = |contender: Contender| Trial {
            choice: contender.choice,
            end: contender.end,
            rounds_ms: contender.rounds_ms,
            deciding_ms: contender.deciding_ms,
        };
        self.contenders.into_iter().map(trial).collect()
    }

    fn meet(&mut self, variant: usize, shape: usize) {
        self.queue.extend([true, false].map(|warms_up| Step { variant, shape, warms_up }));
    }

    fn left(&self) -> Vec<usize> {
        (0..self.contenders.len()).filter(|&variant| self.is_left(variant)).collect()
    }

    fn after(&mut self, stage: Stage, time_is_up: bool) -> Option<Stage> {
        match stage {
            Stage::Ordering => {
                self.order.sort_by(|&a, &b| self.first_ms[a].total_cmp(&self.first_ms[b]));
                (!self.order.is_empty() && self.is_left(0)).then_some(Stage::Meeting(0))
            }
            Stage::Meeting(place) => {
                self.drop_slow(place);
                let last = place + 1 == self.order.len();
                Some(if last { Stage::Rounds(0) } else { Stage::Meeting(place + 1) })
            }
            Stage::Rounds(round) if round + 1 < ROUNDS && !time_is_up => Some(Stage::Rounds(round + 1)),
            Stage::Rounds(_) => {
                self.finalists = self.finalists();
                (self.finalists.len() > 1).then_some(Stage::Deciding(0))
            }
            Stage::Deciding(round) => {
                let rounds = if time_is_up { LEAST_DECIDING } else { DECIDING };
                (round + 1 < rounds).then_some(Stage::Deciding(round + 1))
            }
        }
    }

    /// Fills the queue with the steps of a stage.
    fn begin(&mut self) {
        match self.stage {
            Stage::Ordering => {}
            Stage::Meeting(place) => {
                let shape = self.order[place];
                self.left()
                    .into_iter()
                    .filter(|&variant| variant > 0)
                    .for_each(|variant| self.meet(variant, shape));
            }
            Stage::Rounds(round) => self.take_turns(self.left(), round),
            Stage::Deciding(round) => self.take_turns(self.finalists.clone(), round),
        }
    }

    /// Every one of these over all shapes, there and back again, each time beginning with another one: what drifts meets
    /// all alike.
    fn take_turns(&mut self, mut variants: Vec<usize>, round: usize) {
        let begin = round % variants.len().max(1);
        variants.rotate_left(begin);
        if round % 2 == 1 {
            variants.reverse();
        }
        let turns =
            variants.iter().flat_map(|&variant| self.order.iter().map(move |&shape| (variant, shape)));
        let steps: Vec<Step> =
            turns.map(|(variant, shape)| Step { variant, shape, warms_up: false }).collect();
        self.queue.extend(steps);
    }

    /// Drops what is far behind after the shapes up to this place, and the slower half.
    fn drop_slow(&mut self, place: usize) {
        let seen = &self.order[..=place];
        let taken_ms = |shapes: &[usize]| -> f64 {
            shapes.iter().map(|&shape| self.first_ms[shape] * self.counts[shape]).sum()
        };
        let first_ms = taken_ms(seen);
        let little_seen = first_ms < LITTLE_SEEN * taken_ms(&self.order);
        let met_ms = |variant: usize| if variant == 0 { first_ms } else { self.contenders[variant].met_ms };
        let mut left = self.left();
        left.sort_by(|&a, &b| met_ms(a).total_cmp(&met_ms(b)));
        let best_ms = left.first().map_or(0.0, |&variant| met_ms(variant));
        let most = if little_seen { left.len() } else { left.len().div_ceil(2).max(LEAST_LEFT) };
        let far = if little_seen { FAR_BEHIND_AT_FIRST } else { FAR_BEHIND };
        let slow: Vec<(usize, f64)> = left
            .iter()
            .enumerate()
            .map(|(rank, &variant)| (rank, variant, met_ms(variant) / best_ms))
            .filter(|&(rank, variant, times)| !self.is_kept(variant) && (times > far || rank >= most))
            .map(|(_, variant, times)| (variant, times))
            .collect();
        for (variant, times) in slow {
            self.contenders[variant].end = TrialEnd::Dropped { shapes: place as u32 + 1, times };
        }
    }

    fn is_kept(&self, variant: usize) -> bool {
        let Choice { lanes, lines, .. } = self.contenders[variant].choice;
        variant == 0 || self.kept.contains(&[lanes, lines])
    }

    /// The first one, the fastest, and those that are kept.
    fn finalists(&self) -> Vec<usize> {
        let left = self.left();
        let median = |variant: usize| {
            let mut rounds = self.contenders[variant].rounds_ms.clone();
            rounds.sort_by(f64::total_cmp);
            rounds.get(rounds.len() / 2).copied().unwrap_or(f64::INFINITY)
        };
        let fastest = left.iter().copied().min_by(|&a, &b| median(a).total_cmp(&median(b)));
        left.into_iter().filter(|&variant| Some(variant) == fastest || self.is_kept(variant)).collect()
    }
}

/// Adds a shape's time to that of a round.
fn add(rounds_ms: &mut Vec<f64>, round: usize, ms: f64) {
    rounds_ms.resize(rounds_ms.len().max(round + 1), 0.0);
    rounds_ms[round] += ms;
}

#[cfg(test)]
mod tests {
    use protocol::tuning::Variant;

    use super::*;

    fn choice(lanes: u32) -> Choice {
        Choice { variant: Variant::Alone, tile: [1, 1], lanes, lines: 1 }
    }

    /// Runs a search where a variant takes so long on a shape; gives the trials and how many steps were taken.
    fn searched(
        lanes: &[u32],
        counts: &[usize],
        kept: &[[u32; 2]],
        ms: impl Fn(u32, usize) -> Option<f64>,
    ) -> (Vec<Trial>, usize) {
        let variants: Vec<Choice> = lanes.iter().map(|&lanes| choice(lanes)).collect();
        let (mut search, mut steps) = (Search::new(&variants, counts, kept), 0);
        while let Some(step) = search.next(false) {
            steps += 1;
            assert!(steps < 10_000, "it does not end");
            match ms(lanes[step.variant], step.shape) {
                Some(ms) => search.took(step, ms),
                None => search.refuse(step.variant, "too many".to_owned()),
            }
        }
        (search.finish(), steps)
    }

    #[test]
    fn the_fastest_takes_turns_with_the_first() {
        let lanes = [64, 8, 16, 32, 128, 256];
        let (trials, steps) = searched(&lanes, &[1, 10], &[], |lanes, shape| {
            Some(if lanes == 16 { 1.0 } else { 2.0 + shape as f64 })
        });
        let decided: Vec<u32> = trials
            .iter()
            .filter(|trial| !trial.deciding_ms.is_empty())
            .map(|trial| trial.choice.lanes)
            .collect();
        assert_eq!(decided, [64, 16]);
        assert_eq!(trials[2].deciding_ms, vec![11.0; DECIDING], "each shape as often as it occurs");
        assert_eq!(trials[0].deciding_ms, vec![32.0; DECIDING]);
        let all = lanes.len() * 2 * (2 + ROUNDS + DECIDING);
        assert!(steps < all / 2, "{steps} steps of {all}");
    }

    #[test]
    fn what_is_far_behind_is_dropped_early_and_said_so() {
        let (trials, _) =
            searched(&[64, 8, 16], &[1, 1], &[], |lanes, _| Some(if lanes == 8 { 13.0 } else { 1.0 }));
        assert_eq!(trials[1].end, TrialEnd::Dropped { shapes: 1, times: 13.0 });
        assert_eq!(trials[1].rounds_ms, Vec::<f64>::new());
    }

    #[test]
    fn what_is_kept_is_measured_to_the_end() {
        let (trials, _) = searched(&[64, 8, 256], &[1], &[[256, 1]], |lanes, _| Some(f64::from(lanes)));
        let measured: Vec<usize> = trials.iter().map(|trial| trial.deciding_ms.len()).collect();
        assert_eq!(measured, [DECIDING; 3], "64 is first, 8 the fastest, 256 kept");
    }

    #[test]
    fn where_the_first_is_the_fastest_nothing_is_left_to_decide() {
        let (trials, _) = searched(&[8, 16, 32], &[1], &[], |lanes, _| Some(f64::from(lanes)));
        assert!(trials.iter().all(|trial| trial.deciding_ms.is_empty()), "{trials:#?}");
    }

    #[test]
    fn a_refused_variant_is_told_and_the_search_goes_on() {
        let (trials, _) =
            searched(&[64, 256, 8], &[1, 1], &[], |lanes, _| (lanes < 256).then_some(f64::from(lanes)));
        assert_eq!(trials[1].end, TrialEnd::Refused { message: "too many".to_owned() });
        assert_eq!(trials[2].deciding_ms.len(), DECIDING);
    }

    #[test]
    fn nothing_to_measure_ends_at_once() {
        assert_eq!(searched(&[8, 16], &[], &[], |_, _| Some(1.0)).1, 0);
        assert_eq!(
            searched(&[8, 16], &[3], &[], |_, _| None).0[0].end,
            TrialEnd::Refused { message: "too many".to_owned() }
        );
    }
}
