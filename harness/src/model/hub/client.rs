//! Speaks with a hub and believes it nothing: names and sizes are checked, contents are hashed, and the token goes to the
//! hub's own address alone. No header becomes a path.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::{Agent, Body};

use crate::digest::hexadecimal;
use crate::screen::shown;

/// How often a hub may send us elsewhere.
const REDIRECTS: usize = 8;
/// How long a hub may take to begin to answer, and to go on.
const PATIENCE: Duration = Duration::from_secs(60);
/// A repository whose list of files is longer is none.
const LARGEST_LISTING_BYTES: u64 = 64 << 20;
/// Bytes of a file in hand at once.
const PIECE_BYTES: usize = 1 << 16;
/// Characters to escape in a URL's path segment: all but the unreserved ones (RFC 3986, "unreserved").
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A hub, as one who may be logged in there sees it.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    endpoint: String,
    token: Option<String>,
}

/// A repository at one commit, as a hub tells of it. Nothing of it is checked yet.
#[derive(Debug, Deserialize)]
pub struct Listing {
    /// The commit.
    #[serde(rename = "sha")]
    pub commit: String,
    /// Its files.
    #[serde(rename = "siblings")]
    pub files: Vec<Listed>,
}

/// A file, as a hub tells of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// Its path in the repository.
    #[serde(rename = "rfilename")]
    pub name: String,
    /// How long it is, in bytes.
    #[serde(default)]
    pub size: Option<u64>,
    /// More about a large one.
    #[serde(default)]
    pub lfs: Option<Large>,
}

/// A large file, as a hub tells of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Large {
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// Why a hub did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It answers, and does not want to.
    #[error("status {0}")]
    Status(u16),
    /// It does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// It answers otherwise than hubs do.
    #[error("{0}")]
    Strange(String),
    /// The file that came is not what it said would.
    #[error("{0}")]
    Spoilt(String),
    /// It cannot be kept here.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

impl Client {
    /// The hub at `endpoint`, an address without a slash at its end.
    pub fn new(endpoint: String, token: Option<String>) -> Client {
        let config = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE));
        Client { agent: config.build().into(), endpoint, token }
    }

    /// Returns what `owner/repository` holds at a revision.
    ///
    /// # Errors
    /// When the hub does not say.
    pub fn listing(&self, repo: &str, revision: &str) -> Result<Listing, Failure> {
        let url = format!("{}/api/models/{repo}/revision/{revision}?blobs=true", self.endpoint);
        let mut answer = self.get(url, 0)?;
        let text = answer.body_mut().with_config().limit(LARGEST_LISTING_BYTES).read_to_string();
        let text = text.map_err(|error| Failure::Unreachable(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| Failure::Strange(format!("its list of files: {error}")))
    }

    /// Fetches a file of a commit into the file at `to`, goes on where that ends, and gives its SHA-256.
    ///
    /// # Errors
    /// When the hub does not give it, or it is not as long or not the one that the hub listed; one that was cut short is
    /// left for the next time.
    pub fn download(&self, repo: &str, commit: &str, file: &Listed, to: &Path) -> Result<String, Failure> {
        let mut part = OpenOptions::new().create(true).read(true).append(true).open(to)?;
        // Another process of ours may be fetching the same.
        part.lock()?;
        let mut hasher = Sha256::new();
        let mut have = io::copy(&mut part, &mut hasher)?;
        let mut wanted = file.size;
        if wanted.is_none_or(|wanted| have != wanted) {
            let path: Vec<String> = file.name.split('/').map(escaped).collect();
            let url = format!("{}/{repo}/resolve/{commit}/{}", self.endpoint, path.join("/"));
            let mut answer = self.get(url, have)?;
            if first_byte(&answer) != have {
                part.set_len(0)?;
                part.rewind()?;
                (have, hasher) = (0, Sha256::new());
            }
            wanted = wanted.or_else(|| length(&answer, have));
            let most = wanted.map_or(u64::MAX, |wanted| (wanted + 1).saturating_sub(have));
            let mut body = answer.body_mut().as_reader().take(most);
            have += pour(&mut body, &mut part, &mut hasher, bar(file, have, wanted))?;
        }
        let digest = hexadecimal(&hasher.finalize());
        match complaint(file, have, wanted, &digest) {
            None => Ok(digest),
            Some(complaint) => {
                if wanted.is_none_or(|wanted| have >= wanted) {
                    part.set_len(0)?;
                }
                Err(Failure::Spoilt(complaint))
            }
        }
    }

    /// Asks for what is at `url`, from some byte on, wherever that sends us.
    fn get(&self, mut url: String, from_byte: u64) -> Result<Response<Body>, Failure> {
        for _ in 0..REDIRECTS {
            let mut request = self.agent.get(&url);
            if let Some(token) = self.token.as_ref().filter(|_| origin(&url) == origin(&self.endpoint)) {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            if from_byte > 0 {
                request = request.header(header::RANGE, format!("bytes={from_byte}-"));
            }
            let answer = request.call().map_err(|error| Failure::Unreachable(error.to_string()))?;
            match answer.status() {
                StatusCode::OK | StatusCode::PARTIAL_CONTENT => return Ok(answer),
                status if status.is_redirection() => url = redirected(&url, answer.headers())?,
                status => return Err(Failure::Status(status.as_u16())),
            }
        }
        Err(Failure::Strange(format!("it sends us on and on, last to {}", shown(&url))))
    }
}

/// Scheme, host and port of an address, as they are written.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |end| &url[..host + end])
}

