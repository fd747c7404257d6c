//! Events for the page: how far a sweep is, that there is something new, that nothing runs.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, KeepAliveStream, Sse};
use futures_util::stream::{BoxStream, unfold};
use futures_util::{Stream, StreamExt};
use serde::Serialize;
use tokio::sync::watch;

use super::source::{Source, Stamp};

/// The header in which a browser that connects again says what it heard last.
pub const LAST_EVENT_ID: &str = "last-event-id";
/// How often a file is looked at.
const GLANCE: Duration = Duration::from_millis(500);
/// How long nothing more is told after something changed: a page that is read anew takes time from what is measured.
const REST: Duration = Duration::from_secs(1);
/// How long a browser waits before it connects again.
const RETRY: Duration = Duration::from_secs(1);

/// The data of an event that has none: without any, a browser tells nobody of it.
const NOTHING: &str = "{}";

/// How far a sweep is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Progress {
    /// Turns of cases that are over.
    pub done: u64,
    /// All, as far as that is known.
    pub all: u64,
    /// Those that went wrong.
    pub failed: u64,
    /// What runs now.
    pub now: String,
    /// Milliseconds that the rest may take.
    pub left_ms: Option<f64>,
}

/// What a sweep tells of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// How far it is.
    pub progress: Progress,
    /// True once it has ended.
    pub over: bool,
}

/// A page's events.
pub type Events = Sse<KeepAliveStream<BoxStream<'static, Result<Event, Infallible>>>>;

/// One who listens to a sweep.
struct Listening {
    told: watch::Receiver<Told>,
    /// True if something may have been missed before.
    again: bool,
    /// What was told last.
    heard: Option<Told>,
    waiting: VecDeque<Event>,
    over: bool,
}

/// The events of a sweep in this process, until it ends. One who comes `again` may have missed something.
pub fn of_sweep(told: watch::Receiver<Told>, again: bool) -> Events {
    let listening = Listening { told, again, heard: None, waiting: VecDeque::new(), over: false };
    stream(unfold(listening, |mut one| async move {
        loop {
            if let Some(event) = one.waiting.pop_front() {
                return Some((Ok(event), one));
            }
            if one.over || !one.hear().await {
                return None;
            }
        }
    }))
}

impl Listening {
    /// Waits for something new; whether there was.
    async fn hear(&mut self) -> bool {
        if let Some(heard) = self.heard.clone() {
            // The end is told at once.
            let _rested = tokio::time::timeout(REST, self.told.wait_for(|told| told.over)).await.is_err();
            if self.told.wait_for(|told| *told != heard).await.is_err() {
                return false;
            }
        }
        let told = self.told.borrow_and_update().clone();
        let done = told.progress.done;
        let changed = self.heard.as_ref().map_or(self.again, |heard| heard.progress.done != done);
        let json = serde_json::to_string(&told.progress);
        self.waiting.extend(json.ok().map(|json| event("progress", done).data(json)));
        self.waiting.extend(changed.then(|| event("changed", done).data(NOTHING)));
        self.waiting.extend(told.over.then(|| event("idle", done).data(NOTHING)));
        self.over = told.over;
        self.heard = Some(told);
        true
    }
}

/// One who watches a database that no sweep of ours holds.
struct Watching {
    source: Source,
    last: Option<Stamp>,
    waiting: VecDeque<Event>,
    count: u64,
}

/// The events of a database: that nothing runs, and that it changed, until a sweep runs that can be asked. One who comes `again`
/// may have missed something.
pub fn of_file(source: &Source, again: bool) -> Events {
    let mut watching =
        Watching { source: source.clone(), last: source.seen(), waiting: VecDeque::new(), count: 0 };
    watching.tell("idle");
    if again {
        watching.tell("changed");
    }
    stream(unfold(watching, |mut one| async move {
        loop {
            if let Some(event) = one.waiting.pop_front() {
                return Some((Ok(event), one));
            }
            tokio::time::sleep(GLANCE).await;
            if one.source.live().await.is_some() {
                // A browser connects again, and is then given the sweep's own.
                return None;
            }
            one.glance();
        }
    }))
}

impl Watching {
    fn glance(&mut self) {
        let Some(now) = self.source.seen() else { return };
        // What was written by reading it is nothing new.
        if self.last != Some(now) && self.source.read_at() != Some(now) {
            self.tell("changed");
        }
        self.last = Some(now);
    }

    fn tell(&mut self, name: &str) {
        self.count += 1;
        self.waiting.push_back(event(name, self.count).data(NOTHING));
    }
}

fn event(name: &str, id: u64) -> Event {
    Event::default().event(name).id(id.to_string()).retry(RETRY)
}

fn stream(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Events {
    Sse::new(events.boxed()).keep_alive(KeepAlive::default())
}
