//! A session in a native-runner process: one job a line on its standard input, one outcome a line on its output.

use std::collections::BTreeMap;
use std::env::{self, consts::EXE_SUFFIX};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use protocol::{Job, Outcome};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Split};
use tokio::process::ChildStdout;

use super::guard::Guarded;
use super::last_words::LastWords;
use super::{Fault, Session};

/// Names another native-runner than the one beside this program.
const OVERRIDE: &str = "PARALLAX_NATIVE_RUNNER";

/// A running native-runner.
pub struct Runner {
    process: Guarded,
    outcomes: Split<BufReader<ChildStdout>>,
    last_words: LastWords,
}

impl Runner {
    /// Starts a native-runner.
    ///
    /// # Errors
    /// `Unavailable` when there is none.
    pub fn start() -> Result<Runner, Fault> {
        let program = find()?;
        let unavailable = |reason: String| Fault::Unavailable { reason, remedy: remedy() };
        let mut process = Guarded::spawn(&program, &[], &[])
            .map_err(|error| unavailable(format!("cannot start {}: {error}", program.display())))?;
        let (Some(stdout), Some(stderr)) = (process.take_stdout(), process.take_stderr()) else {
            return Err(unavailable(format!("{} has no output", program.display())));
        };
        let last_words = LastWords::default();
        last_words.listen(stderr, None);
        Ok(Runner { process, outcomes: BufReader::new(stdout).split(b'\n'), last_words })
    }

    async fn ask(&mut self, job: &Job) -> Result<Outcome, Fault> {
        let asked = self.send(job).await;
        while let (Ok(()), Ok(Some(line))) = (&asked, self.outcomes.next_segment().await) {
            match serde_json::from_slice::<Outcome>(&line) {
                Ok(outcome) if outcome.id == job.id => return Ok(outcome),
                // Libraries write to standard output too.
                Ok(_) | Err(_) => self.last_words.hear(&String::from_utf8_lossy(&line)),
            }
        }
        let ending = self.process.ended().await;
        Err(Fault::Crash { message: format!("native-runner {ending}{}", self.last_words) })
    }

    async fn send(&mut self, job: &Job) -> io::Result<()> {
        let mut line = serde_json::to_vec(job)?;
        line.push(b'\n');
        let stdin = self.process.stdin().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(&line).await?;
        stdin.flush().await
    }
}

#[async_trait]
impl Session for Runner {
    async fn run(&mut self, job: &Job, limit: Duration) -> Result<Outcome, Fault> {
        tokio::time::timeout(limit, self.ask(job)).await.unwrap_or(Err(Fault::Timeout { limit }))
    }

    fn facts(&self) -> BTreeMap<String, String> {
        // All that shapes a native number (threads, library versions) is in the runner's own report.
        BTreeMap::new()
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.process.memory_bytes()
    }

    async fn close(self: Box<Self>) {
        self.process.stop().await;
    }
}

fn find() -> Result<PathBuf, Fault> {
    let chosen = env::var_os(OVERRIDE).map(PathBuf::from);
    let beside = || {
        let ourselves = env::current_exe().ok()?;
        Some(ourselves.parent()?.join(format!("native-runner{EXE_SUFFIX}")))
    };
    let path = chosen.or_else(beside).unwrap_or_else(|| Path::new("native-runner").to_owned());
    match path.is_file() {
        true => Ok(path),
        false => Err(Fault::Unavailable {
            reason: format!("there is no native-runner at {}", path.display()),
            remedy: remedy(),
        }),
    }
}

fn remedy() -> String {
    format!("run `cargo build --release -p native-runner`, or name one in {OVERRIDE}")
}
