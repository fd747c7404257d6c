//! Starts a WebDriver server on a port of its own choice and ends it with every browser it started.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use protocol::cache::is_bundled;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::BrowserEntry;
use super::table::{BuiltIn, Listens};
use crate::fault::Fault;
use crate::loopback::Serving;
use crate::page_server::PageServer;
use crate::process::display::Display;
use crate::process::guard::Guarded;
use crate::process::last_words::LastWords;
use crate::process::network::Network;

/// How long a driver may take to listen.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How often one that says nothing is knocked at.
const KNOCK_INTERVAL: Duration = Duration::from_millis(20);

/// A running WebDriver server.
pub struct Driver {
    /// Its address.
    pub url: String,
    last_words: LastWords,
    process: Guarded,
    display: Option<Display>,
    _page: Option<Serving>,
}

impl Driver {
    /// Starts the browser's driver at `program` with an environment besides ours, and a display where it needs one, and waits
    /// until it listens. In the driver's own network, where it gets one, the page is served too.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be started, `Crash` when it ends, `Timeout` when it never listens.
    pub async fn start(
        entry: &BrowserEntry,
        program: &Path,
        pages: &PageServer,
        besides: &[(&'static str, String)],
    ) -> Result<Driver, Fault> {
        let (browser, &BuiltIn { listens, driver_arguments, needs_display, .. }) = (&entry.name, entry.base);
        let unavailable = |error: std::io::Error| Fault::Unavailable {
            reason: format!("{browser}: cannot start {}: {error}", program.display()),
            remedy: "check that the driver may be executed".to_owned(),
        };
        let display = match needs_display {
            true => Display::unless_there_is_one(browser).await?,
            false => None,
        };
        let chosen = match listens {
            Listens::OnAPortItPrints => 0,
            Listens::OnThePortGiven => free_port().map_err(|error| Fault::Unavailable {
                reason: format!("{browser}: no port of this machine is free: {error}"),
                remedy: "close what holds so many connections".to_owned(),
            })?,
        };
        let port = format!("--port={chosen}");
        let arguments: Vec<&str> =
            [port.as_str()].into_iter().chain(driver_arguments.iter().copied()).collect();
        let libraries = libraries_beside(program);
        let mut environment = display.as_ref().map(Display::environment).unwrap_or_default();
        environment.extend(libraries.as_deref().map(|folders| ("LD_LIBRARY_PATH", folders)));
        environment.extend(besides.iter().map(|(name, value)| (*name, value.as_str())));
        let mut process =
            Guarded::spawn_driver(program, &arguments, &environment).await.map_err(unavailable)?;
        let network = process.network().cloned();
        let page = match &network {
            Some(network) => {
                let inside = network.listen(pages.port()).await;
                Some(pages.serve_at(inside.map_err(|error| Fault::Crash {
                    message: format!("{browser}: the page cannot be served in its driver's network: {error}"),
                })?))
            }
            None => None,
        };
        let last_words = LastWords::default();
        let (lines, mut said) = mpsc::unbounded_channel();
        if let Some(stdout) = process.take_stdout() {
            last_words.listen(stdout, Some(lines.clone()));
        }
        if let Some(stderr) = process.take_stderr() {
            last_words.listen(stderr, Some(lines));
        }
        let listening = async {
            match listens {
                Listens::OnAPortItPrints => printed_port(&mut said).await,
                Listens::OnThePortGiven => tokio::select! {
                    () = silence(&mut said) => None,
                    () = answers(chosen, network.as_ref()) => {
                        // Somebody else may have taken the port, and then the driver ends at once.
                        let ends = tokio::time::timeout(KNOCK_INTERVAL * 5, silence(&mut said));
                        ends.await.is_err().then_some(chosen)
                    }
                },
            }
        };
        match tokio::time::timeout(START_LIMIT, listening).await {
            Ok(Some(port)) => {
                // Nobody wants to read its greeting when it dies.
                last_words.forget();
                let url = format!("http://127.0.0.1:{port}");
                Ok(Driver { url, last_words, process, display, _page: page })
            }
            Ok(None) => {
                let ending = process.ended().await;
                let message =
                    format!("{browser}: {} {ending} before it listened{last_words}", program.display());
                Err(Fault::Crash { message })
            }
            Err(_) => Err(Fault::Timeout { limit: START_LIMIT }),
        }
    }

    /// A job begins: what it and its browser said before has nothing to do with how they end.
    pub fn begin_job(&self) {
        self.last_words.forget();
    }

    /// Waits for a driver that is about to end, and says how it did and what it or its browser said last.
    pub async fn ended(&mut self) -> String {
        let ending = self.process.ended().await;
        format!("{ending}{}", self.last_words)
    }

    /// The network in which its address counts, where that is not this machine's.
    pub fn network(&self) -> Option<&Network> {
        self.process.network()
    }

    /// Resident memory of the driver, its browsers and everything these started, in bytes.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.process.memory_bytes()
    }

    /// Those of the `known` libraries that the driver, its browsers or what these started have loaded.
    pub fn loaded(&self, known: &BTreeSet<String>) -> BTreeSet<String> {
        self.process.loaded(known)
    }

    /// Ends the driver, its browsers and everything these started.
    pub async fn stop(self) {
        self.process.stop().await;
        if let Some(display) = self.display {
            display.stop().await;
        }
    }
}

/// A port that nobody listens on now.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Waits until somebody listens on `port`.
async fn answers(port: u16, network: Option<&Network>) {
    let knock = async || match network {
        Some(network) => network.connect(port).await,
        None => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await,
    };
    while knock().await.is_err() {
        tokio::time::sleep(KNOCK_INTERVAL).await;
    }
}

/// Waits until a process has closed all that it speaks through.
async fn silence(said: &mut mpsc::UnboundedReceiver<String>) {
    while said.recv().await.is_some() {}
}

/// Where a bundled driver, and the browser that it starts, find the libraries that servers lack.
fn libraries_beside(program: &Path) -> Option<String> {
    let folder = program.parent().filter(|_| is_bundled(program)).map(|folder| folder.join("lib"))?;
    let others = std::env::var("LD_LIBRARY_PATH").ok().filter(|others| !others.is_empty());
    let folders = std::iter::once(folder.display().to_string()).chain(others);
    Some(folders.collect::<Vec<_>>().join(":"))
}

async fn printed_port(said: &mut mpsc::UnboundedReceiver<String>) -> Option<u16> {
    while let Some(line) = said.recv().await {
        if let Some(port) = port_in(&line) {
            return Some(port);
        }
    }
    None
}

/// The port in the line with which a driver says that it listens: `... on port 4444.` (chromedriver,
/// msedgedriver), `Listening on 127.0.0.1:4444` (geckodriver).
fn port_in(line: &str) -> Option<u16> {
    let after = ["successfully on port ", "Listening on 127.0.0.1:"].iter().find_map(|mark| {
        let (_, after) = line.split_once(mark)?;
        Some(after)
    })?;
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok().filter(|&port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_what_each_driver_says() {
        // Lines of chromedriver 156, msedgedriver and geckodriver 0.37.
        for (line, expected) in [
            ("Starting ChromeDriver 156.0.8078.79 (a21ce95) on port 0", None),
            ("ChromeDriver was started successfully on port 36803.", Some(36803)),
            ("Microsoft Edge WebDriver was started successfully on port 9515.", Some(9515)),
            ("1795218057260\tgeckodriver\tINFO\tListening on 127.0.0.1:39045", Some(39045)),
            ("", None),
        ] {
            assert_eq!(port_in(line), expected, "{line}");
        }
    }
}
