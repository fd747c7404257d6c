//! A merge in a line for each source, and what there is of each sweep that was sharded.

use crate::number;
use crate::rows::merge::{Added, Merged, ShardedSweep};

/// The lines for the terminal.
pub fn render(merged: &Merged) -> String {
    let sources = merged.sources.iter().map(source);
    let sweeps = merged.sweeps.iter().flat_map(sweep);
    let made = if merged.made { "is new and holds" } else { "holds" };
    let last = format!("{} {made} all of it", merged.into);
    sources.chain(sweeps).chain([last]).collect::<Vec<_>>().join("\n")
}

fn source(added: &Added) -> String {
    let Added { path, runs, trials, rows, runs_completed, .. } = added;
    let there = match (runs.already_there, trials.already_there) {
        (0, 0) => String::new(),
        (runs, trials) => {
            format!("; {} and {} were there already", number::of(runs, "run"), number::of(trials, "trial"))
        }
    };
    let completed = match runs_completed {
        0 => String::new(),
        count => format!("; {} that had not ended is over now", number::of(*count, "run")),
    };
    match rows.added {
        0 => format!("{path}: nothing new{completed}{there}"),
        _ => format!(
            "{path}: {} and {} added{completed}{there}",
            number::of(runs.added, "run"),
            number::of(trials.added, "trial")
        ),
    }
}

fn sweep(sweep: &ShardedSweep) -> Vec<String> {
    let ShardedSweep { plan_digest, sweep: name, shards, missing, unfinished, twice } = sweep;
    let called = match name {
        Some(name) => format!("sweep {name} of plan {plan_digest}"),
        None => format!("the sweep of plan {plan_digest}"),
    };
    let mut lines = Vec::new();
    match missing.is_empty() {
        true => lines.push(format!("{called}: all of its {shards} shards are there")),
        false => lines.push(format!(
            "warning: {called}: {} of {shards} are missing: {}",
            missing.len(),
            listed(missing)
        )),
    }
    if !unfinished.is_empty() {
        lines.push(format!("warning: {called}: not finished: {}", listed(unfinished)));
    }
    lines.extend(twice.iter().map(|twice| {
        format!(
            "{called}: shard {} was run {} times, {}; the latest counts, and nothing is dropped",
            twice.shard,
            twice.runs.len(),
            twice.runs.join(", ")
        )
    }));
    lines
}

fn listed(shards: &[usize]) -> String {
    shards.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::merge::{Counts, SourceKind, Twice};

    #[test]
    fn each_source_has_a_line_and_each_sharded_sweep_says_what_is_missing() {
        let counts = |added, already_there| Counts { added, already_there };
        let added = |path: &str, runs, trials, rows| Added {
            path: path.to_owned(),
            kind: SourceKind::Database,
            schema: 7,
            runs,
            runs_completed: 0,
            trials,
            rows,
        };
        let whole = ShardedSweep {
            plan_digest: "ab12".to_owned(),
            sweep: Some("nightly-7".to_owned()),
            shards: 5,
            missing: vec![3, 4],
            unfinished: vec![2],
            twice: vec![Twice {
                shard: 1,
                runs: vec!["x".to_owned(), "y".to_owned()],
                counts: "y".to_owned(),
            }],
        };
        let merged = Merged {
            into: "all.duckdb".to_owned(),
            made: true,
            sources: vec![
                added("a.duckdb", counts(1, 0), counts(20, 0), counts(400, 0)),
                added("b.duckdb", counts(0, 1), counts(0, 20), counts(0, 400)),
            ],
            sweeps: vec![
                whole.clone(),
                ShardedSweep { sweep: None, missing: vec![], unfinished: vec![], twice: vec![], ..whole },
            ],
        };
        assert_eq!(
            render(&merged).lines().collect::<Vec<_>>(),
            [
                "a.duckdb: 1 run and 20 trials added",
                "b.duckdb: nothing new; 1 run and 20 trials were there already",
                "warning: sweep nightly-7 of plan ab12: 2 of 5 are missing: 3, 4",
                "warning: sweep nightly-7 of plan ab12: not finished: 2",
                "sweep nightly-7 of plan ab12: shard 1 was run 2 times, x, y; the latest counts, and nothing is dropped",
                "the sweep of plan ab12: all of its 5 shards are there",
                "all.duckdb is new and holds all of it",
            ]
        );
    }
}
