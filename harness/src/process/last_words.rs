//! Keeps the last lines that a process wrote, for the message that says how it died.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::mpsc::UnboundedSender;

/// Lines kept: enough for a panic or an assertion.
const KEPT: usize = 6;
/// Characters kept of one line.
const LINE_LENGTH: usize = 300;

/// The last lines of one process, shared with the tasks that read them.
#[derive(Debug, Clone, Default)]
pub struct LastWords(Arc<Mutex<VecDeque<String>>>);

impl LastWords {
    /// Reads `stream` to its end in a task of its own; each line goes to `copy` too, while anyone receives it.
    pub fn listen(
        &self,
        stream: impl AsyncRead + Unpin + Send + 'static,
        copy: Option<UnboundedSender<String>>,
    ) {
        let words = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).split(b'\n');
            while let Ok(Some(line)) = lines.next_segment().await {
                let line = String::from_utf8_lossy(&line).into_owned();
                words.hear(&line);
                if let Some(copy) = &copy {
                    // Nobody may be waiting any more.
                    let _ = copy.send(line);
                }
            }
        });
    }

    /// Forgets what was said so far.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes one line in.
    pub fn hear(&self, line: &str) {
        let line: String = line.trim().chars().take(LINE_LENGTH).collect();
        if line.is_empty() {
            return;
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// The tail of a message: `; it said last: A | B`, or nothing.
impl fmt::Display for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.is_empty() {
            true => Ok(()),
            false => write!(f, "; it said last: {}", Vec::from(lines.clone()).join(" | ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept() {
        let words = LastWords::default();
        assert_eq!(words.to_string(), "");
        words.hear("\r");
        for line in 0..10 {
            words.hear(&format!("line {line}"));
        }
        assert_eq!(words.to_string(), "; it said last: line 4 | line 5 | line 6 | line 7 | line 8 | line 9");
    }
}
