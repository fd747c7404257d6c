//! Opens a database file and says in plain words why one cannot be opened.

use std::path::Path;

use duckdb::Connection;

use crate::error::Error;

/// Opens or makes the database at `path`.
pub fn connect(path: &Path) -> Result<Connection, Error> {
    Connection::open(path).map_err(|error| explain(path, &error.to_string()))
}

/// Turns DuckDB's message into ours. Its wording is all it gives: it has no codes.
fn explain(path: &Path, message: &str) -> Error {
    let path = path.to_owned();
    if message.contains("not a valid DuckDB database file") {
        return Error::NotADatabase { path };
    }
    match message.contains("Could not set lock") || message.contains("being used by another process") {
        true => Error::DatabaseHeld {
            path,
            holder: holder(message).map_or(String::new(), |who| format!(", {who}")),
        },
        false => Error::DatabaseUnopened { path, message: message.to_owned() },
    }
}

/// The part of a lock message that names the process: `/usr/bin/duckdb (PID 123)`.
fn holder(message: &str) -> Option<&str> {
    const LEAD: &str = "Conflicting lock is held in ";
    let start = message.find(LEAD)? + LEAD.len();
    let rest = &message[start..];
    let end = rest.find("(PID ").and_then(|pid| Some(pid + rest[pid..].find(')')? + 1));
    end.map(|end| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duckdbs_words_become_ours() {
        for (message, expected) in [
            (
                "IO Error: The file \"x.db\" exists, but it is not a valid DuckDB database file!",
                "x.db is not a DuckDB database; name another file with --db (it was left as it is)",
            ),
            (
                "IO Error: Could not set lock on file \"x.db\": Conflicting lock is held in /usr/bin/duckdb (PID 123) \
                 by user me. See also https://duckdb.org/docs/stable/connect/concurrency",
                "the database x.db is held by another process, /usr/bin/duckdb (PID 123); wait for it to end or \
                 name another file with --db",
            ),
            (
                "IO Error: Could not set lock on file \"x.db\": Resource temporarily unavailable",
                "the database x.db is held by another process; wait for it to end or name another file with --db",
            ),
            (
                "IO Error: Cannot open file \"x.db\": No such file or directory",
                "cannot open the database x.db: IO Error: Cannot open file \"x.db\": No such file or directory; \
                 name another file with --db",
            ),
        ] {
            assert_eq!(explain(Path::new("x.db"), message).to_string(), expected);
        }
    }
}
