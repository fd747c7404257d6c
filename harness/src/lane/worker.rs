//! A worker of a lane: does one job after the other in sessions of its own.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use protocol::{Failure, NoReport, Report, Task};

use super::pool::Pool;
use super::queue::{Finished, Queue, Step};
use super::{Ended, Event, NoAnswer, Open, Unit};
use crate::error::Error;
use crate::fault::Fault;
use crate::sensors::{self, Readings, Sensor, Watch};
use crate::session::{self, Context, Observed, Session, SessionKind, SessionTurn};

/// Sessions, and the queue that says what to do with them.
pub struct Worker<'p, 'l, U: Unit> {
    context: &'p Context,
    open: Open,
    pool: &'p Pool<'l, U>,
    queue: Queue<U>,
    sessions: BTreeMap<SessionKind, OpenSession>,
    /// The machine's, once they were looked for.
    sensors: Option<Vec<Sensor>>,
}

/// A session, its number, and how many jobs it was given.
struct OpenSession {
    session: Box<dyn Session>,
    number: u32,
    jobs: u32,
    idle_power_w: Option<f64>,
    /// Of the job that was given to it last.
    readings: Option<Readings>,
}

impl OpenSession {
    /// Returns what it saw of the job that was given to it last.
    fn observed(&self) -> Observed {
        let turn = SessionTurn { session: self.number, position: self.jobs.saturating_sub(1) };
        Observed { turn: Some(turn), readings: self.readings.clone(), ..self.session.observed() }
    }
}

/// What was seen of a unit besides its answer.
struct Seen {
    observed: Observed,
    started_at: SystemTime,
    concurrency: u32,
}

impl Seen {
    /// Of a unit that never began.
    fn nothing() -> Seen {
        Seen { observed: Observed::default(), started_at: SystemTime::now(), concurrency: 1 }
    }
}

impl<'p, 'l, U: Unit> Worker<'p, 'l, U> {
    /// No session is open yet.
    pub fn new(context: &'p Context, open: Open, pool: &'p Pool<'l, U>) -> Worker<'p, 'l, U> {
        Worker { context, open, pool, queue: Queue::new([]), sessions: BTreeMap::new(), sensors: None }
    }

    /// Works until nothing waits.
    ///
    /// # Errors
    /// Those of the listener.
    pub async fn work(&mut self) -> Result<(), Error> {
        let mut finished = Finished::Nothing;
        // Of a unit that its session died of.
        let mut seen = None;
        loop {
            finished = match self.queue.next(finished) {
                Step::Open(kind) => {
                    seen = None;
                    self.open(kind).await?
                }
                Step::Run(unit) => {
                    let finished;
                    (finished, seen) = self.run(unit).await?;
                    finished
                }
                Step::WriteOff(unit, fault) => {
                    self.ended(unit, seen.take().unwrap_or_else(Seen::nothing), Err(fault.into()))?;
                    Finished::Nothing
                }
                Step::Done => match self.pool.take(|kind| self.sessions.contains_key(kind)) {
                    Some(unit) => {
                        self.queue.first(unit);
                        Finished::Nothing
                    }
                    None => return Ok(()),
                },
            }
        }
    }

    /// Ends all sessions.
    pub async fn close(&mut self) {
        while let Some((_, open)) = self.sessions.pop_first() {
            self.end(open).await;
        }
    }

    async fn end(&self, open: OpenSession) {
        let begun = Instant::now();
        open.session.close().await;
        // A listener that cannot take it in says so at the next event; the other sessions have to be ended too.
        let _ = self.pool.tell(Event::Closed(open.number, begun.elapsed().as_secs_f64() * 1e3));
    }

    async fn open(&mut self, kind: SessionKind) -> Result<Finished, Error> {
        self.pool.tell(Event::Opening(&kind))?;
        self.make_room(&kind).await;
        match session::open(&kind, self.context).await {
            Ok(session) => {
                let number = self.context.number_session();
                self.pool.tell(Event::Opened(&kind, number, session.opening()))?;
                self.sessions.insert(
                    kind,
                    OpenSession { session, number, jobs: 0, idle_power_w: None, readings: None },
                );
                Ok(Finished::Opened)
            }
            Err(fault) => Ok(Finished::NotOpened(fault)),
        }
    }

