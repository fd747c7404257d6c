//! What a request to the page's server is answered with: the frame, its files, the data as scripts, and events.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use tower_http::services::ServeFile;

use super::events::{self, LAST_EVENT_ID};
use super::source::{Asked, Source};
use crate::loopback::{Door, headers, relative};
use crate::page::{Assets, frame, script};

/// The page's policy: its own scripts, styles and data, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Everything that is served.
pub struct Site {
    /// Who is let in.
    pub door: Door,
    /// Where the data comes from.
    pub source: Source,
    /// The page's scripts and styles.
    pub assets: Assets,
}

/// Answers a request, if it is for us.
pub async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = site.door.path(&request).filter(|_| reads && site.door.is_for_us(request.headers()));
    let mut response = match path.map(str::to_owned) {
        Some(path) => site.at(&path, request).await,
        None => StatusCode::NOT_FOUND.into_response(),
    };
    response.headers_mut().extend(headers(POLICY));
    response
}

impl Site {
    async fn at(&self, path: &str, request: Request) -> Response {
        match path {
            "" | "index.html" => match frame(true) {
                Ok(page) => Html(page).into_response(),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
            },
            "data/sweep.js" => {
                script_of(self.source.get(&Asked::Sweep).await.map(|json| script::of_sweep(&json)))
            }
            "events" => self.events(request.headers()).await,
            path => match (path.strip_prefix("app/"), case_named(path)) {
                (Some(file), _) => self.file(file, request).await,
                (None, Some(name)) => {
                    let json = self.source.get(&Asked::Case(name.to_owned())).await;
                    script_of(json.map(|json| script::of_case(name, &json)))
                }
                (None, None) => StatusCode::NOT_FOUND.into_response(),
            },
        }
    }

    async fn events(&self, headers: &HeaderMap) -> Response {
        let again = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        if let Some(live) = self.source.live().await
            && let Some(response) = live.events(again.as_deref()).await
        {
            return response;
        }
        events::of_file(&self.source, again.is_some()).into_response()
    }

    async fn file(&self, path: &str, request: Request) -> Response {
        let file = relative(path).and_then(|path| self.assets.file(&path));
        let Some(file) = file else { return StatusCode::NOT_FOUND.into_response() };
        match ServeFile::new(file).try_call(request).await {
            Ok(response) => response.map(Body::new),
            Err(_) => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

/// The name of the case whose script a path asks for.
fn case_named(path: &str) -> Option<&str> {
    path.strip_prefix("data/case-")?.strip_suffix(".js")
}

/// A script with data, or with why there is none. The page shows either.
fn script_of(made: Result<String, String>) -> Response {
    let text = made.unwrap_or_else(|message| script::failed(&message));
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], text).into_response()
}
