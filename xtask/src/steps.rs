//! Visible progress: one line when a step starts, one when it ends, and the list of times at the end.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The steps taken so far and the time each took.
#[derive(Default)]
pub struct Steps {
    taken: Vec<(String, Duration)>,
}

impl Steps {
    /// Takes a step that works silently: its end is written behind its name.
    pub fn quiet<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        print!("{name} … ");
        // Progress that cannot be shown is no reason to stop.
        let _ = std::io::stdout().flush();
        let (result, took) = timed(work);
        match &result {
            Ok(_) => println!("done in {}", seconds(took)),
            Err(_) => println!("failed after {}", seconds(took)),
        }
        self.taken.push((name.to_owned(), took));
        result
    }

    /// Takes a step whose commands write to the terminal themselves.
    pub fn loud<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("{name} …");
        let (result, took) = timed(work);
        let end = if result.is_ok() { "done in" } else { "failed after" };
        println!("{name} … {end} {}", seconds(took));
        self.taken.push((name.to_owned(), took));
        result
    }

    /// Says that a step has nothing to do, or cannot be taken, and why.
    pub fn note(&mut self, name: &str, why: &str) {
        println!("{name} … {why}");
    }

    /// The time of every step, longest name first in width, and their sum.
    pub fn summary(&self) -> String {
        let total = ("all".to_owned(), self.taken.iter().map(|(_, took)| *took).sum());
        let rows = || self.taken.iter().chain([&total]);
        let width = rows().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        rows().map(|(name, took)| format!("{name:width$}  {:>8}\n", seconds(*took))).collect()
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
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
    fn the_summary_is_aligned_and_ends_with_the_sum() {
        let taken =
            vec![("wasm".to_owned(), Duration::from_secs(3)), ("tests".to_owned(), Duration::from_secs(40))];
        assert_eq!(Steps { taken }.summary(), "wasm      3.0 s\ntests      40 s\nall        43 s\n");
    }
}