/// Where an answer sends us; never from a safe connection to an open one.
fn redirected(from: &str, headers: &HeaderMap) -> Result<String, Failure> {
    let place = headers.get(header::LOCATION).and_then(|place| place.to_str().ok()).unwrap_or_default();
    let is_safe = |url: &str| url.starts_with("https://");
    let is_open = |url: &str| url.starts_with("http://");
    match place {
        path if path.starts_with('/') && !path.starts_with("//") => Ok(format!("{}{path}", origin(from))),
        url if is_safe(url) || (is_open(url) && is_open(from)) => Ok(url.to_owned()),
        other => Err(Failure::Strange(format!("it sends us to {:?}", other))),
    }
}

fn escaped(segment: &str) -> String {
    utf8_percent_encode(segment, ESCAPED).to_string()
}

/// The first byte that an answer holds: `bytes 5-59/60` begins with 5 (RFC 9110, 14.4).
fn first_byte(answer: &Response<Body>) -> u64 {
    let part = (answer.status() == StatusCode::PARTIAL_CONTENT).then(|| range(answer)).flatten();
    part.and_then(|(part, _)| part.split_once('-')?.0.parse().ok()).unwrap_or(0)
}

/// How long the whole file is, as an answer says that holds it from byte `have` on.
fn length(answer: &Response<Body>, have: u64) -> Option<u64> {
    let rest = || answer.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok();
    let whole = range(answer).and_then(|(_, whole)| whole.parse().ok());
    whole.or_else(|| rest()?.checked_add(have))
}

/// Which part of the file an answer holds, and how long the whole is.
fn range(answer: &Response<Body>) -> Option<(&str, &str)> {
    let range = answer.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('/')
}

fn bar(file: &Listed, have: u64, wanted: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::new(wanted.unwrap_or(0)).with_message(shown(&file.name));
    bar.set_position(have);
    bar
}

/// Copies what comes into a file and its hash, and gives how much it was.
fn pour(from: &mut impl Read, to: &mut File, hasher: &mut Sha256, bar: ProgressBar) -> Result<u64, Failure> {
    let (mut piece, mut count) = (vec![0; PIECE_BYTES], 0);
    loop {
        // One that breaks off is too short, and told as that.
        let length = match from.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(length) => length,
        };
        to.write_all(&piece[..length])?;
        hasher.update(&piece[..length]);
        count += length as u64;
        bar.set_position(bar.position() + length as u64);
    }
    bar.finish_and_clear();
    Ok(count)
}

/// Returns what is wrong with a file that came, if anything is.
fn complaint(file: &Listed, have: u64, wanted: Option<u64>, digest: &str) -> Option<String> {
    let name = &file.name;
    if let Some(wanted) = wanted.filter(|wanted| have != *wanted) {
        let came = if have > wanted { "more".to_owned() } else { have.to_string() };
        return Some(format!("{name} has {wanted} bytes, and {came} came"));
    }
    let listed = file.lfs.as_ref().map(|large| large.sha256.to_ascii_lowercase());
    let other = listed.filter(|listed| listed != digest)?;
    Some(format!("{name} is listed with the SHA-256 {other}, and what came has {digest}"))
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;

    #[test]
    fn an_origin_is_all_before_the_path() {
        for (url, expected) in [
            ("https://hub.example/a/b?c", "https://hub.example"),
            ("https://hub.example", "https://hub.example"),
            ("http://hub.example:81/a", "http://hub.example:81"),
            ("https://hub.example@evil.example/a", "https://hub.example@evil.example"),
            ("https://hub.example?@evil.example/a", "https://hub.example?@evil.example"),
            ("https://hub.example.evil/a", "https://hub.example.evil"),
        ] {
            assert_eq!(origin(url), expected, "{url}");
        }
    }

    #[test]
    fn a_redirect_leads_on_but_not_out_of_a_safe_connection() {
        for (from, place, expected) in [
            ("https://hub/a", "/b?c=d", Some("https://hub/b?c=d")),
            ("https://hub/a", "https://files.example/x", Some("https://files.example/x")),
            ("http://127.0.0.1:8/a", "http://127.0.0.1:9/x", Some("http://127.0.0.1:9/x")),
            ("https://hub/a", "http://hub/a", None),
            ("https://hub/a", "//evil.example/a", None),
            ("https://hub/a", "file:///etc/passwd", None),
            ("https://hub/a", "", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, HeaderValue::from_str(place).unwrap());
            assert_eq!(redirected(from, &headers).ok().as_deref(), expected, "{from} to {place:?}");
        }
    }

    #[test]
    fn names_are_escaped_segment_by_segment() {
        assert_eq!(escaped("gr aph #1?é%20.onnx"), "gr%20aph%20%231%3F%C3%A9%2520.onnx");
    }
}
