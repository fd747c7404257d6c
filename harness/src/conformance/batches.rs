//! Decides what a target runs next: a batch of tests, a fresh session, or half a batch to find what killed it. Pure.

use std::collections::VecDeque;

use crate::session::Fault;

/// Sessions that may end one after another without a single answer before a target is given up: finding one
/// culprit in a batch takes about six.
const DEATHS: u32 = 16;
/// A session that cannot be started this often in a row is given up.
const STARTS: u32 = 2;

/// Tests that travel together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The file that holds their folders, and perhaps those of others.
    pub pack: String,
    /// Their names.
    pub tests: Vec<String>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Run this batch in the open session.
    Run(Batch),
    /// Close the open session, if any, and open one.
    Restart,
    /// Write these tests off.
    Forgo(Vec<String>, Fault),
    /// Close the open session; nothing is left to do.
    Done,
}

/// How the step before ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// There was none, or it was one that cannot go wrong ([`Step::Forgo`]).
    Nothing,
    /// The session was opened.
    Opened,
    /// The session could not be opened.
    NotOpened(Fault),
    /// Every test of the batch was answered.
    Answered,
    /// The session ended under the batch, or is of no more use.
    Died(Fault),
}

/// The tests still to run on one target.
#[derive(Debug)]
pub struct Batches {
    waiting: VecDeque<Batch>,
    running: Option<Batch>,
    open: bool,
    failed_starts: u32,
    deaths: u32,
    given_up: Option<Fault>,
}

impl Batches {
    /// Every batch waits, in this order.
    pub fn new(batches: &[Batch]) -> Batches {
        let waiting = batches.to_vec().into();
        Batches { waiting, running: None, open: false, failed_starts: 0, deaths: 0, given_up: None }
    }

    /// The next step, after `finished`.
    pub fn next(&mut self, finished: Finished) -> Step {
        if let Some((culprit, fault)) = self.learn(finished) {
            return Step::Forgo(culprit, fault);
        }
        if self.waiting.is_empty() {
            return Step::Done;
        }
        if let Some(fault) = self.given_up.clone() {
            return Step::Forgo(self.waiting.drain(..).flat_map(|batch| batch.tests).collect(), fault);
        }
        if !self.open {
            return Step::Restart;
        }
        self.running = self.waiting.pop_front();
        self.running.clone().map_or(Step::Done, Step::Run)
    }

    /// Takes in how a step ended; gives the test that a session died of, once it is known.
    fn learn(&mut self, finished: Finished) -> Option<(Vec<String>, Fault)> {
        match finished {
            Finished::Nothing => None,
            Finished::Opened => {
                self.open = true;
                self.failed_starts = 0;
                None
            }
            Finished::NotOpened(fault) => {
                self.open = false;
                self.failed_starts += 1;
                let hopeless = matches!(fault, Fault::Unavailable { .. });
                self.given_up = (hopeless || self.failed_starts >= STARTS).then_some(fault);
                None
            }
            Finished::Answered => {
                self.running = None;
                self.deaths = 0;
                None
            }
            Finished::Died(fault) => self.mourn(fault),
        }
    }

