//! A sweep as continuous integration takes it: JUnit XML, a summary in Markdown, annotations. This file has the words that
//! they share.

pub mod annotations;
pub mod junit;
mod markdown;
pub mod summary;

use protocol::{AdapterChoice, Device, Target, Verdict};

use crate::adapter::adapter_name;
use crate::rows::CaseRow;
use crate::rows::attempts::Together;
use crate::rows::gate::Held;
use crate::rows::published::Published;

/// A case's model, with all that tells it from others of its model on its target.
fn name(case: &CaseRow) -> String {
    let precision = Some(case.precision.clone()).filter(|precision| precision != "fp32");
    let parts = [Some(case.model.clone()), Some(case.variant()), precision].into_iter().flatten();
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The adapter that a case asks for, where it asks for one.
fn asked_adapter(case: &CaseRow) -> Option<&str> {
    Some(case.adapter_choice.as_str()).filter(|asked| *asked != AdapterChoice::Default.to_string())
}

/// A case's target, with the adapter that it asks for.
fn place(case: &CaseRow) -> String {
    match asked_adapter(case) {
        Some(adapter) => format!("{} ({adapter})", case.target),
        None => case.target.clone(),
    }
}

/// The target that a case ran on in place of its own.
fn elsewhere(case: &CaseRow) -> Option<&str> {
    case.actual_target.as_deref().filter(|actual| *actual != case.target)
}

/// The CPU that computed a case in a GPU's clothes, where a GPU or NPU is what its target is about.
fn software(case: &CaseRow) -> Option<String> {
    let adapter = case.adapter.as_ref().filter(|adapter| adapter.software)?;
    let target: Target = case.target.parse().ok()?;
    let wants_more =
        target.engine.chooses_adapter() || matches!(target.device, Some(Device::Gpu | Device::Npu));
    wants_more.then(|| adapter_name(adapter))
}

/// What a sweep came to, in one line without a word from elsewhere.
fn verdict(published: &Published) -> String {
    let attempts = published.attempts();
    let cases = attempts.len();
    let failed = attempts.iter().filter(|attempts| attempts.fail()).count();
    let flaky = attempts.iter().filter(|one| matches!(one.together(), Together::Flaky { .. })).count();
    let not_run = attempts.iter().filter(|one| one.together() == Together::NotRun).count();
    let unfinished = published.unfinished().count();
    let missing = published.missing_shards.len();
    let worse = match &published.held {
        Some(Held::Gated(gated)) => gated.failing(),
        Some(Held::Apart(_)) | None => 0,
    };
    let head = match (failed + worse + unfinished + missing > 0, cases > not_run) {
        (true, _) => "failed",
        (false, true) => "passed",
        (false, false) => "nothing ran",
    };
    let by_verdict = Verdict::ALL.into_iter().filter_map(|verdict| {
        let count = attempts.iter().filter(|attempts| attempts.shown().verdict == verdict).count();
        (count > 0).then(|| format!("{count} {}", verdict.name()))
    });
    let shards = if missing == 1 { "shard missing" } else { "shards missing" };
    let rest =
        [(flaky, "flaky"), (worse, "worse than before"), (unfinished, "unfinished"), (missing, shards)];
    let rest =
        rest.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let counts: Vec<String> = by_verdict.chain(rest).collect();
    let counts = if counts.is_empty() { "none finished".to_owned() } else { counts.join(", ") };
    format!("{head}: of {cases} {}, {counts}", if cases == 1 { "case" } else { "cases" })
}

/// A case's message, or its verdict where it left none.
fn message(case: &CaseRow) -> &str {
    case.message
        .as_deref()
        .map(str::trim_end)
        .filter(|message| !message.is_empty())
        .unwrap_or(case.verdict.name())
}

/// The beginning of a text that is longer than `most` characters, and how much more there is.
fn beginning(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => {
            let more = text.get(end..).unwrap_or_default().chars().count();
            format!("{} … ({more} more characters)", text.get(..end).unwrap_or_default())
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
