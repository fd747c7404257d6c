//! An export in a few lines.

use crate::number;
use crate::rows::export::{Exported, LeftOut};

/// The lines for the terminal.
pub fn render(exported: &Exported) -> String {
    let rows =
        |name: &str| exported.tables.iter().find(|table| table.name == name).map_or(0, |table| table.rows);
    let all: usize = exported.tables.iter().map(|table| table.rows).sum();
    let mut lines = vec![format!(
        "{} holds {} and {} of schema {}, {all} rows in all",
        exported.folder,
        number::of(rows("runs"), "run"),
        number::of(rows("trials"), "trial"),
        exported.schema
    )];
    if exported.public {
        lines.push(
            "it is public: names of machines, paths, command lines and messages are left out; look through it \
             before you give it away"
                .to_owned(),
        );
        let LeftOut { runs, trials } = exported.left_out;
        let what = [
            (runs, "run", "of other commands than sweep, detect, probe and conformance"),
            (trials, "trial", "in browsers whose names come from a plan"),
        ];
        let what = what.into_iter().filter(|(count, ..)| *count > 0);
        lines.extend(what.map(|(count, one, which)| format!("left out: {} {which}", number::of(count, one))));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::export::ExportedTable;

    #[test]
    fn what_was_left_out_is_said() {
        let table = |name: &str, rows| ExportedTable { name: name.to_owned(), rows };
        let exported = Exported {
            folder: "out".to_owned(),
            public: false,
            schema: 7,
            tables: vec![table("runs", 1), table("trials", 2), table("series", 40)],
            left_out: LeftOut::default(),
        };
        assert_eq!(render(&exported), "out holds 1 run and 2 trials of schema 7, 43 rows in all");
        let public = Exported { public: true, left_out: LeftOut { runs: 0, trials: 3 }, ..exported };
        let text = render(&public);
        assert!(text.ends_with("left out: 3 trials in browsers whose names come from a plan"), "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
    }
}
