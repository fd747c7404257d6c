//! What pruning came to, for people.

use super::columns::{Align, lay_out};
use crate::number;
use crate::rows::pruned::{Pruned, PrunedRun};
use crate::screen::shown;

/// A line for each run that goes, one for each that stays though it was to go, and the sum.
pub fn render(pruned: &Pruned) -> String {
    let heads = [
        ("run", Align::Left),
        ("kind", Align::Left),
        ("state", Align::Left),
        ("started", Align::Left),
        ("trials", Align::Right),
    ];
    let mut lines = Vec::new();
    if !pruned.runs.is_empty() {
        lines = lay_out(&heads, &pruned.runs.iter().map(cells).collect::<Vec<_>>());
        lines.push(String::new());
    }
    lines.extend(pruned.spared.iter().map(|run| {
        shown(&format!("run {} stays: it was begun within a day, and may still be under way", run.id))
    }));
    lines.push(sum(pruned));
    lines.join("\n")
}

fn cells(run: &PrunedRun) -> Vec<String> {
    let PrunedRun { id, kind, state, started_at, trials } = run;
    [id, kind, state, started_at, &trials.to_string()].map(|cell| shown(cell)).to_vec()
}

fn sum(pruned: &Pruned) -> String {
    let counted = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let gone =
        format!("{} with {}", counted(pruned.runs.len() as u64, "run"), counted(pruned.trials, "trial"));
    match pruned.freed_bytes {
        _ if pruned.runs.is_empty() => "nothing to remove".to_owned(),
        _ if pruned.dry_run => format!("{gone} would be removed; nothing was"),
        Some(bytes) => format!("{gone} removed, and {} freed", number::bytes(bytes)),
        None => format!("{gone} removed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_went_what_stays_and_what_was_freed() {
        let run = |id: &str, trials| PrunedRun {
            id: id.to_owned(),
            kind: "sweep".to_owned(),
            state: "finished".to_owned(),
            started_at: "2026-01-02T03:04:05.678Z".to_owned(),
            trials,
        };
        let pruned = Pruned {
            dry_run: false,
            runs: vec![run("a\u{1b}", 12), run("b", 0)],
            trials: 12,
            spared: vec![run("c", 1)],
            freed_bytes: Some(2_500_000),
        };
        let expected = "\
run      kind   state     started                   trials
──────────────────────────────────────────────────────────
a\\u001b  sweep  finished  2026-01-02T03:04:05.678Z      12
b        sweep  finished  2026-01-02T03:04:05.678Z       0

run c stays: it was begun within a day, and may still be under way
2 runs with 12 trials removed, and 2.50 MB freed";
        assert_eq!(render(&pruned), expected);
        let last = |pruned: Pruned| render(&pruned).lines().last().unwrap_or_default().to_owned();
        let dry = Pruned { dry_run: true, freed_bytes: None, ..pruned.clone() };
        assert_eq!(last(dry), "2 runs with 12 trials would be removed; nothing was");
        assert_eq!(last(Pruned { runs: vec![], trials: 0, ..pruned }), "nothing to remove");
    }
}
