//! A virtual display, for browsers that cannot do without one.

use std::env;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::session::Fault;
use crate::session::guard::Guarded;
use crate::session::last_words::LastWords;

/// How long the server may take to open a display.
const START_LIMIT: Duration = Duration::from_secs(20);
/// It takes the first free display and writes its number.
const ARGUMENTS: [&str; 5] = ["-displayfd", "1", "-screen", "0", "1280x1024x24"];

/// A running X server that shows nothing to anyone.
pub struct Display {
    /// What `DISPLAY` is to be: `:1`.
    pub name: String,
    server: Guarded,
}

impl Display {
    /// Starts one where this process has no display itself.
    ///
    /// # Errors
    /// `Unavailable` where there is no program for it, or it opens none.
    pub async fn unless_there_is_one(browser: &str) -> Result<Option<Display>, Fault> {
        let is_set = |name: &&str| env::var_os(name).is_some_and(|display| !display.is_empty());
        if ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set) {
            return Ok(None);
        }
        let missing = |reason: String| Fault::Unavailable {
            reason: format!("{browser}: it needs a display, here is none, and Xvfb {reason}"),
            remedy: "run `cargo xtask setup`, or install Xvfb (Debian: apt install xvfb)".to_owned(),
        };
        let mut server = Guarded::spawn(Path::new("Xvfb"), &ARGUMENTS, &[])
            .map_err(|error| missing(format!("cannot be started: {error}")))?;
        let last_words = LastWords::default();
        let (lines, mut said) = mpsc::unbounded_channel();
        if let Some(stdout) = server.take_stdout() {
            last_words.listen(stdout, Some(lines));
        }
        if let Some(stderr) = server.take_stderr() {
            last_words.listen(stderr, None);
        }
        match tokio::time::timeout(START_LIMIT, said.recv()).await {
            Ok(Some(number)) => Ok(Some(Display { name: format!(":{}", number.trim()), server })),
            Ok(None) => {
                let ending = server.ended().await;
                Err(missing(format!("{ending}{last_words}")))
            }
            Err(_) => Err(missing(format!("opened none in {} s{last_words}", START_LIMIT.as_secs()))),
        }
    }

    /// Ends it.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}
