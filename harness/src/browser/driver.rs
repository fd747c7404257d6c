//! Starts a WebDriver server on a port of its own choice and ends it with every browser it started.

use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::session::Fault;
use crate::session::guard::Guarded;
use crate::session::last_words::LastWords;

/// How long a driver may take to listen.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running WebDriver server.
pub struct Driver {
    /// Its address.
    pub url: String,
    last_words: LastWords,
    process: Guarded,
}

impl Driver {
    /// Starts the driver of `browser` at `program` and waits until it listens.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be started, `Crash` when it ends, `Timeout` when it never listens.
    pub async fn start(browser: &str, program: &Path, arguments: &[&str]) -> Result<Driver, Fault> {
        let mut process = Guarded::spawn(program, arguments).map_err(|error| Fault::Unavailable {
            reason: format!("{browser}: cannot start {}: {error}", program.display()),
            remedy: "check that the driver may be executed".to_owned(),
        })?;
        let last_words = LastWords::default();
        let (lines, mut said) = mpsc::unbounded_channel();
        if let Some(stdout) = process.take_stdout() {
            last_words.listen(stdout, Some(lines.clone()));
        }
        if let Some(stderr) = process.take_stderr() {
            last_words.listen(stderr, Some(lines));
        }
        let port = tokio::time::timeout(START_LIMIT, async {
            while let Some(line) = said.recv().await {
                if let Some(port) = port_in(&line) {
                    return Some(port);
                }
            }
            None
        });
        match port.await {
            Ok(Some(port)) => Ok(Driver { url: format!("http://127.0.0.1:{port}"), last_words, process }),
            Ok(None) => {
                let ending = process.ended().await;
                let message =
                    format!("{browser}: {} {ending} before it listened{last_words}", program.display());
                Err(Fault::Crash { message })
            }
            Err(_) => Err(Fault::Timeout { limit: START_LIMIT }),
        }
    }

    /// Waits for a driver that is about to end, and says how it did and what it or its browser said last.
    pub async fn ended(&mut self) -> String {
        let ending = self.process.ended().await;
        format!("{ending}{}", self.last_words)
    }

    /// Resident memory of the driver, its browsers and everything these started, in bytes.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.process.memory_bytes()
    }

    /// Ends the driver, its browsers and everything these started.
    pub async fn stop(self) {
        self.process.stop().await;
    }
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
