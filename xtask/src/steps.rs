//! Visible progress: a line when a step starts, one when it ends, and the list of times at the end.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// The steps taken so far and the time each took.
pub struct Steps {
    begun: Instant,
    taken: Vec<(String, Duration)>,
    /// True if others write to the terminal meanwhile, so that a line has to be written whole.
    beside_others: bool,
}

/// Steps to be taken in order, while other lanes take theirs.
pub type Lane<'a> = Box<dyn FnOnce(&mut Steps) -> Result<()> + Send + 'a>;

impl Steps {
    /// None are taken yet.
    pub fn new() -> Steps {
        Steps { begun: Instant::now(), taken: Vec::new(), beside_others: false }
    }

    /// Takes a step that works silently: its end is written behind its name.
    pub fn quiet<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.beside_others {
            return self.loud(name, work);
        }
        print!("{name} … ");
        // Progress that cannot be shown is no reason to stop.
        let _ = std::io::stdout().flush();
        let (result, took) = timed(work);
        println!("{}", end(&result, took));
        self.taken.push((name.to_owned(), took));
        result
    }

    /// Takes a step whose commands write to the terminal themselves.
    pub fn loud<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("{name} …");
        let (result, took) = timed(work);
        println!("{name} … {}", end(&result, took));
        self.taken.push((name.to_owned(), took));
        result
    }

    /// Says that a step has nothing to do, or cannot be taken, and why.
    pub fn note(&mut self, name: &str, why: &str) {
        println!("{name} … {why}");
    }

    /// Takes the steps of several lanes at once: what waits for the network beside what waits for the processor.
    /// Every lane is gone through to its end or its first error; the first lane's error counts.
    pub fn lanes(&mut self, lanes: Vec<Lane<'_>>) -> Result<()> {
        let of_a_lane = || Steps { beside_others: true, ..Steps::new() };
        let ended: Vec<Result<(Steps, Result<()>)>> = std::thread::scope(|scope| {
            let run = |lane: Lane<'_>| {
                let mut steps = of_a_lane();
                let result = lane(&mut steps);
                (steps, result)
            };
            let threads: Vec<_> = lanes.into_iter().map(|lane| scope.spawn(move || run(lane))).collect();
            threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a step panicked"))).collect()
        });
        let mut all = Ok(());
        for lane in ended {
            let (steps, result) = lane?;
            self.taken.extend(steps.taken);
            all = all.and(result);
        }
        all
    }

    /// The time of every step, longest name first in width, and the time of all, less than their sum where some were
    /// taken at once.
    pub fn summary(&self) -> String {
        summary(&self.taken, self.begun.elapsed())
    }
}

fn summary(taken: &[(String, Duration)], all: Duration) -> String {
    let total = ("all".to_owned(), all);
    let rows = || taken.iter().chain([&total]);
    let width = rows().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows().map(|(name, took)| format!("{name:width$}  {:>8}\n", seconds(*took))).collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn end<T>(result: &Result<T>, took: Duration) -> String {
    let end = if result.is_ok() { "done in" } else { "failed after" };
    format!("{end} {}", seconds(took))
}

fn seconds(took: Duration) -> String {
    let whole = took.as_secs();
    match whole {
        0..10 => format!("{:.1} s", took.as_secs_f64()),
        10..120 => format!("{whole} s"),
        _ => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use anyhow::bail;

    use super::*;

    #[test]
    fn times_read_well() {
        for (milliseconds, expected) in
            [(40, "0.0 s"), (9_940, "9.9 s"), (92_300, "92 s"), (125_000, "2 min 05 s")]
        {
            assert_eq!(seconds(Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn the_summary_is_aligned_and_ends_with_the_time_of_all() {
        let taken =
            [("wasm".to_owned(), Duration::from_secs(3)), ("tests".to_owned(), Duration::from_secs(40))];
        let summary = summary(&taken, Duration::from_secs(41));
        assert_eq!(summary, "wasm      3.0 s\ntests      40 s\nall        41 s\n");
    }

    #[test]
    fn lanes_run_at_once_and_each_to_its_own_end() {
        let meeting = Barrier::new(2);
        let mut steps = Steps::new();
        let lanes: Vec<Lane<'_>> = vec![
            Box::new(|steps| {
                steps.quiet("first", || {
                    meeting.wait();
                    bail!("no network")
                })
            }),
            Box::new(|steps| {
                steps.quiet("second", || Ok(meeting.wait().is_leader()))?;
                steps.quiet("third", || Ok(()))
            }),
        ];
        assert_eq!(steps.lanes(lanes).unwrap_err().to_string(), "no network");
        let names: Vec<&str> = steps.taken.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["first", "second", "third"]);
    }
}
