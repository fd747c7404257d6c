//! Keeps the page's first view small: what matters least is left out first, and said. Pure.

use protocol::Verdict;

use super::script;
use super::sweep::SweepPage;

/// Characters of a message that a cell of a large page keeps; the case itself has all.
const SHORT: usize = 200;

/// One step: leaves something out and says what; nothing where there is no such thing.
type Step = fn(&mut SweepPage) -> Option<String>;

const STEPS: [Step; 7] =
    [histories, unsure_comparisons, comparisons, kernels, scaling, remarks, long_messages];

/// Leaves out of a page what keeps its script from being at most so many bytes.
pub fn into(mut page: SweepPage, most_bytes: usize) -> SweepPage {
    for step in STEPS {
        if script::sweep(&page).len() <= most_bytes {
            return page;
        }
        let said = step(&mut page);
        page.left_out.extend(said);
    }
    cells(page, most_bytes)
}

fn histories(page: &mut SweepPage) -> Option<String> {
    let count = std::mem::take(&mut page.histories).len();
    told(count, "histories that changed; each case shows its own, and `parallax history` all")
}

fn unsure_comparisons(page: &mut SweepPage) -> Option<String> {
    let before = page.comparisons.len();
    page.comparisons.retain(|one| one.verdict != "not-sure");
    told(before - page.comparisons.len(), "comparisons that are not sure; `parallax compare` shows them")
}

fn comparisons(page: &mut SweepPage) -> Option<String> {
    let count = std::mem::take(&mut page.comparisons).len();
    told(count, "comparisons that are sure; `parallax compare` shows them")
}

fn kernels(page: &mut SweepPage) -> Option<String> {
    let count = std::mem::take(&mut page.kernels).len();
    told(count, "kernels; each case shows its own, and `parallax profile` all")
}

fn scaling(page: &mut SweepPage) -> Option<String> {
    let count = std::mem::take(&mut page.scaling).len();
    told(count, "curves of how latency grows with an extent; the table of `parallax report` shows them")
}

fn remarks(page: &mut SweepPage) -> Option<String> {
    let findings = page.findings.as_mut()?;
    let before = findings.rows.len();
    findings.rows.retain(|row| row.fails);
    told(before - findings.rows.len(), "remarks on what may have got worse; `parallax gate` shows them")
}

fn long_messages(page: &mut SweepPage) -> Option<String> {
    let mut cut = 0;
    for message in page.cells.iter_mut().filter_map(|cell| cell.message.as_mut()) {
        if message.chars().count() > SHORT {
            *message = message.chars().take(SHORT).chain(['…']).collect();
            cut += 1;
        }
    }
    told(cut, "ends of long messages; each case shows its own")
}

/// So many cells that what is left fits; those that did not pass stay longest.
fn cells(mut page: SweepPage, most_bytes: usize) -> SweepPage {
    let (all, said) = (page.cells.len(), page.left_out.len());
    loop {
        let bytes = script::sweep(&page).len();
        let kept = page.cells.len();
        if bytes <= most_bytes || kept == 0 {
            return page;
        }
        // A little less than their share, since what is beside them stays.
        let fits = kept * most_bytes / bytes * 19 / 20;
        page.cells = keep(std::mem::take(&mut page.cells), fits.min(kept - 1));
        page.left_out.truncate(said);
        let left = all - page.cells.len();
        page.left_out
            .extend(told(left, "cells, first of those that passed; a sweep of fewer models shows them"));
    }
}

fn keep(cells: Vec<super::cell::Cell>, most: usize) -> Vec<super::cell::Cell> {
    let failed = cells.iter().filter(|cell| cell.verdict != Verdict::Pass).count();
    let (mut of_failed, mut of_passed) = (failed.min(most), most.saturating_sub(failed));
    let mut stays = |passed: bool| {
        let left = if passed { &mut of_passed } else { &mut of_failed };
        let stays = *left > 0;
        *left = left.saturating_sub(1);
        stays
    };
    cells.into_iter().filter(|cell| stays(cell.verdict == Verdict::Pass)).collect()
}

fn told(count: usize, what: &str) -> Option<String> {
    (count > 0).then(|| format!("{count} {what}"))
}
