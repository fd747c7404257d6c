//! Serves the page and the chosen models on loopback, below a path nobody can guess, and nothing else.

use std::collections::BTreeMap;
use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::services::ServeFile;

use crate::error::Error;
use crate::model::hexadecimal;
use crate::session::Fault;

/// Names another folder than the checkout's `www`.
const WWW: &str = "PARALLAX_WWW";
/// Where onnxruntime-web is mounted.
const PEER: &str = "peer";
/// Without these there is no page.
const PAGE_FILES: [&str; 3] = ["index.html", "pkg/wasm_runtime.js", "pkg/wasm_runtime_bg.wasm"];

/// What every answer carries: isolation, so that the page gets its finest clock and shared memory, and no cache,
/// so that a cold load is cold.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-embedder-policy"), HeaderValue::from_static("require-corp")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// A running page server; it ends when dropped.
pub struct PageServer {
    url: String,
    www: PathBuf,
    site: Arc<Site>,
    task: JoinHandle<()>,
}

/// What is served: each folder by the path below which it appears, the page's own by the empty one.
struct Site {
    host: String,
    token: String,
    mounts: RwLock<BTreeMap<String, PathBuf>>,
}

impl PageServer {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<PageServer, Error> {
        let www = env::var_os(WWW)
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../www"), PathBuf::from);
        Self::start_with(&www).await
    }

    async fn start_with(www: &Path) -> Result<PageServer, Error> {
        let failed = |reason: String, remedy: &str| Error::PageServer { reason, remedy: remedy.to_owned() };
        let mut token = [0; 16];
        getrandom::fill(&mut token)
            .map_err(|error| failed(error.to_string(), "the system has to provide random numbers"))?;
        let no_port = |error: std::io::Error| failed(error.to_string(), "a port on 127.0.0.1 has to be free");
        let listener =
            TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.map_err(no_port)?;
        let host = listener.local_addr().map_err(no_port)?.to_string();
        let site = Arc::new(Site { token: hexadecimal(&token), host, mounts: RwLock::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&site));
        let task = tokio::spawn(async move {
            // It serves for as long as the task lives.
            let _ = axum::serve(listener, router).await;
        });
        let url = format!("http://{}/{}/", site.host, site.token);
        let server = PageServer { url, www: www.to_owned(), site, task };
        server.mount_at("", www);
        Ok(server)
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
    pub fn mount_peer(&self) -> Option<String> {
        let folder = protocol::cache::onnxruntime_web_dir();
        folder.is_dir().then(|| {
            self.mount_at(PEER, &folder);
            format!("{}{PEER}/", self.url)
        })
    }

    fn mount_at(&self, path: &str, folder: &Path) {
        // A folder that is gone has nothing to serve.
        let Ok(folder) = folder.canonicalize() else { return };
        let mut mounts = self.site.mounts.write().unwrap_or_else(PoisonError::into_inner);
        mounts.insert(path.to_owned(), folder);
    }
}

impl Drop for PageServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    let mut response = match site.file(&request) {
        Some(path) => serve(&path, request).await,
        None => StatusCode::NOT_FOUND.into_response(),
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

impl Site {
    /// The file that a request may read.
    fn file(&self, request: &Request) -> Option<PathBuf> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if !reads || !self.is_for_us(request.headers()) {
            return None;
        }
        let path = request.uri().path().strip_prefix('/')?.strip_prefix(&self.token)?.strip_prefix('/')?;
        let (folder, rest) = self.folder(path)?;
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
        if !plain || name.contains(['\\', ':', '\0']) {
            return None;
        }
        relative.push(name.as_ref());
    }
    Some(relative)
}

#[cfg(test)]
mod tests;
