//! Serves the page and the chosen models on loopback, below a path nobody can guess, and nothing else; takes what the
//! page posts, where it was asked to.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tower_http::services::ServeFile;

use crate::digest::hexadecimal;
use crate::error::Error;
use crate::fault::Fault;
use crate::www::{self, WWW};

/// Where the page may leave files.
const DEPOSITS: &str = "deposits/";
/// A posted file that is larger is refused.
const LARGEST_DEPOSIT_BYTES: usize = 1 << 30;
/// Where onnxruntime-web is mounted.
const ONNXRUNTIME_WEB: &str = "onnxruntime-web";
/// Without these there is no page.
const PAGE_FILES: [&str; 3] = ["index.html", "pkg/wasm_runtime.js", "pkg/wasm_runtime_bg.wasm"];

/// A page's policy: it may run its own scripts and WebAssembly, start workers, read and post here, and nothing else.
/// onnxruntime-web makes functions of its own text, so a text may become a script; it comes from here all the same.
const POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval'; worker-src 'self' blob:; \
                      connect-src 'self'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The headers of every answer: isolation, so that the page gets its finest clock and shared memory, a policy, and no
/// cache, so that a cold load is cold.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-embedder-policy"), HeaderValue::from_static("require-corp")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// Bounds on what one who connects may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// How long a request's head may take to arrive, from the moment that one may.
    head: Duration,
    /// Connections at the same time; more wait until others end. A browser opens six.
    connections: usize,
}

const LIMITS: Limits = Limits { head: Duration::from_secs(15), connections: 64 };

/// A running page server; it ends when dropped.
pub struct PageServer {
    url: String,
    port: u16,
    www: PathBuf,
    served: Arc<Served>,
    limits: Limits,
    _serving: Option<Serving>,
}

/// A place where the page is served for as long as this lives.
pub struct Serving(AbortHandle);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The folders that are served: each by the path below which it appears, the page's own by the empty one.
struct Served {
    host: String,
    token: String,
    mounts: RwLock<BTreeMap<String, PathBuf>>,
    /// The folders that files are left in, by name.
    deposits: RwLock<BTreeMap<String, PathBuf>>,
}

impl PageServer {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<PageServer, Error> {
        Self::start_with(&www::folder(), LIMITS).await
    }

    async fn start_with(www: &Path, limits: Limits) -> Result<PageServer, Error> {
        let failed = |reason: String, remedy: &str| Error::PageServer { reason, remedy: remedy.to_owned() };
        let mut token = [0; 16];
        getrandom::fill(&mut token)
            .map_err(|error| failed(error.to_string(), "the system has to provide random numbers"))?;
        let no_port = |error: std::io::Error| failed(error.to_string(), "a port on 127.0.0.1 has to be free");
        let listener =
            TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?;
        let served = Arc::new(Served {
            token: hexadecimal(&token),
            host: address.to_string(),
            mounts: RwLock::default(),
            deposits: RwLock::default(),
        });
        let url = format!("http://{}/{}/", served.host, served.token);
        let www = www.to_owned();
        let mut server = PageServer { url, port: address.port(), www, served, limits, _serving: None };
        server.mount_at("", &server.www);
        server._serving = Some(server.serve_at(listener));
        Ok(server)
    }

    /// The port in its address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Serves the same at another place too: the same address in another network.
    pub fn serve_at(&self, listener: TcpListener) -> Serving {
        let router = Router::new().fallback(answer).with_state(Arc::clone(&self.served));
        Serving(tokio::spawn(welcome(listener, router, self.limits)).abort_handle())
    }

    /// Returns the token that nobody else may learn, with which its address is reached.
    pub fn secret(&self) -> &str {
        &self.served.token
    }

    /// The page's address, which ends in `/`.
    ///
    /// # Errors
    /// `Unavailable` where the page was not built: native targets run without one.
    pub fn page(&self) -> Result<&str, Fault> {
        match PAGE_FILES.iter().find(|file| !self.www.join(file).is_file()) {
            None => Ok(&self.url),
            Some(file) => Err(Fault::Unavailable {
                reason: format!("the page's {file} is not in {}", self.www.display()),
                remedy: format!("run `cargo xtask setup`, or name the folder that holds it in {WWW}"),
            }),
        }
    }

    /// Serves the model in `folder` and gives its address, which ends in `/`.
    pub fn mount(&self, name: &str, folder: &Path) -> String {
        self.mount_at(&format!("models/{name}"), folder);
        format!("{}models/{}/", self.url, utf8_percent_encode(name, NON_ALPHANUMERIC))
    }

