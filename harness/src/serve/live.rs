//! Lets others look at a sweep that runs: the process that holds the database answers for it, and says beside the database where.
//! Whoever looks changes nothing; where it cannot be offered, the sweep goes on without.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use super::events::{self, LAST_EVENT_ID, Told};
use super::relay::{Address, file_of};
use super::source::{Asked, Running, json};
use crate::error::Error;
use crate::event::{Event, Listener};
use crate::loopback::{self, Door, LIMITS, Serving, headers, listen};
use crate::store::Store;

/// Nothing of an answer may act.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// Bytes that the data of a sweep may take while it runs.
const MOST_BYTES: usize = 4_000_000;

/// A sweep that can be looked at while it runs.
pub struct Live {
    told: watch::Sender<Told>,
    begun: Instant,
    _offered: Option<Offered>,
}

/// What ends when the sweep does.
struct Offered {
    file: PathBuf,
    _serving: Serving,
}

impl Drop for Offered {
    fn drop(&mut self) {
        // One that stays is found to lead nowhere.
        let _ = fs::remove_file(&self.file);
    }
}

impl Live {
    /// Offers the sweep that is about to run into this store.
    pub async fn beside(store: &Store) -> Live {
        let told = watch::Sender::new(Told::default());
        let offered = match offer(store, &told).await {
            Ok(offered) => offered,
            Err(error) => {
                tracing::warn!("nobody can look at the sweep while it runs: {error}");
                None
            }
        };
        Live { told, begun: Instant::now(), _offered: offered }
    }

    fn left_ms(&self, done: u64, all: u64) -> Option<f64> {
        let each_ms = self.begun.elapsed().as_secs_f64() * 1e3 / done as f64;
        (done > 0).then(|| each_ms * all.saturating_sub(done) as f64)
    }
}

impl Listener for Live {
    fn hear(&mut self, event: &Event<'_>) -> Result<(), Error> {
        self.told.send_modify(|Told { progress, over }| match event {
            Event::RunStarted { turns, .. } => progress.all = *turns as u64,
            Event::SessionOpening(place) => progress.now = format!("starting {place}"),
            Event::CaseStarted(case) => progress.now = case.to_string(),
            Event::CaseFinished(trial) => {
                progress.done += 1;
                progress.all = progress.all.max(progress.done);
                progress.failed += u64::from(trial.judgement.verdict.is_failure());
            }
            Event::RunFinished { .. } => *over = true,
            Event::SessionOpened { .. } | Event::SessionClosed { .. } | Event::Controlled { .. } => {}
        });
        let (done, all) = {
            let told = self.told.borrow();
            (told.progress.done, told.progress.all)
        };
        let left_ms = self.left_ms(done, all);
        self.told.send_modify(|told| told.progress.left_ms = left_ms);
        Ok(())
    }
}

/// Answers at a free port for a database that is a file.
async fn offer(store: &Store, told: &watch::Sender<Told>) -> Result<Option<Offered>, Error> {
    let Some(path) = store.path() else { return Ok(None) };
    let unheard = |source: io::Error| Error::PortUnheard { port: 0, source };
    let (listener, address) = listen(0).await.map_err(unheard)?;
    let door = Door::at(address).map_err(|error| unheard(io::Error::other(error.to_string())))?;
    let file = file_of(path);
    let said = Address { address, token: door.token.clone() };
    say(&file, &said).map_err(|source| Error::ReportUnwritten { path: file.clone(), source })?;
    let offer = Offer { door, store: Mutex::new(store.another()?), told: told.subscribe() };
    let router = Router::new().fallback(answer).with_state(Arc::new(offer));
    Ok(Some(Offered { file, _serving: loopback::serve(listener, router, LIMITS) }))
}

/// Writes a file that nobody else can read, in place of one that a sweep that was killed left.
fn say(file: &Path, said: &Address) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut written = tempfile::NamedTempFile::new_in(folder)?;
    written.write_all(&serde_json::to_vec(said)?)?;
    written.persist(file).map(drop).map_err(|error| error.error)
}

/// What is answered with.
struct Offer {
    door: Door,
    /// A connection of its own to the database.
    store: Mutex<Store>,
    told: watch::Receiver<Told>,
}

async fn answer(State(offer): State<Arc<Offer>>, request: Request) -> Response {
    let reads = *request.method() == Method::GET && offer.door.is_for_us(request.headers());
    let path = offer.door.path(&request).filter(|_| reads);
    let mut response = match path.map(|path| (path, path.strip_prefix("case/"))) {
        Some(("events", _)) => {
            let again = request.headers().contains_key(LAST_EVENT_ID);
            events::of_sweep(offer.told.clone(), again).into_response()
        }
        Some(("sweep", _)) => data(Arc::clone(&offer), Asked::Sweep).await,
        Some((_, Some(name))) => data(Arc::clone(&offer), Asked::Case(name.to_owned())).await,
        Some(_) | None => StatusCode::NOT_FOUND.into_response(),
    };
    response.headers_mut().extend(headers(POLICY));
    response
}

async fn data(offer: Arc<Offer>, asked: Asked) -> Response {
    let read = move || {
        let running = if offer.told.borrow().over { Running::No } else { Running::Yes };
        let store = offer.store.lock().unwrap_or_else(PoisonError::into_inner);
        json(&store, &asked, MOST_BYTES, running)
    };
    let read = tokio::task::spawn_blocking(read).await;
    match read.map_err(|error| error.to_string()).and_then(|made| made.map_err(|error| error.to_string())) {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(message) => (StatusCode::SERVICE_UNAVAILABLE, message).into_response(),
    }
}