    async fn make_room(&mut self, kind: &SessionKind) {
        match self.open {
            // The drift control's session ends with its job, and no other has to end for it.
            Open::One if *kind != SessionKind::Control => {
                self.sessions.keys().for_each(|kind| self.queue.closed(kind));
                self.close().await;
            }
            Open::One => {}
            Open::OneOfEachKind => {
                if let Some(open) = self.sessions.remove(kind) {
                    self.end(open).await;
                }
            }
        }
    }

    /// Runs a unit in its session; gives what was seen of it where the session died.
    async fn run(&mut self, unit: U) -> Result<(Finished, Option<Seen>), Error> {
        self.pool.tell(Event::Started(&unit))?;
        let (started_at, job) = (SystemTime::now(), self.pool.begin());
        let asked = self.ask(&unit).await;
        let concurrency = self.pool.end(job);
        let observed = self.sessions.get(&unit.kind()).map(OpenSession::observed).unwrap_or_default();
        let seen = Seen { observed, started_at, concurrency };
        match asked {
            Err(fault) => {
                // What is left of it would run beside the next unit.
                if let Some(open) = self.sessions.remove(&unit.kind()) {
                    self.end(open).await;
                }
                Ok((Finished::Died(fault), Some(seen)))
            }
            Ok(answer) => {
                let kind = unit.kind();
                let spent = self.ended(unit, seen, answer.map_err(NoAnswer::Failure))?;
                let spent_session = if spent { self.sessions.remove(&kind) } else { None };
                if let Some(open) = spent_session {
                    self.end(open).await;
                }
                Ok((if spent { Finished::Spent } else { Finished::Answered }, None))
            }
        }
    }

    /// Tells how a unit ended, and gives whether its session is of no more use.
    fn ended(&mut self, unit: U, seen: Seen, answer: Result<U::Report, NoAnswer>) -> Result<bool, Error> {
        let Seen { observed, started_at, concurrency } = seen;
        let then = self.pool.tell(Event::Ended(unit, Ended { answer, observed, started_at, concurrency }))?;
        then.next.into_iter().rev().for_each(|unit| self.queue.first(unit));
        Ok(then.spent)
    }

    /// Begins to read the machine's sensors, where the task is to measure.
    async fn watch(&mut self, kind: &SessionKind, task: &Task) -> Option<Watch> {
        if !matches!(task, Task::Infer(_)) {
            return None;
        }
        let mut sensors = self.sensors.take().unwrap_or_else(sensors::found);
        if let Some(open) = self.sessions.get_mut(kind).filter(|open| open.jobs == 0) {
            (sensors, open.idle_power_w) = sensors::idle_power_w(sensors).await;
        }
        Watch::begin(sensors)
    }

    async fn ask(&mut self, unit: &U) -> Result<Result<U::Report, Failure>, Fault> {
        let task = unit.task(self.context);
        let watch = self.watch(&unit.kind(), &task).await;
        let crash = |message: &str| Fault::Crash { message: message.to_owned() };
        let open = self.sessions.get_mut(&unit.kind()).ok_or_else(|| crash("no session was open"))?;
        open.jobs += 1;
        let number = u64::from(open.jobs);
        let job = self.context.job_of(&unit.target(), unit.adapter(), number, task);
        let outcome = open.session.run(&job, unit.limit()).await?;
        let watched = watch.map(Watch::end);
        open.readings = watched.as_ref().map(|(_, readings)| readings.with_idle(open.idle_power_w));
        self.sensors = watched.map(|(sensors, _)| sensors).or(self.sensors.take());
        match U::Report::of(outcome.answer) {
            Ok(report) => Ok(Ok(report)),
            Err(NoReport::Failed(failure)) => unit.ends_session(&failure).map_or(Ok(Err(failure)), Err),
            Err(NoReport::Another) => Err(crash("it answered another question")),
        }
    }
}
