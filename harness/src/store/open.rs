//! Opens a database file, trusts it no further than its tables, and says in plain words why one cannot be opened.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use duckdb::{AccessMode, Config, Connection};

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

/// How much DuckDB keeps in memory. What does not fit goes to files beside the database for a while, and a million trials are merged
/// and asked about as fast as with seven times as much.
const MEMORY: (&str, &str) = ("memory_limit", "256MB");

/// Those settings that say which files can be reached, the one that locks them last.
const REACH: [&str; 2] = ["enable_external_access", "lock_configuration"];

/// Things that a database can hold besides tables, each with the names of those that are not DuckDB's own. A view or a
/// macro may stand in for a table or a function that we ask for; so these are asked for where nothing can stand in. What is
/// temporary is in no file.
const BESIDES_TABLES: [(&str, &str); 3] = [
    (
        "view",
        "select view_name from system.main.duckdb_views() where not internal and database_name <> 'temp'",
    ),
    (
        "macro",
        "select function_name from system.main.duckdb_functions() where not internal and database_name <> 'temp'",
    ),
    (
        "type",
        "select type_name from system.main.duckdb_types() where not internal and database_name <> 'temp'",
    ),
];

/// The views that are made anew whenever a database is opened: no other may be there.
const VIEWS: [&str; 16] = [
    "samples",
    "throughput",
    "results",
    "scaling",
    "turn_ratios",
    "product_ratios",
    "kernels",
    "last_probes",
    "amiss",
    "same_sweep",
    "web_platform_tests",
    "web_platform_performance",
    "browser_capabilities",
    "feature_usage",
    "hardware_results",
    "hardware_detection",
];

/// Opens or makes the database at `path`, which afterwards nobody else can read: it names folders of its user.
pub fn connect(path: &Path) -> Result<Connection, Error> {
    // A log without its file is of one that was deleted; a new file has nothing to do with it.
    if !path.exists() {
        put_log_aside(path)?;
    }
    let connection = match open_patiently(path) {
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

/// Opens or makes the database at `new`, which can reach the one at `path` and nothing else.
pub fn connect_for_copying(path: &Path, new: &Path) -> Result<Connection, Error> {
    let allowed = format!("{}, {}", quoted(path)?, quoted(&log_of(path))?);
    let opened = || -> duckdb::Result<Connection> {
        let (late, early): (Vec<_>, Vec<_>) = SETTINGS.iter().partition(|(name, _)| REACH.contains(name));
        let connection = Connection::open_with_flags(new, settings(&early)?)?;
        connection.execute_batch(&format!("set allowed_paths = [{allowed}]"))?;
        for (name, value) in late {
            connection.execute_batch(&format!("set {name} = {value}"))?;
        }
        Ok(connection)
    };
    let connection = opened().map_err(|error| explain(new, &error.to_string()))?;
    #[cfg(unix)]
    keep_private(new)?;
    Ok(connection)
}

/// Adds another database to a connection that can reach it, under a name. It is only read.
pub fn attach(connection: &Connection, path: &Path, name: &str) -> Result<(), Error> {
    let attached = connection.execute_batch(&format!("attach {} as {name} (read_only)", quoted(path)?));
    attached.map_err(|error| explain(path, &error.to_string()))
}

/// Waits a little for one who holds it only to look at it, as `parallax serve` does for a page.
fn open_patiently(path: &Path) -> duckdb::Result<Connection> {
    const PATIENCE: Duration = Duration::from_secs(2);
    const BREATH: Duration = Duration::from_millis(50);
    let begun = Instant::now();
    loop {
        match open(path) {
            Err(error) if is_held(&error.to_string()) && begun.elapsed() < PATIENCE => thread::sleep(BREATH),
            opened => return opened,
        }
    }
}

fn open(path: &Path) -> duckdb::Result<Connection> {
    Connection::open_with_flags(path, settings(&SETTINGS)?)
}

fn settings(settings: &[(&str, &str)]) -> duckdb::Result<Config> {
    settings
        .iter()
        .chain([&MEMORY])
        .try_fold(Config::default(), |config, (name, value)| config.with(name, value))
}

/// Opens the database at `path` to look at it: nothing of it is changed, and it must be there.
pub(super) fn read_only(path: &Path) -> Result<Connection, Error> {
    let config = settings(&SETTINGS).and_then(|config| config.access_mode(AccessMode::ReadOnly));
    let connection = config.and_then(|config| Connection::open_with_flags(path, config));
    let connection = connection.map_err(|error| explain(path, &error.to_string()))?;
    trust(&connection, path)?;
    Ok(connection)
}

/// Opens a database in memory that can attach these databases, read and write in these folders, and reach nothing else; what
/// does not fit into memory goes to `spilled`.
pub(super) fn reaching(databases: &[&Path], folders: &[&Path], spilled: &Path) -> Result<Connection, Error> {
    // Beside a log are those that a checkpoint and a recovery begin.
    let suffixes = ["", ".wal", ".wal.checkpoint", ".wal.recovery"];
    let with_logs = |path: &&Path| suffixes.map(|suffix| with_suffix(path, suffix));
    let files: Vec<PathBuf> = databases.iter().flat_map(with_logs).collect();
    let files = files.iter().map(|path| quoted(path)).collect::<Result<Vec<_>, _>>()?.join(", ");
    let folders = folders.iter().map(|path| quoted(path)).collect::<Result<Vec<_>, _>>()?.join(", ");
    let sql = format!(
        "set temp_directory = {}; set allowed_paths = [{files}]; set allowed_directories = [{folders}]; \
         set enable_external_access = false; set lock_configuration = true",
        quoted(spilled)?
    );
    let open = || -> duckdb::Result<Connection> {
        // What may be reached can be said only while all may be, and nothing is read before.
        let before = SETTINGS.iter().filter(|(name, _)| !sql.contains(&format!("set {name}"))).copied();
        let connection = Connection::open_in_memory_with_flags(settings(&before.collect::<Vec<_>>())?)?;
        connection.execute_batch(&sql)?;
        Ok(connection)
    };
    open().map_err(super::failed("opening files beside it"))
}

/// A path as a text of SQL.
pub(super) fn quoted(path: &Path) -> Result<String, Error> {
    let text = path.to_str().ok_or_else(|| Error::DatabaseUnopened {
        path: path.to_owned(),
        message: "its name is not Unicode: rename it".to_owned(),
    })?;
    Ok(format!("'{}'", text.replace('\'', "''")))
}

/// Where DuckDB keeps what it has committed and not yet written into the file.
pub(super) fn log_of(path: &Path) -> PathBuf {
    with_suffix(path, ".wal")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
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

/// Refuses a database that holds anything but tables and views of these names, or is attached to one that does.
pub(super) fn trust(connection: &Connection, path: &Path) -> Result<(), Error> {
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
    match is_held(message) {
        true => Error::DatabaseHeld {
            path,
            holder: holder(message).map_or(String::new(), |who| format!(", {who}")),
        },
        false => Error::DatabaseUnopened { path, message: message.to_owned() },
    }
}

fn is_held(message: &str) -> bool {
    message.contains("Could not set lock") || message.contains("being used by another process")
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
