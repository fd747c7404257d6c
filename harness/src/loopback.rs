//! A server for this machine's own user: loopback only, below a path nobody can guess, for the host it was asked by. What it
//! serves is not its business.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use percent_encoding::percent_decode_str;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

use crate::digest::hexadecimal;

/// Bounds on what one who connects may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a request's head may take to arrive, from the moment that one may.
    pub head: Duration,
    /// Connections at the same time; more wait until others end. A browser opens six.
    pub connections: usize,
}

/// The usual bounds.
pub const LIMITS: Limits = Limits { head: Duration::from_secs(15), connections: 64 };

/// The headers of every answer: isolation, so that a page gets its finest clock and shared memory, its policy, and no cache, so
/// that a cold load is cold.
pub const fn headers(policy: &'static str) -> [(HeaderName, HeaderValue); 6] {
    [
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("cross-origin-embedder-policy"), HeaderValue::from_static("require-corp")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]
}

/// What one has to know to be let in.
#[derive(Debug, Clone)]
pub struct Door {
    /// The address, as requests have to name it.
    pub host: String,
    /// The part of the path that nobody can guess.
    pub token: String,
}

impl Door {
    /// A door at an address, with a token of its own.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn at(address: SocketAddr) -> Result<Door, getrandom::Error> {
        let mut token = [0; 16];
        getrandom::fill(&mut token)?;
        Ok(Door { host: address.to_string(), token: hexadecimal(&token) })
    }

    /// The address behind the door, which ends in `/`.
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.host, self.token)
    }

    /// Returns what a request's path says below the part that nobody can guess.
    pub fn path<'a>(&self, request: &'a Request) -> Option<&'a str> {
        request.uri().path().strip_prefix('/')?.strip_prefix(&self.token)?.strip_prefix('/')
    }

    /// Another site can have its name point to loopback (DNS rebinding), but not change the name it asks for.
    pub fn is_for_us(&self, headers: &HeaderMap) -> bool {
        headers.get(header::HOST).is_some_and(|host| host.as_bytes() == self.host.as_bytes())
    }
}

/// Listens at a port of this machine alone; 0 is any that is free.
///
/// # Errors
/// When the port cannot be had.
pub async fn listen(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// A place where something is served for as long as this lives.
pub struct Serving(AbortHandle);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Serves what a router answers.
pub fn serve(listener: TcpListener, router: Router, limits: Limits) -> Serving {
    Serving(tokio::spawn(welcome(listener, router, limits)).abort_handle())
}

/// Serves for as long as the task lives, with the connections that it has.
async fn welcome(listener: TcpListener, router: Router, limits: Limits) {
    /// How long it waits when the system has no socket to spare.
    const BREATH: Duration = Duration::from_millis(100);
    let seats = Arc::new(Semaphore::new(limits.connections));
    let mut guests = JoinSet::new();
    while let Ok(seat) = Arc::clone(&seats).acquire_owned().await {
        while guests.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let router = router.clone();
        guests.spawn(async move {
            attend(stream, router, limits).await;
            drop(seat);
        });
    }
}

async fn attend(stream: TcpStream, router: Router, limits: Limits) {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.head);
    // What goes wrong with a connection is over with it.
    let _ = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
}

/// A URL's path as a relative path that stays below where it starts; the empty one is the page.
pub fn relative(path: &str) -> Option<PathBuf> {
    if path.is_empty() {
        return Some("index.html".into());
    }
    let mut relative = PathBuf::new();
    for segment in path.split('/') {
        let name = percent_decode_str(segment).decode_utf8().ok()?;
        let mut parts = Path::new(name.as_ref()).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name.as_ref());
        let leads_elsewhere = cfg!(windows) && name.contains(['\\', ':']);
        if !plain || leads_elsewhere || name.contains('\0') {
            return None;
        }
        relative.push(name.as_ref());
    }
    Some(relative)
}