    /// Serves onnxruntime-web's files and gives their address, which ends in `/`; none where they were not fetched.
    pub fn mount_onnxruntime_web(&self) -> Option<String> {
        let folder = protocol::cache::onnxruntime_web_dir();
        folder.is_dir().then(|| {
            self.mount_at(ONNXRUNTIME_WEB, &folder);
            format!("{}{ONNXRUNTIME_WEB}/", self.url)
        })
    }

    /// Lets the page leave files in `folder`, and gives the address to post them to, which ends in `/`. A name holds
    /// letters only.
    pub fn receive(&self, name: &str, folder: &Path) -> String {
        let mut deposits = self.served.deposits.write().unwrap_or_else(PoisonError::into_inner);
        deposits.insert(name.to_owned(), folder.to_owned());
        format!("{}{DEPOSITS}{name}/", self.url)
    }

    fn mount_at(&self, path: &str, folder: &Path) {
        // A folder that is gone has nothing to serve.
        let Ok(folder) = folder.canonicalize() else { return };
        let mut mounts = self.served.mounts.write().unwrap_or_else(PoisonError::into_inner);
        mounts.insert(path.to_owned(), folder);
    }
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

async fn answer(State(served): State<Arc<Served>>, request: Request) -> Response {
    let mut response = match (served.file(&request), served.deposit(&request)) {
        (Some(path), _) => serve(&path, request).await,
        (None, Some(path)) => keep(&path, request).await,
        (None, None) => StatusCode::NOT_FOUND.into_response(),
    };
    response.headers_mut().extend(HEADERS);
    response
}

async fn serve(path: &Path, request: Request) -> Response {
    match ServeFile::new(path).try_call(request).await {
        Ok(response) => response.map(Body::new),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn keep(path: &Path, request: Request) -> Response {
    let Ok(bytes) = axum::body::to_bytes(request.into_body(), LARGEST_DEPOSIT_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    match tokio::fs::write(path, bytes).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => StatusCode::INSUFFICIENT_STORAGE.into_response(),
    }
}

impl Served {
    /// The file that a request may leave.
    fn deposit(&self, request: &Request) -> Option<PathBuf> {
        if *request.method() != Method::POST || !self.is_for_us(request.headers()) {
            return None;
        }
        let (name, file) = self.path(request)?.strip_prefix(DEPOSITS)?.split_once('/')?;
        let deposits = self.deposits.read().unwrap_or_else(PoisonError::into_inner);
        let is_plain = !file.is_empty() && !file.contains('/');
        deposits.get(name).filter(|_| is_plain).and_then(|folder| Some(folder.join(relative(file)?)))
    }

    /// Returns what a request's path says below the part that nobody can guess.
    fn path<'a>(&self, request: &'a Request) -> Option<&'a str> {
        request.uri().path().strip_prefix('/')?.strip_prefix(&self.token)?.strip_prefix('/')
    }

    /// The file that a request may read.
    fn file(&self, request: &Request) -> Option<PathBuf> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if !reads || !self.is_for_us(request.headers()) {
            return None;
        }
        let (folder, rest) = self.folder(self.path(request)?)?;
        let file = folder.join(relative(rest)?).canonicalize().ok()?;
        // A link may lead anywhere: what counts is where it ends.
        (file.starts_with(&folder) && file.is_file()).then_some(file)
    }

    /// Another site can have its name point to loopback (DNS rebinding), but not change the name it asks for.
    fn is_for_us(&self, headers: &HeaderMap) -> bool {
        headers.get(header::HOST).is_some_and(|host| host.as_bytes() == self.host.as_bytes())
    }

    /// The mounted folder that a path lies in, and the rest of the path.
    fn folder<'a>(&self, path: &'a str) -> Option<(PathBuf, &'a str)> {
        let mounts = self.mounts.read().unwrap_or_else(PoisonError::into_inner);
        let below = |segments: usize| {
            let end = path.match_indices('/').nth(segments.checked_sub(1)?)?.0;
            let mount = percent_decode_str(&path[..end]).decode_utf8().ok()?;
            Some((mounts.get(mount.as_ref())?.clone(), &path[end + 1..]))
        };
        below(2).or_else(|| below(1)).or_else(|| Some((mounts.get("")?.clone(), path)))
    }
}

/// A URL's path as a relative path that stays below where it starts; the empty one is the page.
fn relative(path: &str) -> Option<PathBuf> {
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

#[cfg(test)]
mod tests;