    /// One test alone is to blame; several are halved, and their halves go first.
    fn mourn(&mut self, fault: Fault) -> Option<(Vec<String>, Fault)> {
        self.open = false;
        self.deaths += 1;
        let hopeless = matches!(fault, Fault::Unavailable { .. }) || self.deaths >= DEATHS;
        self.given_up = hopeless.then(|| fault.clone());
        let Batch { pack, tests } = self.running.take()?;
        if hopeless {
            self.waiting.push_front(Batch { pack, tests });
            return None;
        }
        if tests.len() == 1 {
            return Some((tests, fault));
        }
        let (first, second) = tests.split_at(tests.len() / 2);
        for half in [second, first] {
            self.waiting.push_front(Batch { pack: pack.clone(), tests: half.to_vec() });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Finished::{Answered, Died, NotOpened, Nothing, Opened};
    use super::*;

    fn batch(tests: &str) -> Batch {
        Batch { pack: "p".to_owned(), tests: tests.split_whitespace().map(str::to_owned).collect() }
    }

    /// A step in short: `run a b`, `open`, `forgo a: why`, `done`.
    fn short(step: &Step) -> String {
        match step {
            Step::Run(batch) => format!("run {}", batch.tests.join(" ")),
            Step::Restart => "open".to_owned(),
            Step::Forgo(tests, fault) => format!("forgo {}: {fault}", tests.join(" ")),
            Step::Done => "done".to_owned(),
        }
    }

    fn crash() -> Fault {
        Fault::Crash { message: "it died".to_owned() }
    }

    fn missing() -> Fault {
        Fault::Unavailable { reason: "no such browser".to_owned(), remedy: "install it".to_owned() }
    }

    #[test]
    fn each_ending_leads_to_the_right_next_step() {
        type Row = (&'static str, &'static [&'static str], Vec<(Finished, &'static str)>);
        let table: Vec<Row> = vec![
            ("nothing to do", &[], vec![(Nothing, "done")]),
            (
                "batches share a session",
                &["a b", "c"],
                vec![(Nothing, "open"), (Opened, "run a b"), (Answered, "run c"), (Answered, "done")],
            ),
            (
                "a batch that kills is halved until the culprit is alone, and costs only that one",
                &["a b c d", "e"],
                vec![
                    (Nothing, "open"),
                    (Opened, "run a b c d"),
                    (Died(crash()), "open"),
                    (Opened, "run a b"),
                    (Answered, "run c d"),
                    (Died(crash()), "open"),
                    (Opened, "run c"),
                    (Died(crash()), "forgo c: it died"),
                    (Nothing, "open"),
                    (Opened, "run d"),
                    (Answered, "run e"),
                    (Answered, "done"),
                ],
            ),
            (
                "an odd batch loses no test",
                &["a b c"],
                vec![
                    (Nothing, "open"),
                    (Opened, "run a b c"),
                    (Died(crash()), "open"),
                    (Opened, "run a"),
                    (Answered, "run b c"),
                    (Answered, "done"),
                ],
            ),
            (
                "what is not here is tried once",
                &["a b", "c"],
                vec![
                    (Nothing, "open"),
                    (NotOpened(missing()), "forgo a b c: no such browser; install it"),
                    (Nothing, "done"),
                ],
            ),
            (
                "what has no device is no test's fault",
                &["a b", "c"],
                vec![
                    (Nothing, "open"),
                    (Opened, "run a b"),
                    (Died(missing()), "forgo a b c: no such browser; install it"),
                    (Nothing, "done"),
                ],
            ),
            (
                "what does not start is tried twice",
                &["a"],
                vec![
                    (Nothing, "open"),
                    (NotOpened(crash()), "open"),
                    (NotOpened(crash()), "forgo a: it died"),
                    (Nothing, "done"),
                ],
            ),
        ];
        for (name, batches, steps) in table {
            let batches: Vec<Batch> = batches.iter().map(|tests| batch(tests)).collect();
            let mut schedule = Batches::new(&batches);
            for (index, (finished, expected)) in steps.into_iter().enumerate() {
                assert_eq!(short(&schedule.next(finished)), expected, "{name}, step {index}");
            }
        }
    }

    #[test]
    fn a_place_where_everything_dies_is_given_up() {
        let names: Vec<String> = (0..50).map(|number| format!("t{number}")).collect();
        let mut schedule = Batches::new(&[batch(&names.join(" ")), batch("last")]);
        let (mut finished, mut runs, mut forgone) = (Nothing, 0, 0);
        loop {
            finished = match schedule.next(finished) {
                Step::Run(_) => {
                    runs += 1;
                    Died(crash())
                }
                Step::Restart => Opened,
                Step::Forgo(tests, _) => {
                    forgone += tests.len();
                    Nothing
                }
                Step::Done => break,
            }
        }
        assert_eq!((runs, forgone), (DEATHS, 51));
    }
}
