//! A sweep as a summary in Markdown, what went wrong first, cut to whole entries where it would be too long.

use std::collections::{HashMap, HashSet};

use protocol::Metric;

use super::markdown::{block, code, code_in_cell};
use super::{beginning, elsewhere, message, name, place, software, verdict};
use crate::number;
use crate::rows::Run;
use crate::rows::attempts::{Attempts, Together};
use crate::rows::gate::{Change, Finding, Gated, Held};
use crate::rows::published::Published;

/// Bytes that GitHub takes of one step's summary; of a longer one it takes nothing.
pub const MOST_BYTES: usize = 1024 * 1024;
/// Bytes kept for saying what was cut.
const FOR_WHAT_WAS_CUT: usize = 1024;
/// Characters of a message.
const MESSAGE: usize = 4000;
/// Cases that are named above a message which they share.
const NAMED: usize = 20;

/// A part of the summary: a head, and entries that are taken whole or not at all.
struct Section {
    head: String,
    entries: Vec<String>,
    /// What an entry is, as in "3 of 5 …".
    of: &'static str,
}

/// The summary, in at most `most_bytes`.
pub fn render(published: &Published, most_bytes: usize) -> String {
    let attempts = published.attempts();
    let sections = [
        failed(&attempts),
        worse(published),
        flaky(&attempts),
        not_run(&attempts),
        table(&attempts),
        elsewhere_ran(&attempts),
        runs(published),
    ];
    let title = format!("## Parallax {}\n", verdict(published));
    fitted(title, sections, most_bytes)
}

