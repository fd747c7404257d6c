//! Opens a database file, trusts it no further than its tables, and says in plain words why one cannot be opened.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use duckdb::{Config, Connection};

use crate::error::Error;
use crate::screen;

/// Settings that keep a database, whatever it holds, from making us read or write other files, load code, or lift this
/// again (<https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview>).
const SETTINGS: [(&str, &str); 5] = [
    ("enable_external_access", "false"),
    ("autoload_known_extensions", "false"),
    ("autoinstall_known_extensions", "false"),
    ("allow_community_extensions", "false"),
    ("lock_configuration", "true"),
];

/// Things that a database can hold besides tables, each with the names of those that are not DuckDB's own. A view or a
/// macro may stand in for a table or a function that we ask for; so these are asked for where nothing can stand in.
const BESIDES_TABLES: [(&str, &str); 3] = [
    ("view", "select view_name from system.main.duckdb_views() where not internal"),
    ("macro", "select function_name from system.main.duckdb_functions() where not internal"),
    ("type", "select type_name from system.main.duckdb_types() where not internal"),
];

/// The views that are made anew whenever a database is opened: no other may be there.
const VIEWS: [&str; 9] = [
    "samples",
    "throughput",
    "results",
    "scaling",
    "turn_ratios",
    "product_ratios",
    "kernels",
    "last_probes",
    "amiss",
];

/// Opens or makes the database at `path`, which afterwards nobody else can read: it names folders of its user.
pub fn connect(path: &Path) -> Result<Connection, Error> {
    // A log without its file is of one that was deleted; a new file has nothing to do with it.
    if !path.exists() {
        put_log_aside(path)?;
    }
    let connection = match open(path) {
        // A log that does not fit may be of another file, in whose place this one was put.
        Err(error) if is_about_the_log(&error) && put_log_aside(path)? => open(path),
        opened => opened,
    };
    let connection = connection.map_err(|error| explain(path, &error.to_string()))?;
    trust(&connection, path)?;
    #[cfg(unix)]
    keep_private(path)?;
    Ok(connection)
}

fn open(path: &Path) -> duckdb::Result<Connection> {
    let config = Config::default();
    let config = SETTINGS.iter().try_fold(config, |config, (name, value)| config.with(name, value))?;
    Connection::open_with_flags(path, config)
}

/// Where DuckDB keeps what it has committed and not yet written into the file.
pub(super) fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push(".wal");
    log.into()
}

fn is_about_the_log(error: &duckdb::Error) -> bool {
    let message = error.to_string();
    message.contains("WAL") || message.contains(".wal")
}

/// Gives a log that belongs to no file here another name, says so, and whether there was one. What is in it is kept.
fn put_log_aside(path: &Path) -> Result<bool, Error> {
    let log = log_of(path);
    if !log.exists() {
        return Ok(false);
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let aside = PathBuf::from(format!("{}.of-another-file-{seconds}", log.display()));
    fs::rename(&log, &aside).map_err(|error| Error::DatabaseUnopened {
        path: path.to_owned(),
        message: format!("the log {} belongs to another file and cannot be renamed: {error}", log.display()),
    })?;
    screen::tell(&format!(
        "the log {} was left by a database that was deleted or replaced; it is now {}",
        log.display(),
        aside.display()
    ));
    Ok(true)
}

/// Refuses a database that holds anything but tables and views of these names.
fn trust(connection: &Connection, path: &Path) -> Result<(), Error> {
    for (kind, sql) in BESIDES_TABLES {
        let names = || -> duckdb::Result<Vec<String>> {
            connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        let names = names().map_err(super::failed("looking for what is not a table"))?;
        if let Some(name) = names.iter().find(|name| kind != "view" || !VIEWS.contains(&name.as_str())) {
            let found = format!("it holds a {kind}, {name}, and Parallax makes tables only: drop it");
            return Err(Error::ForeignDatabase { path: path.to_owned(), found });
        }
    }
    Ok(())
}

/// New files are private from the start, by the mask of the process.
#[cfg(unix)]
fn keep_private(path: &Path) -> Result<(), Error> {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    match set_permissions(path, Permissions::from_mode(0o600)) {
        // A database in memory is no file.
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::DatabaseUnopened { path: path.to_owned(), message: error.to_string() })
        }
        Ok(()) | Err(_) => Ok(()),
    }
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
