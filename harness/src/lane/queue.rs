//! Decides what a lane does next: which unit runs, when a session is opened or replaced, when a kind of session is given up. Pure.

use std::collections::{BTreeMap, VecDeque};

use super::Unit;
use crate::fault::Fault;
use crate::session::SessionKind;

/// A session that cannot be started this often in a row is given up.
const STARTS: u32 = 2;
/// Sessions that may end one after another under units that can be halved, without a single answer, before their kind is
/// given up: finding one culprit in a batch takes about six.
const DEATHS: u32 = 16;

/// The next step of a lane.
#[derive(Debug, Clone, PartialEq)]
pub enum Step<U> {
    /// Open a session of this kind, in place of the one that is open, if any.
    Open(SessionKind),
    /// Run this unit in the session of its kind.
    Run(U),
    /// End this unit with a fault: its session died under it, or its kind was given up.
    WriteOff(U, Fault),
    /// Nothing is left to do.
    Done,
}

/// How the step before ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Finished {
    /// There was none, or it was one that cannot go wrong ([`Step::WriteOff`]).
    Nothing,
    /// The session was opened.
    Opened,
    /// The session could not be opened.
    NotOpened(Fault),
    /// The unit was answered.
    Answered,
    /// The unit was answered, and its session is of no more use.
    Spent,
    /// The session ended under the unit.
    Died(Fault),
}

/// The units still to run, in their order.
#[derive(Debug)]
pub struct Queue<U> {
    waiting: VecDeque<U>,
    running: Option<U>,
    /// The kind of session that the step under way is about.
    kind: Option<SessionKind>,
    kinds: BTreeMap<SessionKind, State>,
}

/// A session kind's state.
#[derive(Debug, Default)]
struct State {
    open: bool,
    /// True if it was given no job yet.
    is_new: bool,
    failed_starts: u32,
    deaths: u32,
    given_up: Option<Fault>,
}

impl<U: Unit> Queue<U> {
    /// Every unit waits, in this order.
    pub fn new(units: impl IntoIterator<Item = U>) -> Queue<U> {
        let waiting = units.into_iter().collect();
        Queue { waiting, running: None, kind: None, kinds: BTreeMap::new() }
    }

    /// A session was closed to make room.
    pub fn closed(&mut self, kind: &SessionKind) {
        self.kinds.entry(kind.clone()).or_default().open = false;
    }

    /// Has a unit run before all others.
    pub fn first(&mut self, unit: U) {
        self.waiting.push_front(unit);
    }

    /// The next step, after `finished`.
    pub fn next(&mut self, finished: Finished) -> Step<U> {
        if let Some((unit, fault)) = self.learn(finished) {
            return Step::WriteOff(unit, fault);
        }
        let Some(unit) = self.waiting.pop_front() else { return Step::Done };
        let kind = unit.kind();
        let state = self.kinds.entry(kind.clone()).or_default();
        self.kind = Some(kind.clone());
        match &state.given_up {
            Some(fault) => Step::WriteOff(unit, fault.clone()),
            None if state.open && (state.is_new || !unit.needs_new_session()) => {
                state.is_new = false;
                self.running = Some(unit.clone());
                Step::Run(unit)
            }
            None => {
                self.waiting.push_front(unit);
                Step::Open(kind)
            }
        }
    }

    /// Takes in how a step ended; gives the unit that a session died of, once it is known.
    fn learn(&mut self, finished: Finished) -> Option<(U, Fault)> {
        let state = self.kinds.entry(self.kind.clone()?).or_default();
        match finished {
            Finished::Nothing => None,
            Finished::Opened => {
                (state.open, state.is_new) = (true, true);
                state.failed_starts = 0;
                None
            }
            Finished::NotOpened(fault) => {
                state.open = false;
                state.failed_starts += 1;
                let hopeless = fault.is_unavailable() || state.failed_starts >= STARTS;
                state.given_up = hopeless.then_some(fault);
                None
            }
            Finished::Answered | Finished::Spent => {
                self.running = None;
                state.deaths = 0;
                // A lost device stays lost for the process that had it.
                state.open = finished == Finished::Answered;
                None
            }
            Finished::Died(fault) => {
                state.open = false;
                self.died(fault)
            }
        }
    }

