//! The rows of a query: a table, or lines whose fields are apart by commas.

use super::columns::{Align, lay_out};
use super::csv::quoted;
use crate::rows::answer::{Answer, Cell};
use crate::screen::shown;

/// A table, and how many rows it has.
pub fn render(answer: &Answer) -> String {
    let rows: Vec<Vec<String>> = answer.rows.iter().map(|row| row.iter().map(in_table).collect()).collect();
    let names: Vec<String> = answer.columns.iter().map(|name| on_one_line(name)).collect();
    let heads: Vec<(&str, Align)> =
        (0..).zip(&names).map(|(at, name)| (name.as_str(), align(answer, at))).collect();
    let count = match answer.rows.len() {
        1 => "1 row".to_owned(),
        several => format!("{several} rows"),
    };
    let mut lines = if heads.is_empty() { Vec::new() } else { lay_out(&heads, &rows) };
    lines.extend([String::new(), count]);
    lines.join("\n")
}

/// A line with the columns' names, and one for each row. What is null is nothing, and empty text is `""`.
pub fn csv(answer: &Answer) -> String {
    let heads = answer.columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(",");
    let line = |row: &Vec<Cell>| row.iter().map(in_csv).collect::<Vec<_>>().join(",");
    std::iter::once(heads).chain(answer.rows.iter().map(line)).collect::<Vec<_>>().join("\n")
}

/// Numbers stand right, where a column has nothing else.
fn align(answer: &Answer, at: usize) -> Align {
    let numbers = answer.rows.iter().filter_map(|row| row.get(at));
    match numbers.clone().all(|cell| matches!(cell, Cell::Number(_) | Cell::Nothing)) && numbers.count() > 0 {
        true => Align::Right,
        false => Align::Left,
    }
}

fn in_table(cell: &Cell) -> String {
    match cell {
        Cell::Nothing => "–".to_owned(),
        Cell::Truth(truth) => truth.to_string(),
        Cell::Number(text) | Cell::Text(text) => on_one_line(text),
        Cell::Json(value) => on_one_line(&value.to_string()),
    }
}

fn in_csv(cell: &Cell) -> String {
    match cell {
        Cell::Nothing => String::new(),
        Cell::Text(text) if text.is_empty() => "\"\"".to_owned(),
        Cell::Truth(truth) => truth.to_string(),
        Cell::Number(text) | Cell::Text(text) => quoted(text),
        Cell::Json(value) => quoted(&value.to_string()),
    }
}

/// Text with its control characters shown, ends of lines too.
fn on_one_line(text: &str) -> String {
    shown(text).replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> Answer {
        let text = |text: &str| Cell::Text(text.to_owned());
        let number = |text: &str| Cell::Number(text.to_owned());
        Answer {
            columns: vec!["name".to_owned(), "ms".to_owned(), "ms".to_owned(), "x\u{1b}".to_owned()],
            rows: vec![
                vec![text("a,\"b\"\nc"), number("1.5"), Cell::Nothing, Cell::Json(json!({ "k": [1, null] }))],
                vec![text(""), number("NaN"), number("18446744073709551615"), Cell::Truth(true)],
                vec![text("\u{1b}[2J"), number("-12"), Cell::Nothing, text("é")],
            ],
        }
    }

    #[test]
    fn a_table_has_a_line_a_row_whatever_is_in_it() {
        let expected = "\
name        ms                    ms  x\\u001b
────────────────────────────────────────────────────
a,\"b\"\\nc   1.5                     –  {\"k\":[1,null]}
           NaN  18446744073709551615  true
\\u001b[2J  -12                     –  é

3 rows";
        assert_eq!(render(&answer()), expected);
        assert_eq!(render(&Answer { columns: vec![], rows: vec![] }), "\n0 rows");
    }

    #[test]
    fn fields_apart_by_commas_are_quoted_where_they_have_to_be() {
        let expected = "\
name,ms,ms,x\\u001b
\"a,\"\"b\"\"\nc\",1.5,,\"{\"\"k\"\":[1,null]}\"
\"\",NaN,18446744073709551615,true
\\u001b[2J,-12,,é";
        assert_eq!(csv(&answer()), expected);
    }

    #[test]
    fn a_document_has_numbers_as_numbers_and_every_column_once() {
        let document: serde_json::Value = serde_json::from_str(&super::super::document(&answer())).unwrap();
        let expected = json!([
            { "name": "a,\"b\"\nc", "ms": 1.5, "ms_2": null, "x\u{1b}": { "k": [1, null] } },
            { "name": "", "ms": null, "ms_2": 18_446_744_073_709_551_615u64, "x\u{1b}": true },
            { "name": "\u{1b}[2J", "ms": -12, "ms_2": null, "x\u{1b}": "é" },
        ]);
        assert_eq!(document, expected);
    }
}
