//! Decides what happens next: which case runs, when a session is replaced, when a place is given up. Pure.

use std::collections::VecDeque;

use protocol::Verdict;

use crate::case::Case;
use crate::session::{Fault, Place};

/// A session that cannot be started this often in a row is given up.
const STARTS: u32 = 2;

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Run this case in the open session.
    Run(Case),
    /// Close the open session, if any, and open one at this place.
    Restart(Place),
    /// Write this case off: its place was given up.
    Forgo(Case, Fault),
    /// Close the open session; nothing is left to do.
    Done,
}

/// How the step before ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Finished {
    /// There was none, or it was one that cannot go wrong ([`Step::Forgo`]).
    Nothing,
    /// The session was opened.
    Opened,
    /// The session could not be opened.
    NotOpened(Fault),
    /// The case was answered and got this verdict.
    Answered(Verdict),
    /// The session ended under the case.
    Died,
}

/// The cases still to run, grouped by place so that sessions are reused.
#[derive(Debug)]
pub struct Schedule {
    waiting: VecDeque<Case>,
    place: Option<Place>,
    open: bool,
    failed_starts: u32,
    given_up: Option<Fault>,
}

impl Schedule {
    /// Schedules `cases`: places in the order of their first case, and each place's cases in theirs.
    pub fn new(cases: &[Case]) -> Schedule {
        let places: Vec<Place> = cases.iter().map(|case| Place::of(&case.target)).collect();
        let mut waiting = cases.to_vec();
        waiting.sort_by_key(|case| places.iter().position(|place| *place == Place::of(&case.target)));
        let waiting = VecDeque::from(waiting);
        Schedule { waiting, place: None, open: false, failed_starts: 0, given_up: None }
    }

    /// The next step, after `finished`.
    pub fn next(&mut self, finished: Finished) -> Step {
        self.learn(finished);
        let Some(case) = self.waiting.pop_front() else { return Step::Done };
        let place = Place::of(&case.target);
        if self.place.as_ref() != Some(&place) {
            self.turn_to(place.clone());
        }
        match (&self.given_up, self.open) {
            (Some(fault), _) => Step::Forgo(case, fault.clone()),
            (None, true) => Step::Run(case),
            (None, false) => {
                self.waiting.push_front(case);
                Step::Restart(place)
            }
        }
    }

    fn turn_to(&mut self, place: Place) {
        self.place = Some(place);
        self.open = false;
        self.failed_starts = 0;
        self.given_up = None;
    }

    fn learn(&mut self, finished: Finished) {
        match finished {
            Finished::Nothing => {}
            Finished::Opened => {
                self.open = true;
                self.failed_starts = 0;
            }
            Finished::NotOpened(fault) => {
                self.open = false;
                self.failed_starts += 1;
                let hopeless = matches!(fault, Fault::Unavailable { .. });
                self.given_up = (hopeless || self.failed_starts >= STARTS).then_some(fault);
            }
            // A lost device stays lost for the process that had it.
            Finished::Answered(verdict) => self.open = verdict != Verdict::DeviceLost,
            Finished::Died => self.open = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Finished::{Answered, Died, NotOpened, Nothing, Opened};
    use super::*;
    use crate::case::tests::case;

    /// A step in short: `run model target`, `open place`, `forgo model target`, `done`.
    fn short(step: &Step) -> String {
        match step {
            Step::Run(case) => format!("run {case}"),
            Step::Restart(place) => format!("open {place}"),
            Step::Forgo(case, fault) => format!("forgo {case}: {fault}"),
            Step::Done => "done".to_owned(),
        }
    }

    fn crash() -> Fault {
        Fault::Crash { message: "it died".to_owned() }
    }

    fn missing() -> Fault {
        Fault::Unavailable { reason: "no such browser".to_owned(), remedy: "install it".to_owned() }
    }

    const A: &str = "webgpu@chrome";
    const B: &str = "burn:cpu";

    #[test]
    fn each_ending_leads_to_the_right_next_step() {
        type Row = (&'static str, &'static [(&'static str, &'static str)], Vec<(Finished, &'static str)>);
        let table: Vec<Row> = vec![
            ("nothing to do", &[], vec![(Nothing, "done")]),
            (
                "a session is reused, and places keep the order of their first case",
                &[("m", A), ("m", B), ("n", A)],
                vec![
                    (Nothing, "open chrome"),
                    (Opened, "run m on webgpu@chrome"),
                    (Answered(Verdict::Pass), "run n on webgpu@chrome"),
                    (Answered(Verdict::Error), "open burn-runner (burn)"),
                    (Opened, "run m on burn:cpu"),
                    (Answered(Verdict::Pass), "done"),
                ],
            ),
            (
                "engines of one browser share its session",
                &[("m", A), ("m", "wasm@chrome")],
                vec![
                    (Nothing, "open chrome"),
                    (Opened, "run m on webgpu@chrome"),
                    (Answered(Verdict::Pass), "run m on wasm@chrome"),
                    (Answered(Verdict::Pass), "done"),
                ],
            ),
            (
                "a death costs its case and a fresh session",
                &[("m", A), ("n", A)],
                vec![
                    (Nothing, "open chrome"),
                    (Opened, "run m on webgpu@chrome"),
                    (Died, "open chrome"),
                    (Opened, "run n on webgpu@chrome"),
                    (Died, "done"),
                ],
            ),
            (
                "a lost device needs a fresh session",
                &[("m", A), ("n", A)],
                vec![
                    (Nothing, "open chrome"),
                    (Opened, "run m on webgpu@chrome"),
                    (Answered(Verdict::DeviceLost), "open chrome"),
                ],
            ),
            (
                "what is not here is tried once",
                &[("m", A), ("n", A), ("m", B)],
                vec![
                    (Nothing, "open chrome"),
                    (NotOpened(missing()), "forgo m on webgpu@chrome: no such browser; install it"),
                    (Nothing, "forgo n on webgpu@chrome: no such browser; install it"),
                    (Nothing, "open burn-runner (burn)"),
                ],
            ),
            (
                "what does not start is tried twice",
                &[("m", A), ("n", A)],
                vec![
                    (Nothing, "open chrome"),
                    (NotOpened(crash()), "open chrome"),
                    (NotOpened(crash()), "forgo m on webgpu@chrome: it died"),
                    (Nothing, "forgo n on webgpu@chrome: it died"),
                    (Nothing, "done"),
                ],
            ),
            (
                "a start that works forgets the one that did not",
                &[("m", A), ("n", A)],
                vec![
                    (Nothing, "open chrome"),
                    (NotOpened(crash()), "open chrome"),
                    (Opened, "run m on webgpu@chrome"),
                    (Died, "open chrome"),
                    (NotOpened(crash()), "open chrome"),
                    (Opened, "run n on webgpu@chrome"),
                ],
            ),
        ];
        for (name, cases, steps) in table {
            let cases: Vec<Case> = cases.iter().map(|(model, target)| case(model, target)).collect();
            let mut schedule = Schedule::new(&cases);
            for (index, (finished, expected)) in steps.into_iter().enumerate() {
                assert_eq!(short(&schedule.next(finished)), expected, "{name}, step {index}");
            }
        }
    }
}