/// As much of the sections as fits, and what was left out.
fn fitted(title: String, sections: impl IntoIterator<Item = Section>, most_bytes: usize) -> String {
    let most_bytes = most_bytes.saturating_sub(FOR_WHAT_WAS_CUT);
    let mut text = title;
    let mut cut = Vec::new();
    for Section { head, entries, of } in sections.into_iter().filter(|section| !section.entries.is_empty()) {
        let mut left = most_bytes.saturating_sub(text.len() + head.len());
        let fits = |entry: &&String| {
            let rest = left.checked_sub(entry.len());
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        let taken: Vec<&String> = entries.iter().take_while(fits).collect();
        if taken.len() < entries.len() {
            cut.push(format!("{} of {} {of}", entries.len() - taken.len(), entries.len()));
        }
        if let [_, ..] = &taken[..] {
            text.push_str(&head);
            text.extend(taken.into_iter().map(String::as_str));
        }
    }
    if !cut.is_empty() {
        text.push_str(&format!("\nLeft out, since a summary holds 1 MiB: {}.\n", cut.join(", ")));
    }
    text
}

fn failed(attempts: &[Attempts<'_>]) -> Section {
    let failed = attempts.iter().filter(|one| one.fail());
    Section {
        head: "\n### What failed\n\n".to_owned(),
        entries: grouped(failed),
        of: "messages of what failed",
    }
}

fn not_run(attempts: &[Attempts<'_>]) -> Section {
    let not_run = attempts.iter().filter(|one| one.together() == Together::NotRun);
    let head = "\n### What this place could not run\n\n".to_owned();
    Section { head, entries: grouped(not_run), of: "messages of what could not run" }
}

/// Each message once, below the cases that have it.
fn grouped<'a>(attempts: impl Iterator<Item = &'a Attempts<'a>>) -> Vec<String> {
    let mut messages: Vec<(&str, Vec<String>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for attempts in attempts {
        let case = attempts.shown();
        let place_of = *places.entry(message(case)).or_insert_with(|| {
            messages.push((message(case), Vec::new()));
            messages.len() - 1
        });
        let named = format!("{} on {}: {}", code(&name(case)), code(&place(case)), case.verdict.name());
        messages.get_mut(place_of).into_iter().for_each(|(_, names)| names.push(named.clone()));
    }
    let entry = |(message, names): (&str, Vec<String>)| {
        let more = names.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        let names = names.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
        format!("- {names}{more}\n\n{}\n", block(&beginning(message, MESSAGE), "  "))
    };
    messages.into_iter().map(entry).collect()
}

/// What the gate found, or why there is nothing it could hold the sweep against.
fn worse(published: &Published) -> Section {
    let entries = match &published.held {
        Some(Held::Gated(gated)) if gated.verdict == "no-baseline" => {
            vec!["There is no earlier sweep that passed to hold it against.\n".to_owned()]
        }
        Some(Held::Gated(gated)) if gated.findings.is_empty() => {
            vec![format!("Nothing, of {} that both have.\n", cells(gated))]
        }
        Some(Held::Gated(gated)) => gated.findings.iter().map(finding).collect(),
        Some(Held::Apart(reason)) => vec![format!("Nothing could be compared: {}\n", code(reason))],
        None => Vec::new(),
    };
    let against = match &published.held {
        Some(Held::Gated(gated)) => format!(" than {}", code(&gated.against)),
        Some(Held::Apart(_)) | None => String::new(),
    };
    Section { head: format!("\n### What is worse{against}\n\n"), entries, of: "findings of the gate" }
}

fn cells(gated: &Gated) -> String {
    let timed = if gated.timed == 0 { "none".to_owned() } else { gated.timed.to_string() };
    format!("{} cells, {timed} of them timed,", gated.cells)
}

fn finding(found: &Finding) -> String {
    let Finding { kind, fails, model, place, message, ratio, since, changed } = found;
    let mark = if *fails { "**fails**" } else { "remark" };
    let ratio =
        ratio.map(|ratio| format!(", ratio {}", number::three_digits(ratio.median))).unwrap_or_default();
    let change = |Change { what, from, to }: &Change| format!("{} {} → {}", code(what), code(from), code(to));
    let changed: Vec<String> = changed.iter().map(change).collect();
    let changed =
        if changed.is_empty() { String::new() } else { format!("; what changed: {}", changed.join(", ")) };
    let said = code(&beginning(message, MESSAGE));
    let (model, place, since) = (code(model), code(place), code(since));
    format!("- {mark}: {kind}, {model} on {place}{ratio}: {said}, since run {since}{changed}\n")
}

fn flaky(attempts: &[Attempts<'_>]) -> Section {
    let entry = |attempts: &Attempts<'_>| match attempts.together() {
        Together::Flaky { wrong, .. } => {
            let case = attempts.shown();
            let said = wrong
                .first()
                .map(|first| block(&beginning(message(first), MESSAGE), "  "))
                .unwrap_or_default();
            let (wrong, all) = (wrong.len(), attempts.all().count());
            let (name, place) = (code(&name(case)), code(&place(case)));
            Some(format!("- {name} on {place}: {wrong} of {all} attempts went wrong\n\n{said}\n"))
        }
        Together::Passed | Together::Failed { .. } | Together::NotRun => None,
    };
    let entries = attempts.iter().filter_map(entry).collect();
    Section { head: "\n### What is flaky\n\n".to_owned(), entries, of: "flaky cases" }
}

/// Models by places.
fn table(attempts: &[Attempts<'_>]) -> Section {
    let names = each_once(attempts.iter().map(|one| name(one.shown())));
    let places = each_once(attempts.iter().map(|one| place(one.shown())));
    let cells: HashMap<(String, String), String> =
        attempts.iter().map(|one| ((name(one.shown()), place(one.shown())), cell(one))).collect();
    let row = |name: &String| {
        let cells = places
            .iter()
            .map(|place| cells.get(&(name.clone(), place.clone())).map_or("–", String::as_str).to_owned());
        line(std::iter::once(code_in_cell(name)).chain(cells))
    };
    let heads =
        line(std::iter::once("model".to_owned()).chain(places.iter().map(|place| code_in_cell(place))));
    let head = format!("\n### Models by targets\n\n{heads}|---|{}\n", "---:|".repeat(places.len()));
    Section { head, entries: names.iter().map(row).collect(), of: "rows of models by targets" }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// How a case ended and, where it passed, how long it takes.
fn cell(attempts: &Attempts<'_>) -> String {
    let verdict = attempts.shown().verdict.name();
    let latency = attempts.summary(Metric::LatencyMs).map(|it| format!(" {}", number::time(it.median)));
    let latency = latency.unwrap_or_default();
    match attempts.together() {
        Together::Passed => format!("{verdict}{latency}"),
        Together::Flaky { ended_well: true, .. } => format!("flaky, {verdict}{latency}"),
        Together::Flaky { ended_well: false, .. } => format!("**flaky, {verdict}**"),
        Together::Failed { .. } => format!("**{verdict}**"),
        Together::NotRun => verdict.to_owned(),
    }
}

/// What did not run where it was asked to: on a CPU in a GPU's clothes, on another target, in parts on another engine.
fn elsewhere_ran(attempts: &[Attempts<'_>]) -> Section {
    let sentences = attempts.iter().flat_map(|attempts| {
        let case = attempts.shown();
        let on = code(&place(case));
        let loud = if case.software_though_hardware { ", **though there is a GPU**" } else { "" };
        let software = software(case).map(|adapter| format!("{on} ran on {}{loud}", code(&adapter)));
        let fell_back = elsewhere(case).map(|actual| format!("{on} fell back to {}", code(actual)));
        let nodes = (!case.fallback_nodes.is_empty()).then(|| format!("{on} left nodes to another engine"));
        [software, fell_back, nodes]
            .into_iter()
            .flatten()
            .map(|sentence| (sentence, code(&name(case))))
            .collect::<Vec<_>>()
    });
    let mut models: Vec<(String, Vec<String>)> = Vec::new();
    for (sentence, model) in sentences {
        match models.iter_mut().find(|(known, _)| *known == sentence) {
            Some((_, models)) => models.push(model),
            None => models.push((sentence, vec![model])),
        }
    }
    let entry = |(sentence, models): &(String, Vec<String>)| {
        let more = models.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        format!("- {sentence}: {}{more}\n", models.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "))
    };
    let head = "\n### What ran elsewhere than it should, or on a CPU\n\n".to_owned();
    Section { head, entries: models.iter().map(entry).collect(), of: "places that something ran on instead" }
}

fn runs(published: &Published) -> Section {
    let entry = |run: &Run| {
        let host =
            run.origin.host.name.as_deref().map(|host| format!(" on {}", code(host))).unwrap_or_default();
        let commit = run.origin.commit.as_deref().map(|commit| format!(", commit {}", code(commit)));
        let why = run.message.as_deref().map(|why| format!(": {}", code(&beginning(why, MESSAGE))));
        format!(
            "- {}, {} from {}{host}{}{}\n",
            code(&run.id),
            code(&run.state),
            code(&run.started_at),
            commit.unwrap_or_default(),
            why.unwrap_or_default()
        )
    };
    let missing = |shard: &u32| format!("- shard {shard} is **missing**\n");
    let entries = published.missing_shards.iter().map(missing).chain(published.runs.iter().map(entry));
    Section { head: "\n### Runs\n\n".to_owned(), entries: entries.collect(), of: "runs" }
}

fn each_once(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut known = HashSet::new();
    all.filter(|one| known.insert(one.clone())).collect()
}
