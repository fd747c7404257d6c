//! The one way out to a terminal, a pipe or a document: control characters, which names and messages from files, hubs and
//! browsers may hold, are shown and never sent.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::ProgressBar;

use crate::error::Error;

/// Text with its control characters, and those that turn the direction of writing, as JSON writes them: `\u001b`. So a
/// JSON document stays the same document. Lines stay lines.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match acts(c) {
            true => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => shown.push(c),
        }
    }
    shown
}

/// Returns whether a terminal acts on a character instead of showing it: controls, line separators, marks and overrides
/// of direction (Unicode, "Bidirectional Algorithm", 2).
fn acts(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && c != '\n') || turns
}

/// Prints a report to standard output.
///
/// # Errors
/// When nobody takes it.
pub fn print(text: &str) -> Result<(), Error> {
    send(&shown(text))
}

/// Prints a report whose colours are ours, and all else in it shown before.
///
/// # Errors
/// When nobody takes it.
pub fn print_coloured(text: &str) -> Result<(), Error> {
    send(text)
}

fn send(text: &str) -> Result<(), Error> {
    writeln!(io::stdout().lock(), "{text}").map_err(Error::Output)
}

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(100);

/// A spinner on standard error, for what says of itself when it will be done.
pub fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(TICK);
    spinner
}

/// Says something on standard error; where nobody listens, that is nobody's loss.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", shown(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_shown() {
        for (text, expected) in [
            ("plain, é, 模型, 🙂, –\nnext line", "plain, é, 模型, 🙂, –\nnext line"),
            ("\u{1b}[2J", "\\u001b[2J"),
            ("\u{1b}]0;title\u{7}", "\\u001b]0;title\\u0007"),
            ("a\rb\tc\u{8}\u{0}\u{7f}", "a\\u000db\\u0009c\\u0008\\u0000\\u007f"),
            ("\u{9b}31m", "\\u009b31m"),
            ("exe\u{202e}gnp", "exe\\u202egnp"),
            ("a\u{2028}b", "a\\u2028b"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn a_json_document_stays_the_same_document() {
        let value = serde_json::json!({ "name": "a\u{1b}\u{9b}\u{7f}\u{202e}\n\t\"b" });
        let printed = shown(&format!("{value:#}"));
        assert!(!printed.chars().any(acts));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), value);
    }
}
