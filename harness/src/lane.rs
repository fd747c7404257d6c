//! The one way to run: opens sessions, runs units of work in them, replaces sessions that die.
//!
//! The caller says what the work is, and what becomes of its reports: a case, a batch of node tests, a detection, a
//! traced run, a round of a comparison.

mod queue;

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use protocol::{AdapterChoice, Failure, NoReport, Report, Target, Task, Verdict};

use crate::error::Error;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::interrupt::Interrupt;
use crate::session::{self, Context, Observed, Session, SessionKind, SessionTurn};
pub use queue::Queue;
use queue::{Finished, Step};

/// Work that a session does in one job.
pub trait Unit: Clone {
    /// The report that answers it.
    type Report: Report;

    /// True if a unit that a session dies of can be halved to find the culprit.
    const CAN_BE_HALVED: bool = false;

    /// The target that does it.
    fn target(&self) -> Target;

    /// The adapter that does it.
    fn adapter(&self) -> AdapterChoice {
        AdapterChoice::Default
    }

    /// The kind of session that it runs in.
    fn kind(&self) -> SessionKind {
        SessionKind::of(&self.target(), self.adapter())
    }

    /// The task, as its session is told.
    fn task(&self, context: &Context) -> Task;

    /// How long it may take.
    fn limit(&self) -> Duration;

    /// Returns how a failure ends the session, if it does; else it is an answer like others.
    fn ends_session(&self, _failure: &Failure) -> Option<Fault> {
        None
    }

    /// Its two halves, where it has several parts.
    fn halves(&self) -> Option<[Self; 2]> {
        None
    }
}

/// How a unit ended.
#[derive(Debug, Clone)]
pub struct Ended<R> {
    /// The executor's report, or why there is none.
    pub answer: Result<R, NoAnswer>,
    /// The session's observations meanwhile; nothing where there was no session.
    pub observed: Observed,
}

/// Why a unit has no report.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoAnswer {
    /// The executor could not do it.
    #[error("{}", .0.message)]
    Failure(Failure),
    /// Its session could not be had, or died.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A step that has to come before it was not done.
    #[error("{step}: {fault}")]
    Before {
        /// The work of the step, in words.
        step: &'static str,
        /// How its session ended.
        fault: Fault,
    },
}

impl NoAnswer {
    /// The word for it.
    pub fn verdict(&self) -> Verdict {
        match self {
            NoAnswer::Failure(failure) => failure.kind.into(),
            NoAnswer::Fault(fault) | NoAnswer::Before { fault, .. } => fault.verdict(),
        }
    }

    /// Returns whether it is a matter of getting what is not here.
    pub fn is_unavailable(&self) -> bool {
        self.verdict() == Verdict::Unavailable
    }
}

/// Something that happens in a lane.
pub enum Event<'a, U: Unit> {
    /// A browser or a native runner is being started.
    Opening(&'a SessionKind),
    /// A unit begins in its session.
    Started(&'a U),
    /// A unit ended. One that could not begin was never started.
    Ended(U, Ended<U::Report>),
}

/// The consequences of an event.
pub struct Then<U> {
    /// True if the session is of no more use.
    pub spent: bool,
    /// The unit that runs next, before all others.
    pub next: Option<U>,
}

impl<U> Default for Then<U> {
    fn default() -> Self {
        Then { spent: false, next: None }
    }
}

/// Hears what happens in a lane, and says what follows.
pub trait Listener<U: Unit> {
    /// Takes one event in.
    ///
    /// # Errors
    /// A listener that cannot do its part stops the lane: no result is lost unseen.
    fn hear(&mut self, event: Event<'_, U>) -> Result<Then<U>, Error>;
}

/// How many sessions are open at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// One: two at once would measure each other.
    One,
    /// One of each kind: what is compared takes turns.
    OneOfEachKind,
}

/// How the work of a lane came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// All of it was done.
    Complete,
    /// The user stopped it.
    Interrupted,
}

impl Completion {
    /// The exit code of a command whose report goes with this one.
    pub fn exit(self, of_report: Exit) -> Exit {
        match self {
            Completion::Complete => of_report,
            Completion::Interrupted => Exit::Interrupted,
        }
    }
}

/// Sessions, and what numbers their jobs.
pub struct Lane<'a> {
    context: &'a Context,
    open: Open,
    sessions: BTreeMap<SessionKind, OpenSession>,
    jobs: u64,
}

/// A session, its number, and how many jobs it was given.
struct OpenSession {
    session: Box<dyn Session>,
    number: u32,
    jobs: u32,
}

impl OpenSession {
    /// Returns what it saw of the job that was given to it last.
    fn observed(&self) -> Observed {
        let turn = SessionTurn { session: self.number, position: self.jobs.saturating_sub(1) };
        Observed { turn: Some(turn), ..self.session.observed() }
    }
}

