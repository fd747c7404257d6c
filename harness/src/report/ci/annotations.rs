//! What went wrong as annotations of GitHub Actions: its workflow commands, a line each.

use super::{beginning, elsewhere, message, name, place, verdict};
use crate::rows::CaseRow;
use crate::rows::attempts::{Attempts, Together};
use crate::rows::gate::{Finding, Held};
use crate::rows::published::Published;
use crate::screen::shown;

/// Errors, and warnings, of one step that GitHub shows; what more there are it drops without a word.
const SHOWN: usize = 10;
/// Characters of a message.
const MESSAGE: usize = 1000;

/// An annotation's head and text.
struct Annotation {
    title: String,
    text: String,
}

/// The annotations: an error for what fails, a warning for what should be known, a notice for how it ended.
pub fn render(published: &Published) -> String {
    let attempts = published.attempts();
    let failed = attempts.iter().filter(|attempts| attempts.fail()).map(failure);
    let unfinished = published.unfinished().map(|run| Annotation {
        title: format!("run {} did not finish", run.id),
        text: run.message.clone().unwrap_or_else(|| format!("it is {}", run.state)),
    });
    let missing = published.missing_shards.iter().map(|shard| Annotation {
        title: format!("shard {shard} is missing"),
        text: "nothing of what it should have run is here".to_owned(),
    });
    let errors: Vec<_> = missing.chain(unfinished).chain(failed).chain(findings(published, true)).collect();
    let remarks = findings(published, false);
    let warnings: Vec<_> =
        attempts.iter().flat_map(warnings).chain(remarks).chain(apart(published)).collect();
    let notice = Annotation { title: "Parallax".to_owned(), text: verdict(published) };
    let lines = commands("error", errors)
        .chain(commands("warning", warnings))
        .chain(commands("notice", vec![notice]));
    lines.collect::<Vec<_>>().join("\n")
}

fn failure(attempts: &Attempts<'_>) -> Annotation {
    let case = attempts.shown();
    let flaky = matches!(attempts.together(), Together::Flaky { .. });
    let verdict = case.verdict.name();
    let verdict = if flaky { format!("flaky, {verdict}") } else { verdict.to_owned() };
    Annotation { title: titled(case, &verdict), text: message(case).to_owned() }
}

/// What should be known of a case that did not fail.
fn warnings(attempts: &Attempts<'_>) -> Vec<Annotation> {
    let case = attempts.shown();
    let flaky = match attempts.together() {
        Together::Flaky { wrong, ended_well: true } => wrong.first().map(|first| Annotation {
            title: titled(case, "flaky"),
            text: format!(
                "{} of {} attempts went wrong: {}",
                wrong.len(),
                attempts.all().count(),
                message(first)
            ),
        }),
        _ => None,
    };
    let fell_back = elsewhere(case).map(|actual| Annotation {
        title: titled(case, "ran elsewhere"),
        text: format!("it ran on {actual}: {}", message(case)),
    });
    let software = case.software_though_hardware.then(|| Annotation {
        title: titled(case, "software adapter"),
        text: "a CPU computed it, which nobody asked for, though there is a GPU".to_owned(),
    });
    [flaky, fell_back, software].into_iter().flatten().collect()
}

fn titled(case: &CaseRow, what: &str) -> String {
    format!("{} on {}: {what}", name(case), place(case))
}

/// The gate's findings that fail it; or those that are slower without proof.
fn findings(published: &Published, failing: bool) -> impl Iterator<Item = Annotation> {
    let found: &[Finding] = match &published.held {
        Some(Held::Gated(gated)) => &gated.findings,
        Some(Held::Apart(_)) | None => &[],
    };
    let wanted =
        found.iter().filter(move |one| if failing { one.fails } else { one.kind == "slower-unproven" });
    wanted.map(|Finding { kind, model, place, message, since, .. }| Annotation {
        title: format!("{kind}: {model} on {place}"),
        text: format!("{message} (since run {since})"),
    })
}

fn apart(published: &Published) -> Option<Annotation> {
    match &published.held {
        Some(Held::Apart(reason)) => {
            Some(Annotation { title: "not held against an earlier sweep".to_owned(), text: reason.clone() })
        }
        Some(Held::Gated(_)) | None => None,
    }
}

/// The lines of one kind: as many as are shown, of which the last says how many more there are.
fn commands(kind: &str, annotations: Vec<Annotation>) -> impl Iterator<Item = String> {
    let count = annotations.len();
    let kept = if count > SHOWN { SHOWN - 1 } else { count };
    let more = (count > kept).then(|| Annotation {
        title: "Parallax".to_owned(),
        text: format!("{} more are in the step's summary and in the JUnit file", count - kept),
    });
    annotations.into_iter().take(kept).chain(more).map(move |Annotation { title, text }| {
        let text = beginning(&text, MESSAGE);
        format!("::{kind} title={}::{}", property(&shown(&title)), data(&shown(&text)))
    })
}

/// A command's text, as GitHub's toolkit escapes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value, which a colon or a comma would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_or_a_property_is_escaped() {
        for (text, as_data, as_property) in [
            ("plain", "plain", "plain"),
            ("100 %: a, b", "100 %25: a, b", "100 %25%3A a%2C b"),
            ("a\r\n::set-env name=x::y", "a%0D%0A::set-env name=x::y", "a%0D%0A%3A%3Aset-env name=x%3A%3Ay"),
            ("%0A", "%250A", "%250A"),
        ] {
            assert_eq!((data(text).as_str(), property(text).as_str()), (as_data, as_property), "{text:?}");
        }
    }

    #[test]
    fn the_last_annotation_that_is_shown_says_how_many_more_there_are() {
        let many = |count: usize| {
            let one = |number: usize| Annotation { title: format!("t{number}"), text: "x".to_owned() };
            commands("error", (0..count).map(one).collect()).collect::<Vec<_>>()
        };
        for (count, lines, last) in [
            (0, 0, None),
            (1, 1, Some("::error title=t0::x")),
            (10, 10, Some("::error title=t9::x")),
            (11, 10, Some("::error title=Parallax::2 more are in the step's summary and in the JUnit file")),
            (
                500,
                10,
                Some("::error title=Parallax::491 more are in the step's summary and in the JUnit file"),
            ),
        ] {
            let found = many(count);
            assert_eq!((found.len(), found.last().map(String::as_str)), (lines, last));
        }
    }
}
