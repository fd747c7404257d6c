//! A session in a runner's process: one job a line on its standard input, one outcome a line on its output.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use protocol::{Job, Outcome};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Split};
use tokio::process::ChildStdout;

use super::program::Program;
use super::{Observed, Opening, Session, elapsed_ms};
use crate::adapter::Launch;
use crate::fault::Fault;
use crate::process::guard::Guarded;
use crate::process::last_words::LastWords;

/// A running runner.
pub struct Runner {
    program: &'static Program,
    process: Guarded,
    outcomes: Split<BufReader<ChildStdout>>,
    last_words: LastWords,
    opening: Opening,
    facts: BTreeMap<String, String>,
}

impl Runner {
    /// Starts a program with an environment besides ours.
    ///
    /// # Errors
    /// `Unavailable` when it is not there.
    pub fn start(program: &'static Program, besides: &[(&'static str, String)]) -> Result<Runner, Fault> {
        let begun = Instant::now();
        let file = program.find()?;
        let environment: Vec<_> = besides.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut process = Guarded::spawn(&file, &[], &environment)
            .map_err(|error| program.unavailable(format!("cannot start {}: {error}", file.display())))?;
        let (Some(stdout), Some(stderr)) = (process.take_stdout(), process.take_stderr()) else {
            return Err(program.unavailable(format!("{} has no output", file.display())));
        };
        let last_words = LastWords::default();
        last_words.listen(stderr, None);
        let outcomes = BufReader::new(stdout).split(b'\n');
        let opening = Opening { driver_ms: elapsed_ms(begun), ..Opening::default() };
        Ok(Runner { program, process, outcomes, last_words, opening, facts: BTreeMap::new() })
    }

    /// Starts a program so that it computes on an adapter.
    ///
    /// # Errors
    /// Those of [`Runner::start`].
    pub fn launch(program: &'static Program, launch: &Launch) -> Result<Runner, Fault> {
        let runner = Runner::start(program, &launch.environment)?;
        Ok(Runner { facts: launch.facts().collect(), ..runner })
    }

    async fn ask(&mut self, job: &Job) -> Result<Outcome, Fault> {
        self.last_words.forget();
        let asked = self.send(job).await;
        while let (Ok(()), Ok(Some(line))) = (&asked, self.outcomes.next_segment().await) {
            match serde_json::from_slice::<Outcome>(&line) {
                Ok(outcome) if outcome.id == job.id => return Ok(outcome),
                // Libraries write to standard output too.
                Ok(_) | Err(_) => self.last_words.hear(&String::from_utf8_lossy(&line)),
            }
        }
        let ending = self.process.ended().await;
        Err(Fault::Crash { message: format!("{} {ending}{}", self.program.name, self.last_words) })
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

    fn opening(&self) -> Opening {
        self.opening
    }

    fn observed(&self) -> Observed {
        // All else that shapes a native number (threads, library versions) is in the runner's own report.
        Observed {
            facts: self.facts.clone(),
            memory_bytes: self.process.memory_bytes(),
            ..Observed::default()
        }
    }

    async fn close(self: Box<Self>) {
        self.process.stop().await;
    }
}
