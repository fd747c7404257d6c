//! The one way to run: opens sessions, runs units of work in them, replaces sessions that die.
//!
//! The caller says what the work is, and what becomes of its reports: a case, a batch of node tests, a detection, a
//! traced run, a round of a comparison.

mod pool;
mod queue;
mod worker;

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use futures_util::future::{join_all, try_join_all};

use protocol::{AdapterChoice, Failure, Report, Target, Task, Verdict};

use crate::error::Error;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::interrupt::Interrupt;
use crate::session::{Context, Observed, Opening, SessionKind};
use pool::Pool;
use worker::Worker;

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

    /// Returns whether it has to be the first job of its session.
    fn needs_new_session(&self) -> bool {
        false
    }

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
    /// When it was begun, or found that it cannot begin.
    pub started_at: SystemTime,
    /// The most jobs that were under way at the same time, itself included.
    pub concurrency: u32,
}

impl<R> Ended<R> {
    /// What becomes of a unit that cannot begin.
    pub fn without_session(none: NoAnswer) -> Ended<R> {
        let observed = Observed::default();
        Ended { answer: Err(none), observed, started_at: SystemTime::now(), concurrency: 1 }
    }
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
    /// It was started, and how long that took.
    Opened(&'a SessionKind, u32, Opening),
    /// The session of this number was ended, in so many milliseconds.
    Closed(u32, f64),
    /// A unit begins in its session.
    Started(&'a U),
    /// A unit ended. One that could not begin was never started.
    Ended(U, Ended<U::Report>),
}

/// The consequences of an event.
pub struct Then<U> {
    /// True if the session is of no more use.
    pub spent: bool,
    /// The units that run next, before all others, in this order.
    pub next: Vec<U>,
}

impl<U> Default for Then<U> {
    fn default() -> Self {
        Then { spent: false, next: Vec::new() }
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

/// How many sessions are open at a time for each job that may be under way.
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

/// A way to run units of work.
pub struct Lane<'a> {
    context: &'a Context,
    open: Open,
    jobs: NonZeroU32,
}

impl<'a> Lane<'a> {
    /// One job at a time.
    pub fn new(context: &'a Context, open: Open) -> Lane<'a> {
        Lane { context, open, jobs: NonZeroU32::MIN }
    }

    /// So many jobs at the same time, which measure each other.
    pub fn with_jobs(self, jobs: NonZeroU32) -> Lane<'a> {
        Lane { jobs, ..self }
    }

    /// Runs all units, in this order but for those of a kind whose session is open; then closes all sessions.
    ///
    /// # Errors
    /// Those of the listener; a unit that goes wrong has ended.
    pub async fn run<U: Unit>(
        self,
        units: impl IntoIterator<Item = U>,
        listener: &mut dyn Listener<U>,
    ) -> Result<(), Error> {
        let pool = Pool::new(units, listener);
        let mut workers = self.workers(&pool);
        let ended = try_join_all(workers.iter_mut().map(Worker::work)).await;
        join_all(workers.iter_mut().map(Worker::close)).await;
        ended.map(|_| ())
    }

    /// Runs all units as [`Lane::run`] until the user wants it to stop; then closes all sessions. A second wish does not
    /// wait for a tidy end: a dropped session kills what it started.
    ///
    /// # Errors
    /// As [`Lane::run`].
    pub async fn run_until<U: Unit>(
        self,
        units: impl IntoIterator<Item = U>,
        listener: &mut dyn Listener<U>,
        interrupt: &mut Interrupt,
    ) -> Result<Completion, Error> {
        let pool = Pool::new(units, listener);
        let mut workers = self.workers(&pool);
        let ended = tokio::select! {
            biased;
            () = interrupt.received() => Ok(Completion::Interrupted),
            ended = try_join_all(workers.iter_mut().map(Worker::work)) => ended.map(|_| Completion::Complete),
        };
        tokio::select! {
            _ = join_all(workers.iter_mut().map(Worker::close)) => {}
            () = interrupt.received() => {}
        }
        ended
    }

    fn workers<'p, 'l, U: Unit>(&self, pool: &'p Pool<'l, U>) -> Vec<Worker<'p, 'l, U>>
    where
        'a: 'p,
    {
        (0..self.jobs.get()).map(|_| Worker::new(self.context, self.open, pool)).collect()
    }

    /// Runs one unit, and closes its session.
    pub async fn only<U: Unit>(context: &Context, unit: U) -> Ended<U::Report> {
        let mut only = Only(None);
        // This listener does not fail.
        let _ = Lane::new(context, Open::One).run([unit], &mut only).await;
        only.0.unwrap_or_else(|| {
            Ended::without_session(Fault::Crash { message: "nothing was run".to_owned() }.into())
        })
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
