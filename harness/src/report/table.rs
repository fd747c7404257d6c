//! The report as a table for people, aligned, with every failure's message below it.

use console::Style;
use protocol::{AdapterChoice, Metric, Verdict};

use super::columns::{Align, lay_out};
use super::{closing_line, scaling};
use crate::adapter::adapter_name;
use crate::exit::Exit;
use crate::number;
use crate::rows::shards::{ShardRun, Shards};
use crate::rows::time_spent::TimeSpent;
use crate::rows::{CaseRow, REFERENCE, Report};
use crate::screen::shown;
use crate::statistics::Summary;

/// One column: its head, its alignment, and what it shows of a case.
struct Column(&'static str, Align, fn(&CaseRow) -> String);

const COLUMNS: [Column; 17] = [
    Column("model", Align::Left, |case| case.model.clone()),
    Column("variant", Align::Left, |case| {
        Some(case.variant()).filter(|it| !it.is_empty()).unwrap_or_else(dash)
    }),
    Column("target", Align::Left, |case| case.target.clone()),
    Column("adapter", Align::Left, adapter_choice),
    Column(VERDICT, Align::Left, |case| case.verdict.name().to_owned()),
    Column("against", Align::Left, |case| case.features.get(REFERENCE).cloned().unwrap_or_else(dash)),
    Column("max error", Align::Right, |case| case.max_abs_error.map_or(dash(), number::error)),
    Column("at", Align::Left, worst_place),
    Column("load", Align::Right, |case| time(case, Metric::LoadMs)),
    Column("compile", Align::Right, |case| time(case, Metric::CompileMs)),
    Column("first", Align::Right, |case| time(case, Metric::FirstInferenceMs)),
    Column("latency [95 %]", Align::Right, latency),
    Column("throughput", Align::Right, |case| rate(case, Metric::ThroughputPerS)),
    Column("first token", Align::Right, |case| time(case, Metric::TimeToFirstTokenMs)),
    Column("tokens", Align::Right, |case| rate(case, Metric::TokensPerS)),
    Column("energy", Align::Right, energy),
    Column("ran on", Align::Left, ran_on),
];
/// The head of the column that is coloured.
const VERDICT: &str = "verdict";
/// Shown only where a case has something to show in them.
const OF_SOME: [&str; 7] = ["variant", "adapter", "against", "at", "first token", "tokens", "energy"];

/// The table, its messages and a closing line. Colours only when `colour`.
pub fn render(report: &Report, colour: bool) -> String {
    let tells = |column: &&Column| report.cases.iter().any(|case| column.2(case) != dash());
    let columns: Vec<&Column> =
        COLUMNS.iter().filter(|column| !OF_SOME.contains(&column.0) || tells(column)).collect();
    let heads: Vec<_> = columns.iter().map(|Column(head, align, _)| (*head, *align)).collect();
    let cases = merged(&report.cases);
    let rows: Vec<Vec<String>> = cases.iter().map(|case| row(&columns, case, colour)).collect();
    let mut lines = lay_out(&heads, &rows);
    lines.extend(scaling::lines(&cases));
    lines.extend(messages(report).iter().map(|message| shown(message)));
    lines.extend(report.shards.as_ref().and_then(disagreeing));
    lines.push(String::new());
    lines.extend(report.time_spent.as_ref().map(time_spent));
    lines.push(closing(report));
    lines.join("\n")
}

/// One row for all turns of a case: the first that did not pass, else one with the medians of all turns.
fn merged(cases: &[CaseRow]) -> Vec<CaseRow> {
    let mut keys: Vec<(&str, &str)> = Vec::new();
    for case in cases {
        let key = (case.case_key.as_str(), case.model.as_str());
        if case.round.is_none() || !keys.contains(&key) {
            keys.push(key);
        }
    }
    if keys.len() == cases.len() {
        return cases.to_vec();
    }
    let merge = |(key, model): (&str, &str)| {
        let turns: Vec<&CaseRow> =
            cases.iter().filter(|case| case.case_key == key && case.model == model).collect();
        let shown = turns.iter().find(|turn| turn.verdict != Verdict::Pass).or(turns.first())?;
        let mut merged = (*shown).clone();
        for (name, measured) in &mut merged.metrics {
            let of_turn = |turn: &&CaseRow| Some(turn.metrics.get(name)?.summary.median);
            let medians: Vec<f64> = turns.iter().filter_map(of_turn).collect();
            measured.summary = Summary::of(&medians).unwrap_or(measured.summary);
        }
        Some(merged)
    };
    keys.into_iter().filter_map(merge).collect()
}

/// Where the time went, the largest first; what is nothing is left out.
fn time_spent(spent: &TimeSpent) -> String {
    let mut parts = spent.parts_ms.clone();
    parts.sort_by(|one, other| other.1.total_cmp(&one.1));
    let parts =
        parts.iter().filter(|(_, ms)| *ms >= 0.5).map(|(part, ms)| format!("{part} {}", number::time(*ms)));
    let a_case =
        spent.harness_ms_a_case.map(|ms| format!(", {} a case", number::time(ms))).unwrap_or_default();
    let harness = format!("harness {}{a_case}", number::time(spent.harness_ms));
    format!("{}: {}", number::time(spent.total_ms), parts.chain([harness]).collect::<Vec<_>>().join(", "))
}

fn row(columns: &[&Column], case: &CaseRow, colour: bool) -> Vec<String> {
    let style = style(case.verdict).force_styling(colour);
    let cell = |Column(head, _, cell): &&Column| match *head {
        VERDICT => style.apply_to(shown(&cell(case))).to_string(),
        _ => shown(&cell(case)),
    };
    columns.iter().map(cell).collect()
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => Style::new().green(),
        Verdict::Unsupported | Verdict::Unavailable => Style::new().yellow(),
        Verdict::Mismatch | Verdict::Timeout | Verdict::Crash | Verdict::DeviceLost | Verdict::Error => {
            Style::new().red().bold()
        }
    }
}

