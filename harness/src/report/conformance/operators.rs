//! The document of all operators: what each target makes of the tests of each.

use std::collections::{BTreeMap, BTreeSet};

use super::{Conformance, Sort, TargetRow};

/// Tests that passed, failed and were not supported.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    pass: usize,
    fail: usize,
    unsupported: usize,
}

/// Every operator that is in a test or that a target reads, one row each, as Markdown.
pub fn operators(found: &Conformance) -> String {
    let about = subjects(found);
    let read = found.targets.iter().flat_map(|target| target.operators.iter().map(String::as_str));
    let tests = found.targets.iter().flat_map(|target| &target.tests);
    let seen = tests.flat_map(|test| &test.operators).map(String::as_str);
    let all: BTreeSet<&str> = seen.chain(read).collect();
    // Those of ONNX itself first: only they have no domain in their name.
    let (others, own): (Vec<&str>, Vec<&str>) = all.iter().partition(|name| name.contains('.'));
    let targets: Vec<&TargetRow> =
        found.targets.iter().filter(|target| target.unavailable.is_none()).collect();
    let counts: Vec<_> = targets.iter().map(|target| counts(target, &about)).collect();
    let line = |operator: &str| {
        let cells = targets.iter().zip(&counts).map(|(target, counts)| {
            let reads = target.operators.iter().any(|known| known == operator);
            cell(counts.get(operator).copied().unwrap_or_default(), reads)
        });
        cells.fold(format!("| {operator} |"), |line, cell| format!("{line} {cell} |"))
    };
    let rows: Vec<String> = own.into_iter().chain(others).map(line).collect();
    let names = targets.iter().fold("| operator |".to_owned(), |line, t| format!("{line} {} |", t.target));
    let rule = format!("|{}", "---|".repeat(targets.len() + 1));
    format!("{}\n\n{names}\n{rule}\n{}\n", preface(found), rows.join("\n"))
}

fn preface(found: &Conformance) -> String {
    let suite = found.targets.first().map_or("", |target| &target.suite);
    format!(
        "# Operators\n\n\
         Written by `parallax conformance --document` on {}, from the node tests of {suite}. A cell counts the \
         tests that are about this operator alone: *pass*, **fail**, or not supported (an element type, an \
         attribute or the operator itself). *untested* is an operator that the target reads and no test is \
         about; – is one that it does not read.",
        found.run.started_at.get(..10).unwrap_or_default()
    )
}

/// Which operator each test is about; a target on which it crashed could not say.
fn subjects(found: &Conformance) -> BTreeMap<&str, &str> {
    let tests = found.targets.iter().flat_map(|target| &target.tests);
    tests.filter_map(|test| Some((test.test.as_str(), test.subject()?))).collect()
}

fn counts<'a>(target: &'a TargetRow, about: &BTreeMap<&str, &'a str>) -> BTreeMap<&'a str, Counts> {
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    for test in &target.tests {
        let Some(operator) = about.get(test.test.as_str()) else { continue };
        let counts = counts.entry(operator).or_default();
        match test.sort() {
            Sort::Pass => counts.pass += 1,
            Sort::Fail => counts.fail += 1,
            Sort::Unsupported => counts.unsupported += 1,
        }
    }
    counts
}

fn cell(Counts { pass, fail, unsupported }: Counts, reads: bool) -> String {
    let parts = [(pass, "pass"), (fail, "**fail**"), (unsupported, "unsupported")];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    match (parts.is_empty(), reads) {
        (false, _) => parts.join(", "),
        (true, true) => "untested".to_owned(),
        (true, false) => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn every_operator_has_its_row() {
        let text = operators(&found());
        let table = text.split_once("\n\n|").map(|(_, table)| format!("|{table}"));
        let expected = "\
| operator | webgpu@chrome | wgpu:vulkan |
|---|---|---|
| Adam | 1 unsupported | 1 unsupported |
| Add | 1 pass, 1 **fail** | 2 pass |
| Erf | – | – |
| Mul | – | – |
| com.microsoft.Gelu | untested | untested |
";
        assert_eq!(table.as_deref(), Some(expected));
        assert!(text.contains("on 2026-01-02, from the node tests of ONNX 1.22.0"), "{text}");
    }
}