    /// One unit alone is to blame; what can be halved is, and its halves go first.
    fn died(&mut self, fault: Fault) -> Option<(U, Fault)> {
        let unit = self.running.take()?;
        let state = self.kinds.entry(unit.kind()).or_default();
        if U::CAN_BE_HALVED {
            state.deaths += 1;
            if fault.is_unavailable() || state.deaths >= DEATHS {
                state.given_up = Some(fault);
                self.waiting.push_front(unit);
                return None;
            }
        }
        match unit.halves() {
            None => Some((unit, fault)),
            Some([first, second]) => {
                self.waiting.push_front(second);
                self.waiting.push_front(first);
                None
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use protocol::{Target, Task};

    use super::Finished::{Answered, Died, NotOpened, Nothing, Opened, Spent};
    use super::*;
    use crate::session::Context;

    /// A unit in a word, such as `m@webgpu@chrome`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Single(pub &'static str);

    /// A unit of several words, all on chrome.
    #[derive(Debug, Clone, PartialEq)]
    struct Several(Vec<String>);

    impl Unit for Single {
        type Report = String;

        fn needs_new_session(&self) -> bool {
            self.0.starts_with("new")
        }

        fn target(&self) -> Target {
            self.0.split_once(' ').unwrap().1.parse().unwrap()
        }

        fn task(&self, _: &Context) -> Task {
            unreachable!("nothing runs here")
        }

        fn limit(&self) -> std::time::Duration {
            std::time::Duration::ZERO
        }
    }

    impl Unit for Several {
        type Report = String;

        const CAN_BE_HALVED: bool = true;

        fn target(&self) -> Target {
            "webgpu@chrome".parse().unwrap()
        }

        fn task(&self, _: &Context) -> Task {
            unreachable!("nothing runs here")
        }

        fn limit(&self) -> std::time::Duration {
            std::time::Duration::ZERO
        }

        fn halves(&self) -> Option<[Self; 2]> {
            let (first, second) = self.0.split_at(self.0.len() / 2);
            (!first.is_empty()).then(|| [first, second].map(|half| Several(half.to_vec())))
        }
    }

    fn several(words: &str) -> Several {
        Several(words.split_whitespace().map(str::to_owned).collect())
    }

    /// A step in short: `run UNIT`, `open PLACE`, `skip UNIT: why`, `done`.
    fn short<U>(step: Step<U>, unit: impl Fn(&U) -> String) -> String {
        match step {
            Step::Run(run) => format!("run {}", unit(&run)),
            Step::Open(kind) => format!("open {kind}"),
            Step::WriteOff(skipped, fault) => format!("skip {}: {fault}", unit(&skipped)),
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
        const M: &str = "m webgpu@chrome";
        const N: &str = "n webgpu@chrome";
        type Row = (&'static str, &'static [&'static str], Vec<(Finished, &'static str)>);
        let table: Vec<Row> = vec![
            ("nothing to do", &[], vec![(Nothing, "done")]),
            (
                "a session is reused",
                &[M, N, "m burn:cpu"],
                vec![
                    (Nothing, "open chrome"),
                    (Opened, "run m webgpu@chrome"),
                    (Answered, "run n webgpu@chrome"),
                    (Answered, "open burn-runner (burn)"),
                    (Opened, "run m burn:cpu"),
                    (Answered, "done"),
                ],
            ),
            (
                "a unit gets a session that no other had",
                &[M, "new webgpu@chrome", N],
                vec![
                    (Nothing, "open chrome"),
                    (Opened, "run m webgpu@chrome"),
                    (Answered, "open chrome"),
                    (Opened, "run new webgpu@chrome"),
                    (Answered, "run n webgpu@chrome"),
                ],
            ),
            (
                "engines of one browser share its session",
                &[M, "m wasm@chrome"],
                vec![
                    (Nothing, "open chrome"),
                    (Opened, "run m webgpu@chrome"),
                    (Answered, "run m wasm@chrome"),
                    (Answered, "done"),
                ],
            ),
            (
                "a death costs its unit and a fresh session",
                &[M, N],
                vec![
                    (Nothing, "open chrome"),
                    (Opened, "run m webgpu@chrome"),
                    (Died(crash()), "skip m webgpu@chrome: it died"),
                    (Nothing, "open chrome"),
                    (Opened, "run n webgpu@chrome"),
                    (Died(crash()), "skip n webgpu@chrome: it died"),
                    (Nothing, "done"),
                ],
            ),
            (
                "a session of no more use is replaced",
                &[M, N],
                vec![(Nothing, "open chrome"), (Opened, "run m webgpu@chrome"), (Spent, "open chrome")],
            ),
            (
                "what is not here is tried once",
                &[M, N, "m burn:cpu"],
                vec![
                    (Nothing, "open chrome"),
                    (NotOpened(missing()), "skip m webgpu@chrome: no such browser; install it"),
                    (Nothing, "skip n webgpu@chrome: no such browser; install it"),
                    (Nothing, "open burn-runner (burn)"),
                ],
            ),
            (
                "what does not start is tried twice",
                &[M, N],
                vec![
                    (Nothing, "open chrome"),
                    (NotOpened(crash()), "open chrome"),
                    (NotOpened(crash()), "skip m webgpu@chrome: it died"),
                    (Nothing, "skip n webgpu@chrome: it died"),
                    (Nothing, "done"),
                ],
            ),
            (
                "a start that works forgets the one that did not",
                &[M, N],
                vec![
                    (Nothing, "open chrome"),
                    (NotOpened(crash()), "open chrome"),
                    (Opened, "run m webgpu@chrome"),
                    (Died(crash()), "skip m webgpu@chrome: it died"),
                    (Nothing, "open chrome"),
                    (NotOpened(crash()), "open chrome"),
                    (Opened, "run n webgpu@chrome"),
                ],
            ),
        ];
        for (name, units, steps) in table {
            let mut queue = Queue::new(units.iter().map(|unit| Single(unit)));
            for (index, (finished, expected)) in steps.into_iter().enumerate() {
                let step = short(queue.next(finished), |unit| unit.0.to_owned());
                assert_eq!(step, expected, "{name}, step {index}");
            }
        }
    }

    #[test]
    fn what_kills_is_halved_until_the_culprit_is_alone() {
        type Row = (&'static str, &'static [&'static str], Vec<(Finished, &'static str)>);
        let table: Vec<Row> = vec![
            (
                "it costs only that one",
                &["a b c d", "e"],
                vec![
                    (Nothing, "open chrome"),
                    (Opened, "run a b c d"),
                    (Died(crash()), "open chrome"),
                    (Opened, "run a b"),
                    (Answered, "run c d"),
                    (Died(crash()), "open chrome"),
                    (Opened, "run c"),
                    (Died(crash()), "skip c: it died"),
                    (Nothing, "open chrome"),
                    (Opened, "run d"),
                    (Answered, "run e"),
                    (Answered, "done"),
                ],
            ),
            (
                "an odd batch loses none",
                &["a b c"],
                vec![
                    (Nothing, "open chrome"),
                    (Opened, "run a b c"),
                    (Died(crash()), "open chrome"),
                    (Opened, "run a"),
                    (Answered, "run b c"),
                    (Answered, "done"),
                ],
            ),
            (
                "what has no device is no test's fault",
                &["a b", "c"],
                vec![
                    (Nothing, "open chrome"),
                    (Opened, "run a b"),
                    (Died(missing()), "skip a b: no such browser; install it"),
                    (Nothing, "skip c: no such browser; install it"),
                    (Nothing, "done"),
                ],
            ),
        ];
        for (name, units, steps) in table {
            let mut queue = Queue::new(units.iter().map(|words| several(words)));
            for (index, (finished, expected)) in steps.into_iter().enumerate() {
                let step = short(queue.next(finished), |unit| unit.0.join(" "));
                assert_eq!(step, expected, "{name}, step {index}");
            }
        }
    }

    #[test]
    fn a_kind_in_which_everything_dies_is_given_up() {
        let names: Vec<String> = (0..50).map(|number| format!("t{number}")).collect();
        let mut queue = Queue::new([several(&names.join(" ")), several("last")]);
        let (mut finished, mut runs, mut skipped) = (Nothing, 0, 0);
        loop {
            finished = match queue.next(finished) {
                Step::Run(_) => {
                    runs += 1;
                    Died(crash())
                }
                Step::Open(_) => Opened,
                Step::WriteOff(unit, _) => {
                    skipped += unit.0.len();
                    Nothing
                }
                Step::Done => break,
            }
        }
        assert_eq!((runs, skipped), (DEATHS, 51));
    }

    #[test]
    fn what_follows_runs_first_and_a_session_that_made_room_is_opened_again() {
        let mut queue = Queue::new([Single("m webgpu@chrome"), Single("n webgpu@chrome")]);
        assert!(matches!(queue.next(Nothing), Step::Open(_)));
        assert_eq!(queue.next(Opened), Step::Run(Single("m webgpu@chrome")));
        queue.first(Single("m wasm@chrome"));
        assert_eq!(queue.next(Answered), Step::Run(Single("m wasm@chrome")));
        queue.closed(&Single("a webgpu@chrome").kind());
        assert!(matches!(queue.next(Nothing), Step::Open(_)));
    }
}