/// One paragraph for each case that did not pass, and for what has to be known of a case's numbers; cases that share a
/// message share a paragraph.
fn messages(report: &Report) -> Vec<String> {
    let mut paragraphs: Vec<(&str, Vec<String>)> = Vec::new();
    for (case, message) in failures(report).chain(notes(report)) {
        let variant = Some(case.variant()).filter(|variant| !variant.is_empty());
        let model = [Some(case.model.clone()), variant].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let adapter = match adapter_choice(case) {
            own if own == dash() => String::new(),
            chosen => format!("{chosen}, "),
        };
        let name = format!("{model} on {} ({adapter}{})", case.target, case.verdict.name());
        match paragraphs.iter_mut().find(|(known, _)| *known == message) {
            Some((_, names)) => names.push(name),
            None => paragraphs.push((message, vec![name])),
        }
    }
    let paragraph = |(message, names): (&str, Vec<String>)| {
        format!("\n{}:\n  {}", names.join(", "), message.trim_end().replace('\n', "\n  "))
    };
    paragraphs.into_iter().map(paragraph).collect()
}

/// Why cases failed.
fn failures(report: &Report) -> impl Iterator<Item = (&CaseRow, &str)> {
    report.cases.iter().filter_map(|case| Some((case, case.message.as_deref()?)))
}

/// Returns what has to be known of cases' numbers.
fn notes(report: &Report) -> impl Iterator<Item = (&CaseRow, &str)> {
    let lines = |case| CaseRow::notes(case).map(move |note| (case, note));
    report.cases.iter().flat_map(lines)
}

fn closing(report: &Report) -> String {
    let counts = Verdict::ALL.into_iter().map(|verdict| (count_of(report, verdict), verdict.name()));
    let counts: Vec<String> =
        counts.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    let counts = if counts.is_empty() { "no case finished".to_owned() } else { counts.join(", ") };
    let shards = report.shards.as_ref().map(shards).unwrap_or_default();
    closing_line(&report.run, &format!("{counts}{}{shards}", unseen(report)))
}

