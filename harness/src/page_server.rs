//! Serves the page and the chosen models on loopback, below a path nobody can guess, and nothing else; takes what the
//! page posts, where it was asked to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio::net::TcpListener;
use tower_http::services::ServeFile;

use crate::error::Error;
use crate::fault::Fault;
use crate::loopback::{self, Door, LIMITS, Limits, Serving, headers, listen, relative};
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

/// A running page server; it ends when dropped.
pub struct PageServer {
    url: String,
    port: u16,
    www: PathBuf,
    served: Arc<Served>,
    limits: Limits,
    _serving: Option<Serving>,
}

/// The folders that are served: each by the path below which it appears, the page's own by the empty one.
struct Served {
    door: Door,
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
        let no_port = |error: std::io::Error| failed(error.to_string(), "a port on 127.0.0.1 has to be free");
        let (listener, address) = listen(0).await.map_err(no_port)?;
        let door = Door::at(address)
            .map_err(|error| failed(error.to_string(), "the system has to provide random numbers"))?;
        let url = door.url();
        let served = Arc::new(Served { door, mounts: RwLock::default(), deposits: RwLock::default() });
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
        loopback::serve(listener, router, self.limits)
    }

    /// Returns the token that nobody else may learn, with which its address is reached.
    pub fn secret(&self) -> &str {
        &self.served.door.token
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

async fn answer(State(served): State<Arc<Served>>, request: Request) -> Response {
    let mut response = match (served.file(&request), served.deposit(&request)) {
        (Some(path), _) => serve(&path, request).await,
        (None, Some(path)) => keep(&path, request).await,
        (None, None) => StatusCode::NOT_FOUND.into_response(),
    };
    response.headers_mut().extend(headers(POLICY));
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
        if *request.method() != Method::POST || !self.door.is_for_us(request.headers()) {
            return None;
        }
        let (name, file) = self.door.path(request)?.strip_prefix(DEPOSITS)?.split_once('/')?;
        let deposits = self.deposits.read().unwrap_or_else(PoisonError::into_inner);
        let is_plain = !file.is_empty() && !file.contains('/');
        deposits.get(name).filter(|_| is_plain).and_then(|folder| Some(folder.join(relative(file)?)))
    }

    /// The file that a request may read.
    fn file(&self, request: &Request) -> Option<PathBuf> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if !reads || !self.door.is_for_us(request.headers()) {
            return None;
        }
        let (folder, rest) = self.folder(self.door.path(request)?)?;
        let file = folder.join(relative(rest)?).canonicalize().ok()?;
        // A link may lead anywhere: what counts is where it ends.
        (file.starts_with(&folder) && file.is_file()).then_some(file)
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

#[cfg(test)]
mod tests;
