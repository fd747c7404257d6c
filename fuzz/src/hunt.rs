//! Runs cases in a worker process, so that what takes all memory, all stack or all time costs one case: it is found,
//! kept in a file, and the hunt goes on behind it.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::corpus::Corpus;
use crate::load::{Stage, load};

/// A case that takes longer hangs.
const CASE_LIMIT: Duration = Duration::from_secs(10);
/// How a worker begins the line of a panic.
const PANIC: &str = "panic ";

/// The result of a hunt.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many files came how far.
    pub stages: BTreeMap<&'static str, u64>,
    /// How many ended badly, by what was said: each kind once in a file.
    pub findings: BTreeMap<String, (u64, PathBuf)>,
}

/// A hunt: what for, and where findings are kept.
pub struct Hunt<'a> {
    /// Where the cases come from.
    pub corpus: &'a Corpus,
    /// The seed they are drawn from.
    pub seed: u64,
    /// The folder for findings; made when there is one.
    pub keep: &'a Path,
    /// Starts a worker at the case of this number.
    pub worker: &'a dyn Fn(u64) -> Command,
}

impl Hunt<'_> {
    /// Hunts until then.
    ///
    /// # Errors
    /// A worker that does not start, a finding that cannot be kept.
    pub fn run(&self, until: Instant) -> io::Result<Tally> {
        let (mut tally, mut next) = (Tally::default(), 0);
        while Instant::now() < until {
            let mut worker = Worker::start((self.worker)(next))?;
            while let Some(ended) = worker.next(until) {
                let stage = Stage::ALL.iter().find(|stage| stage.name() == ended);
                match stage {
                    Some(stage) => *tally.stages.entry(stage.name()).or_default() += 1,
                    None => self.keep(&mut tally, next, &ended)?,
                }
                next += 1;
            }
            worker.stop();
        }
        Ok(tally)
    }

    fn keep(&self, tally: &mut Tally, number: u64, ended: &str) -> io::Result<()> {
        let findings = tally.findings.len();
        if let Some((count, _)) = tally.findings.get_mut(ended) {
            *count += 1;
            return Ok(());
        }
        std::fs::create_dir_all(self.keep)?;
        let path = self.keep.join(format!("{}-{number}.onnx", self.seed));
        std::fs::write(&path, self.corpus.case(self.seed, number).0)?;
        println!("finding {}: {ended}\n  kept as {}", findings + 1, path.display());
        tally.findings.insert(ended.to_owned(), (1, path));
        Ok(())
    }
}

/// A worker process and the lines it writes.
struct Worker {
    process: Child,
    lines: Receiver<String>,
    is_over: bool,
}

impl Worker {
    fn start(mut command: Command) -> io::Result<Worker> {
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (sender, lines) = mpsc::channel();
        if let Some(stdout) = process.stdout.take() {
            std::thread::spawn(move || {
                let lines = BufReader::new(stdout).lines().map_while(Result::ok);
                // Nobody listens any more once the worker is stopped.
                lines.take_while(|line| sender.send(line.clone()).is_ok()).count()
            });
        }
        Ok(Worker { process, lines, is_over: false })
    }

    /// How the next case ended; none when the time is up or the worker has to be replaced.
    fn next(&mut self, until: Instant) -> Option<String> {
        let left = until.saturating_duration_since(Instant::now());
        if self.is_over || left.is_zero() {
            return None;
        }
        match self.lines.recv_timeout(left.min(CASE_LIMIT)) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout) if left < CASE_LIMIT => None,
            Err(RecvTimeoutError::Timeout) => {
                self.is_over = true;
                Some(format!("hang: more than {} s", CASE_LIMIT.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.is_over = true;
                Some(self.last_words())
            }
        }
    }

    fn last_words(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut stderr) = self.process.stderr.take() {
            // What cannot be read was not said.
            let _ = stderr.read_to_string(&mut said);
        }
        let status = self.process.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let words = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        format!("death: {status} {words}")
    }

    fn stop(mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The words of the panic in hand, and where it was.
static SAID: Mutex<String> = Mutex::new(String::new());

/// Runs cases from `first` on, one line each, until nobody listens.
///
/// # Errors
/// When nobody does.
pub fn work(corpus: &Corpus, seed: u64, first: u64) -> io::Result<()> {
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut said) = SAID.lock() {
            *said = panic.to_string().replace('\n', " ");
        }
    }));
    let mut output = io::stdout().lock();
    for number in first.. {
        let (file, weights) = corpus.case(seed, number);
        match catch_unwind(AssertUnwindSafe(|| load(&file, weights))) {
            Ok(stage) => writeln!(output, "{}", stage.name())?,
            Err(_) => {
                let said = SAID.lock().map(|said| said.clone()).unwrap_or_default();
                writeln!(output, "{PANIC}{said}")?;
            }
        }
        output.flush()?;
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// A hunt whose workers are a shell script, for as long as it takes to run it a few times.
    fn hunt(name: &str, script: &str, limit: Duration) -> Tally {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/bad");
        let corpus = Corpus::read(Path::new(fixtures)).unwrap();
        let keep = std::env::temp_dir().join(format!("parallax-hunt-{name}-{}", std::process::id()));
        let worker = |_| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        let hunt = Hunt { corpus: &corpus, seed: 1, keep: &keep, worker: &worker };
        let tally = hunt.run(Instant::now() + limit).unwrap();
        assert!(tally.findings.values().all(|(_, path)| path.is_file()), "{:?}", tally.findings);
        // Nothing is kept where nothing is found.
        let _ = std::fs::remove_dir_all(&keep);
        tally
    }

    #[test]
    fn panics_and_deaths_are_found_and_the_hunt_goes_on() {
        let script =
            "echo planned; echo 'panic index out of bounds'; echo refused; echo overflow >&2; exit 3";
        let tally = hunt("findings", script, Duration::from_secs(1));
        let found: Vec<&str> = tally.findings.keys().map(String::as_str).collect();
        assert_eq!(found, ["death: exit status: 3 overflow", "panic index out of bounds"]);
        assert!(tally.stages["planned"] > 1 && tally.stages["refused"] > 1, "{:?}", tally.stages);
    }

    #[test]
    fn a_hunt_ends_in_time_though_a_worker_does_not() {
        let start = Instant::now();
        let tally = hunt("in-time", "echo parsed; exec sleep 60", Duration::from_millis(300));
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!((tally.stages["parsed"], tally.findings.len()), (1, 0));
    }
}
