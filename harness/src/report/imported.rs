//! What importing files came to, for people.

use super::columns::{Align, lay_out};
use crate::rows::imported::{Imported, ImportedFile, Skipped};
use crate::screen::shown;

/// A line for each file, and one for each record that was left out.
pub fn render(imported: &Imported) -> String {
    let heads = [
        ("file", Align::Left),
        ("runs", Align::Right),
        ("trials", Align::Right),
        ("already there", Align::Right),
        ("left out", Align::Right),
    ];
    let mut lines = lay_out(&heads, &imported.files.iter().map(cells).collect::<Vec<_>>());
    let skipped: Vec<String> = imported.files.iter().flat_map(left_out).collect();
    if !skipped.is_empty() {
        lines.push(String::new());
        lines.extend(skipped);
    }
    lines.join("\n")
}

fn cells(file: &ImportedFile) -> Vec<String> {
    let counts = [file.runs, file.trials, file.already, file.skipped.len() as u64];
    std::iter::once(one_line(&file.file)).chain(counts.map(|count| count.to_string())).collect()
}

fn left_out(file: &ImportedFile) -> impl Iterator<Item = String> {
    let place = |at: &str| if at.is_empty() { String::new() } else { format!(", {at}") };
    let line = move |Skipped { at, reason }: &Skipped| {
        format!("{}{}: {}", one_line(&file.file), place(at), one_line(reason))
    };
    file.skipped.iter().map(line)
}

fn one_line(text: &str) -> String {
    shown(text).replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_listed_with_its_place_and_the_reason() {
        let skipped = |at: &str, reason: &str| Skipped { at: at.to_owned(), reason: reason.to_owned() };
        let files = vec![
            ImportedFile { file: "a.json".to_owned(), runs: 1, trials: 20, already: 3, skipped: vec![] },
            ImportedFile {
                file: "b\u{1b}.json".to_owned(),
                skipped: vec![skipped("", "it is no JSON"), skipped("runs[0].trials[3]", "a\u{7}\nb")],
                ..ImportedFile::default()
            },
        ];
        let expected = "\
file          runs  trials  already there  left out
───────────────────────────────────────────────────
a.json           1      20              3         0
b\\u001b.json     0       0              0         2

b\\u001b.json: it is no JSON
b\\u001b.json, runs[0].trials[3]: a\\u0007\\nb";
        assert_eq!(render(&Imported { files }), expected);
    }
}
