//! Lays cells out in columns, aligned by what they show and not by their colour codes.

use console::measure_text_width;

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

const GAP: &str = "  ";

/// The heads, a rule below them, and one line for each row. Every row has as many cells as there are heads.
pub fn lay_out(heads: &[(&str, Align)], rows: &[Vec<String>]) -> Vec<String> {
    let names: Vec<String> = heads.iter().map(|(name, _)| (*name).to_owned()).collect();
    let width = |index: usize| {
        let column = rows.iter().filter_map(|row| row.get(index)).chain(names.get(index));
        column.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths).zip(heads);
        let padded = cells.map(|((cell, width), (_, align))| padded(cell, *width, *align));
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    let rule = "─".repeat(widths.iter().sum::<usize>() + GAP.len() * heads.len().saturating_sub(1));
    [line(&names), rule].into_iter().chain(rows.iter().map(line)).collect()
}

fn padded(cell: &str, width: usize, align: Align) -> String {
    let padding = " ".repeat(width.saturating_sub(measure_text_width(cell)));
    match align {
        Align::Left => format!("{cell}{padding}"),
        Align::Right => format!("{padding}{cell}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_left_and_numbers_right_whatever_their_colour() {
        let heads = [("model", Align::Left), ("ms", Align::Right), ("", Align::Left)];
        let green = console::Style::new().green().force_styling(true).apply_to("vit").to_string();
        let rows = [
            vec![green.clone(), "1.5".to_owned(), String::new()],
            vec!["bert-tiny".to_owned(), "12.25".to_owned(), "é".to_owned()],
        ];
        let expected = [
            "model         ms".to_owned(),
            "───────────────────".to_owned(),
            format!("{green}          1.5"),
            "bert-tiny  12.25  é".to_owned(),
        ];
        assert_eq!(lay_out(&heads, &rows), expected);
    }
}
