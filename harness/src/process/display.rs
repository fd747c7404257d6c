//! A virtual display, for browsers that cannot do without one.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};

use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::fault::Fault;
use crate::process::guard::Guarded;
use crate::process::last_words::LastWords;
use crate::scratch;

/// How long the server may take to open a display.
const START_LIMIT: Duration = Duration::from_secs(20);
/// It takes the first free display and writes its number.
const ARGUMENTS: [&str; 5] = ["-displayfd", "1", "-screen", "0", "1280x1024x24"];
/// How the cookie is used (Xsecurity(7)).
const PROTOCOL: &[u8] = b"MIT-MAGIC-COOKIE-1";

/// A running X server that shows nothing to anyone, and takes only those for clients who know its cookie.
pub struct Display {
    name: String,
    cookie: Cookie,
    server: Guarded,
}

/// A file that holds the secret of a display.
struct Cookie {
    path: String,
    _folder: TempDir,
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
        let cookie = Cookie::bake().map_err(|error| missing(format!("has no cookie: {error}")))?;
        let arguments = [&ARGUMENTS[..], &["-auth", &cookie.path]].concat();
        let mut server = Guarded::spawn(Path::new("Xvfb"), &arguments, &[])
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
            Ok(Some(number)) => Ok(Some(Display { name: format!(":{}", number.trim()), cookie, server })),
            Ok(None) => {
                let ending = server.ended().await;
                Err(missing(format!("{ending}{last_words}")))
            }
            Err(_) => Err(missing(format!("opened none in {} s{last_words}", START_LIMIT.as_secs()))),
        }
    }

    /// Returns the variables that a client's environment has to hold.
    pub fn environment(&self) -> Vec<(&str, &str)> {
        vec![("DISPLAY", &self.name), ("XAUTHORITY", &self.cookie.path)]
    }

    /// Ends it.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl Cookie {
    fn bake() -> io::Result<Cookie> {
        let folder = scratch::folder()?;
        let path = folder.path().join("Xauthority");
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(|error| io::Error::other(error.to_string()))?;
        fs::write(&path, record(&secret))?;
        let path = path.into_os_string().into_string().map_err(|path| {
            io::Error::other(format!("the path of {} is no text", PathBuf::from(path).display()))
        })?;
        Ok(Cookie { path, _folder: folder })
    }
}

/// An entry of an Xauthority file (Xau's `AuFileWrite`): family, address, display, protocol and secret, each but the first
/// behind its length. It is for every address and display, since the server chooses its number itself.
fn record(secret: &[u8]) -> Vec<u8> {
    const ANY_FAMILY: [u8; 2] = [0xff, 0xff];
    let fields: [&[u8]; 4] = [b"", b"", PROTOCOL, secret];
    let long = |field: &[u8]| [&(field.len() as u16).to_be_bytes(), field].concat();
    [&ANY_FAMILY[..], &fields.map(long).concat()].concat()
}