/// Which shards of the sweep are here, which of them did not come to their end, and which are not here.
fn shards(Shards { of, runs, missing, .. }: &Shards) -> String {
    let here = runs.iter().map(|run| run.number.to_string()).collect::<Vec<_>>().join(", ");
    let here = match &runs[..] {
        _ if missing.is_empty() => format!("; {of} shards"),
        [_] => format!("; shard {here} of {of}"),
        _ => format!("; shards {here} of {of}"),
    };
    let unfinished = runs.iter().filter(|run| run.state != "finished");
    let unfinished = unfinished.map(|ShardRun { number, state, .. }| format!(", shard {number} {state}"));
    here + &unfinished.collect::<String>()
}

/// Says what a success does not: that some of what was asked for did not run.
fn unseen(report: &Report) -> String {
    let (all, passed) = (report.cases.len(), count_of(report, Verdict::Pass));
    match report.exit() == Exit::Success && passed < all {
        true => format!("; nothing failed, but {} of {all} cases did not run as asked", all - passed),
        false => String::new(),
    }
}

/// Says of shards that do not count why they do not.
fn disagreeing(shards: &Shards) -> Option<String> {
    let run = |run: &ShardRun| format!("shard {} (run {})", run.number, run.id);
    let runs: Vec<String> = shards.disagreeing.iter().map(run).collect();
    let sentence = format!(
        "\n{}: of this sweep by name, but not in it: went by another plan, or dealt its models by other times of earlier runs; \
         give all shards the same plan, and the same database to begin with or none",
        runs.join(", ")
    );
    (!runs.is_empty()).then_some(sentence)
}

fn count_of(report: &Report, verdict: Verdict) -> usize {
    report.cases.iter().filter(|case| case.verdict == verdict).count()
}

fn dash() -> String {
    "–".to_owned()
}

/// The adapter that was asked for, where one was.
fn adapter_choice(case: &CaseRow) -> String {
    let asked = Some(&case.adapter_choice).filter(|asked| **asked != AdapterChoice::Default.to_string());
    asked.cloned().unwrap_or_else(dash)
}

/// The output with the largest error, and the element that has it.
fn worst_place(case: &CaseRow) -> String {
    let worst = case.checks.iter().max_by(|a, b| a.max_abs_error.total_cmp(&b.max_abs_error));
    match worst {
        Some(check) if check.max_abs_error > 0.0 && check.max_abs_error_at.is_empty() => check.output.clone(),
        Some(check) if check.max_abs_error > 0.0 => format!("{}{:?}", check.output, check.max_abs_error_at),
        Some(_) | None => dash(),
    }
}

fn time(case: &CaseRow, metric: Metric) -> String {
    case.metrics.get(metric.name()).map_or(dash(), |measured| number::time(measured.summary.median))
}

fn latency(case: &CaseRow) -> String {
    let measured = case.metrics.get(Metric::LatencyMs.name());
    measured.map_or(dash(), |measured| number::time_interval(&measured.summary))
}

/// Joules that an inference took, where something counts them.
fn energy(case: &CaseRow) -> String {
    let found = case.metrics.get(Metric::EnergyJ.name());
    found.map_or(dash(), |measured| format!("{} J", number::three_digits(measured.summary.median)))
}

fn rate(case: &CaseRow, metric: Metric) -> String {
    let measured = case.metrics.get(metric.name());
    measured.map_or(dash(), |measured| number::rate(measured.summary.median))
}

fn ran_on(case: &CaseRow) -> String {
    let Some(adapter) = &case.adapter else { return dash() };
    let elsewhere = case.actual_target.as_ref().filter(|actual| **actual != case.target);
    let elsewhere = elsewhere.map(|actual| format!("{actual}: ")).unwrap_or_default();
    let warning = if case.software_though_hardware { " THOUGH THERE IS A GPU" } else { "" };
    format!("{elsewhere}{}{warning}", adapter_name(adapter))
}