impl<'a> Lane<'a> {
    /// No session is open yet.
    pub fn new(context: &'a Context, open: Open) -> Lane<'a> {
        Lane { context, open, sessions: BTreeMap::new(), jobs: 0 }
    }

    /// Runs all units of a queue; then closes all sessions.
    ///
    /// # Errors
    /// Those of the listener; a unit that goes wrong has ended.
    pub async fn run<U: Unit>(
        mut self,
        queue: Queue<U>,
        listener: &mut dyn Listener<U>,
    ) -> Result<(), Error> {
        let ended = self.work(queue, listener).await;
        self.close().await;
        ended
    }

    async fn work<U: Unit>(
        &mut self,
        mut queue: Queue<U>,
        listener: &mut dyn Listener<U>,
    ) -> Result<(), Error> {
        let mut finished = Finished::Nothing;
        let mut observed = Observed::default();
        loop {
            finished = match queue.next(finished) {
                Step::Open(kind) => {
                    observed = Observed::default();
                    listener.hear(Event::Opening(&kind))?;
                    self.make_room(&kind, &mut queue).await;
                    match session::open(&kind, self.context).await {
                        Ok(session) => {
                            let number = self.context.number_session();
                            self.sessions.insert(kind, OpenSession { session, number, jobs: 0 });
                            Finished::Opened
                        }
                        Err(fault) => Finished::NotOpened(fault),
                    }
                }
                Step::Run(unit) => {
                    listener.hear(Event::Started(&unit))?;
                    let asked = self.ask(&unit).await;
                    let session = self.sessions.get(&unit.kind());
                    observed = session.map(OpenSession::observed).unwrap_or_default();
                    match asked {
                        Err(fault) => {
                            // What is left of it would run beside the next unit.
                            if let Some(session) = self.sessions.remove(&unit.kind()) {
                                session.session.close().await;
                            }
                            Finished::Died(fault)
                        }
                        Ok(answer) => {
                            let answer = answer.map_err(NoAnswer::Failure);
                            let ended = Ended { answer, observed: mem::take(&mut observed) };
                            let then = listener.hear(Event::Ended(unit, ended))?;
                            then.next.into_iter().for_each(|unit| queue.first(unit));
                            if then.spent { Finished::Spent } else { Finished::Answered }
                        }
                    }
                }
                Step::WriteOff(unit, fault) => {
                    let ended = Ended { answer: Err(fault.into()), observed: mem::take(&mut observed) };
                    let then = listener.hear(Event::Ended(unit, ended))?;
                    then.next.into_iter().for_each(|unit| queue.first(unit));
                    Finished::Nothing
                }
                Step::Done => return Ok(()),
            }
        }
    }

    /// Runs all units of a queue until the user wants it to stop; then closes all sessions. A second wish does not wait
    /// for a tidy end: a dropped session kills what it started.
    ///
    /// # Errors
    /// As [`Lane::run`].
    pub async fn run_until<U: Unit>(
        mut self,
        queue: Queue<U>,
        listener: &mut dyn Listener<U>,
        interrupt: &mut Interrupt,
    ) -> Result<Completion, Error> {
        let ended = tokio::select! {
            biased;
            () = interrupt.received() => Ok(Completion::Interrupted),
            ended = self.work(queue, listener) => ended.map(|()| Completion::Complete),
        };
        tokio::select! {
            () = self.close() => {}
            () = interrupt.received() => {}
        }
        ended
    }

    /// Runs one unit, and closes its session.
    pub async fn only<U: Unit>(context: &Context, unit: U) -> Ended<U::Report> {
        let mut only = Only(None);
        // This listener does not fail.
        let _ = Lane::new(context, Open::One).run(Queue::new([unit]), &mut only).await;
        only.0.unwrap_or_else(|| Ended {
            answer: Err(Fault::Crash { message: "nothing was run".to_owned() }.into()),
            observed: Observed::default(),
        })
    }

    async fn close(&mut self) {
        while let Some((_, open)) = self.sessions.pop_first() {
            open.session.close().await;
        }
    }

    async fn make_room<U: Unit>(&mut self, kind: &SessionKind, queue: &mut Queue<U>) {
        match self.open {
            Open::One => {
                self.sessions.keys().for_each(|kind| queue.closed(kind));
                self.close().await;
            }
            Open::OneOfEachKind => {
                if let Some(open) = self.sessions.remove(kind) {
                    open.session.close().await;
                }
            }
        }
    }

    async fn ask<U: Unit>(&mut self, unit: &U) -> Result<Result<U::Report, Failure>, Fault> {
        self.jobs += 1;
        let target = unit.target();
        let job = self.context.job_of(&target, unit.adapter(), self.jobs, unit.task(self.context));
        let crash = |message: &str| Fault::Crash { message: message.to_owned() };
        let open = self.sessions.get_mut(&unit.kind()).ok_or_else(|| crash("no session was open"))?;
        open.jobs += 1;
        let outcome = open.session.run(&job, unit.limit()).await?;
        match U::Report::of(outcome.answer) {
            Ok(report) => Ok(Ok(report)),
            Err(NoReport::Failed(failure)) => unit.ends_session(&failure).map_or(Ok(Err(failure)), Err),
            Err(NoReport::Another) => Err(crash("it answered another question")),
        }
    }
}

/// Keeps how the only unit ended.
struct Only<R>(Option<Ended<R>>);

impl<U: Unit> Listener<U> for Only<U::Report> {
    fn hear(&mut self, event: Event<'_, U>) -> Result<Then<U>, Error> {
        if let Event::Ended(_, ended) = event {
            self.0 = Some(ended);
        }
        Ok(Then::default())
    }
}
