//! Loads sweeps into the store, and beside it through a plain appender, sweep by sweep, so that both meet the same machine.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use harness::store::Store;

use crate::generated::{CASES, Generated};
use crate::plain::Plain;

/// The file that says which runs questions are about.
const RUNS: &str = "runs.txt";

/// The runs that questions are about.
pub struct Runs {
    pub before_last: String,
    /// One whose cases took turns.
    pub in_turns: String,
}

impl Runs {
    /// Those of a database that was loaded.
    pub fn read(folder: &Path) -> Result<Runs, Box<dyn Error>> {
        let text = fs::read_to_string(folder.join(RUNS))?;
        match text.lines().collect::<Vec<_>>()[..] {
            [before_last, in_turns] => {
                Ok(Runs { before_last: before_last.to_owned(), in_turns: in_turns.to_owned() })
            }
            _ => Err(format!("{RUNS} does not name two runs; delete {}", folder.display()).into()),
        }
    }
}

/// Loads so many sweeps and prints how fast both ways are.
pub fn load(folder: &Path, runs: usize) -> Result<(), Box<dyn Error>> {
    let mut generated = Generated::new(runs)?;
    let mut store = Store::open(&folder.join(crate::DATABASE))?;
    let mut plain = Plain::open(&folder.join("plain.duckdb"))?;
    let (mut stored_s, mut plain_s, mut rows) = (0.0, 0.0, 0);
    let mut known = Vec::new();
    let mut in_turns = None;
    for _ in 0..runs {
        let sweep = generated.next_sweep();
        let begun = Instant::now();
        rows += plain.add(&sweep)?;
        plain_s += begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let run = sweep.add_to(&mut store)?;
        stored_s += begun.elapsed().as_secs_f64();
        if sweep.trials.iter().any(|trial| trial.round.is_some()) {
            in_turns = Some(run.to_string());
        }
        known.push(run.to_string());
    }
    // What is not in the file yet goes there as they close.
    let begun = Instant::now();
    drop(plain);
    plain_s += begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    store.check_rows()?;
    let checked_s = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    drop(store);
    stored_s += begun.elapsed().as_secs_f64();
    let before_last = known.iter().rev().nth(1).ok_or("a history takes two sweeps at least")?;
    let in_turns = in_turns.ok_or("no sweep took turns: load fifty at least")?;
    fs::write(folder.join(RUNS), format!("{before_last}\n{in_turns}\n"))?;
    println!("{} trials, {rows} rows        rows a second  trials a second", runs * CASES);
    for (name, seconds) in [("the store", stored_s), ("a plain appender", plain_s)] {
        println!("{name:32}  {:>13.0}  {:>15.0}", rows as f64 / seconds, (runs * CASES) as f64 / seconds);
    }
    println!("the store over the appender       {:>13.2}", plain_s / stored_s);
    println!("looking for rows amiss: {checked_s:.1} s; {:.0} MB at most", crate::questions::peak_mb()?);
    Ok(())
}
