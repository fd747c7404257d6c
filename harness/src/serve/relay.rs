//! Asks a sweep that runs for the data of its page. What it answers is taken for data alone, whoever answers.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use super::events::LAST_EVENT_ID;
use super::source::Asked;

/// How long a sweep may take to answer.
const LIMIT: Duration = Duration::from_secs(30);
/// A longer answer is none.
const MOST_BYTES: usize = 64 << 20;

/// Where a sweep that runs can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// On this machine.
    pub address: SocketAddr,
    /// The part of the path that nobody can guess.
    pub token: String,
}

/// The file that says where the sweep can be asked that runs into a database.
pub fn file_of(db: &Path) -> PathBuf {
    let mut file = db.as_os_str().to_owned();
    file.push(".live");
    file.into()
}

/// The sweep that runs into a database, as the file beside it says; it may have been left by one that was killed.
pub fn beside(db: &Path) -> Option<Address> {
    let file = file_of(db);
    if !is_private(&file) {
        return None;
    }
    let address: Address = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    address.address.ip().is_loopback().then_some(address)
}

/// Whether nobody but this user can have written a file.
#[cfg(unix)]
fn is_private(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let own = nix::unistd::geteuid().as_raw();
    fs::symlink_metadata(file)
        .is_ok_and(|file| file.is_file() && file.uid() == own && file.mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(file: &Path) -> bool {
    file.is_file()
}

impl Address {
    /// Whether somebody listens there: one that was killed leaves its file behind.
    pub async fn is_there(&self) -> bool {
        matches!(tokio::time::timeout(LIMIT, TcpStream::connect(self.address)).await, Ok(Ok(_)))
    }

    /// What was asked for as JSON, or why there is nothing; nothing at all where nobody answers.
    pub async fn get(&self, asked: &Asked) -> Option<Result<String, String>> {
        let path = match asked {
            Asked::Sweep => "sweep".to_owned(),
            Asked::Case(name) => format!("case/{name}"),
        };
        let answer = async {
            let response = self.ask(&path, None).await?;
            let status = response.status();
            let bytes = axum::body::to_bytes(response.into_body(), MOST_BYTES).await.ok()?;
            Some((status, String::from_utf8(bytes.into()).ok()?))
        };
        let (status, text) = tokio::time::timeout(LIMIT, answer).await.ok()??;
        let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        match status {
            StatusCode::OK if is_json => Some(Ok(text)),
            StatusCode::SERVICE_UNAVAILABLE => Some(Err(text)),
            _ => None,
        }
    }

    /// Its events, passed on as they come.
    pub async fn events(&self, last_event_id: Option<&str>) -> Option<Response> {
        let response = tokio::time::timeout(LIMIT, self.ask("events", last_event_id)).await.ok()??;
        let (head, body) = response.into_parts();
        let mut response = Response::new(body);
        let kind = head.headers.get(header::CONTENT_TYPE).filter(|_| head.status == StatusCode::OK)?;
        response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
        kind.as_bytes().starts_with(b"text/event-stream").then_some(response)
    }

    async fn ask(&self, path: &str, last_event_id: Option<&str>) -> Option<Response> {
        let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
        let mut request = Request::get(format!("http://{}/{}/{path}", self.address, self.token));
        if let Some(id) = last_event_id {
            request = request.header(LAST_EVENT_ID, id);
        }
        let response = client.request(request.body(Body::empty()).ok()?).await.ok()?;
        Some(response.map(Body::new))
    }
}
