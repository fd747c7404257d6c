//! The part of a database that anybody may see: tables, columns, and names of features, all listed. What is not listed is left out, so
//! that a new column is private until somebody decides otherwise.

mod patterns;

use duckdb::Connection;

use super::failed;
use super::parquet::write::SOURCE;
use crate::error::Error;
use patterns::{
    adapter_choice, browser, device, engine, feature, features_off, hash, metric, modality, node_test,
    operator, precision, processor, rate, suite, system, target, temperature, version,
};

/// What stands for text that is not shown.
const WITHHELD: &str = "…";

/// Runs that are exported, of `asked`: what other commands keep names nodes of models and folders of the machine.
pub const RUNS: &str = "kind in ('sweep', 'detect', 'conformance')";

/// How a column is shown.
#[derive(Clone, Copy)]
enum Form {
    /// As it is: a number, a time, an identifier, one of few words that the table allows.
    Kept,
    /// Text that matches all of a pattern, which has no room for a name.
    Like(fn() -> String),
    /// The last part of a path, if it can be a model's name.
    ModelName,
    /// Words of drivers and hardware, unless they hold a path, an address or a name that we know.
    Words,
}

use Form::{Kept, Like, ModelName, Words};

/// A table that is exported, and the columns that are shown.
struct Shown {
    table: &'static str,
    columns: &'static [(&'static str, Form)],
    /// The rows that are; none for all.
    only: Option<fn() -> String>,
}

/// Every table that is exported.
const PUBLIC: [Shown; 14] = [
    Shown {
        table: "runs",
        columns: &[
            ("id", Kept),
            ("kind", Kept),
            ("state", Kept),
            ("started_at", Kept),
            ("finished_at", Kept),
            ("version", Like(version)),
            ("host_os", Like(system)),
            ("host_architecture", Like(processor)),
            ("host_logical_cpus", Kept),
            ("plan_digest", Like(hash)),
            ("shard", Kept),
            ("shards", Kept),
        ],
        only: None,
    },
    Shown {
        table: "adapters",
        columns: &[
            ("id", Like(hash)),
            ("vendor", Words),
            ("architecture", Words),
            ("device", Words),
            ("description", Words),
            ("backend", Words),
            ("software", Kept),
            ("features", Words),
            ("limits", Words),
        ],
        only: None,
    },
    Shown {
        table: "cases",
        columns: &[
            ("key", Like(hash)),
            ("version", Kept),
            ("model", ModelName),
            ("model_digest", Like(hash)),
            ("target", Like(target)),
            ("precision", Like(precision)),
            ("batch", Kept),
            ("samples", Kept),
            ("warmup_limit", Kept),
            ("strict", Kept),
            ("browser_settings_digest", Like(hash)),
            ("tuning", Like(hash)),
            ("temperature", Like(temperature)),
            ("adapter", Like(adapter_choice)),
            ("features", Like(features_off)),
            ("dimensions", Words),
            ("least_ms", Kept),
            ("family", ModelName),
            ("modality", Like(modality)),
        ],
        only: None,
    },
    Shown {
        table: "trials",
        columns: &[
            ("id", Kept),
            ("run_id", Kept),
            ("position", Kept),
            ("case_key", Like(hash)),
            ("actual_target", Like(target)),
            ("engine", Like(engine)),
            ("device", Like(device)),
            ("browser", Like(browser)),
            ("browser_version", Like(version)),
            ("driver_version", Like(version)),
            ("timer_resolution_ms", Kept),
            ("adapter_id", Like(hash)),
            ("adapter_evidence", Words),
            ("session", Kept),
            ("session_position", Kept),
            ("concurrency", Kept),
            ("verdict", Kept),
            ("tolerance", Kept),
            ("started_at", Kept),
            ("finished_at", Kept),
            ("round", Kept),
            ("round_position", Kept),
        ],
        only: None,
    },
    Shown {
        table: "series",
        columns: &[("trial_id", Kept), ("metric", Like(metric)), ("phase", Kept), ("taken", Kept)],
        only: Some(of_metric),
    },
    Shown {
        table: "metrics",
        columns: &[
            ("trial_id", Kept),
            ("metric", Like(metric)),
            ("median", Kept),
            ("low", Kept),
            ("high", Kept),
            ("n", Kept),
        ],
        only: Some(of_metric),
    },
    Shown {
        table: "checks",
        columns: &[
            ("trial_id", Kept),
            ("position", Kept),
            ("elements", Kept),
            ("max_abs_error", Kept),
            ("mean_abs_error", Kept),
            ("cosine_similarity", Kept),
            ("scaled_error", Kept),
        ],
        only: None,
    },
    Shown {
        table: "placements",
        columns: &[
            ("trial_id", Kept),
            ("position", Kept),
            ("operator", Like(operator)),
            ("engine", Like(engine)),
        ],
        only: None,
    },
    Shown {
        table: "features",
        columns: &[("trial_id", Kept), ("name", Like(feature)), ("value", Words)],
        only: Some(of_feature),
    },
    Shown {
        table: "controls",
        columns: &[
            ("run_id", Kept),
            ("position", Kept),
            ("repetition", Kept),
            ("taken_at", Kept),
            ("concurrency", Kept),
            ("time_ms", Kept),
        ],
        only: None,
    },
    Shown {
        table: "probes",
        columns: &[
            ("run_id", Kept),
            ("target", Like(target)),
            ("adapter_id", Like(hash)),
            ("browser", Like(browser)),
            ("browser_version", Like(version)),
            ("metric", Like(rate)),
            ("timer", Kept),
            ("median", Kept),
            ("low", Kept),
            ("high", Kept),
            ("n", Kept),
        ],
        only: Some(of_rate),
    },
    Shown {
        table: "probe_samples",
        columns: &[
            ("run_id", Kept),
            ("target", Like(target)),
            ("metric", Like(rate)),
            ("position", Kept),
            ("value", Kept),
        ],
        only: Some(of_rate),
    },
    Shown {
        table: "conformance_targets",
        columns: &[
            ("run_id", Kept),
            ("position", Kept),
            ("target", Like(target)),
            ("suite", Like(suite)),
            ("relative_tolerance", Kept),
            ("absolute_tolerance", Kept),
            ("started_at", Kept),
            ("finished_at", Kept),
            ("adapter", Words),
            ("operators", Words),
        ],
        only: Some(of_suite),
    },
    Shown {
        table: "conformance_tests",
        columns: &[
            ("run_id", Kept),
            ("target", Like(target)),
            ("test", Like(node_test)),
            ("operators", Words),
            ("wall_ms", Kept),
            ("verdict", Kept),
        ],
        only: Some(of_node_test),
    },
];

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// True if it may hold nothing.
    pub nullable: bool,
}

fn listed(table: &str) -> Option<&'static Shown> {
    PUBLIC.iter().find(|shown| shown.table == table)
}

/// Returns whether anything of a table is exported.
pub fn is_public(table: &str) -> bool {
    listed(table).is_some()
}

/// The columns of a table that a public export has as they are, in quotes; none for a table that it does not have.
pub fn kept(table: &str) -> Option<Vec<String>> {
    let kept = listed(table)?.columns.iter().filter(|(_, form)| matches!(form, Kept));
    // A run goes on changing how it stands until it ends.
    let kept = kept.filter(|(name, _)| table != "runs" || !["state", "finished_at"].contains(name));
    Some(kept.map(|(name, _)| format!("\"{name}\"")).collect())
}

/// Every table and column that is shown, and whether as it is.
#[cfg(test)]
pub fn listed_columns() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    PUBLIC
        .iter()
        .flat_map(|shown| shown.columns.iter().map(|(name, form)| (shown.table, *name, matches!(form, Kept))))
}

/// The condition of rows `t` of a table that are exported; none where all are.
pub fn only(table: &str) -> Option<String> {
    listed(table)?.only.map(|only| only())
}

/// The condition of trials joined to `cases` that are exported: those on targets whose names we gave.
pub fn trials() -> String {
    matches("cases.target", target)
}

/// The expression that shows a column of a row `t`.
pub fn shown(table: &str, column: &Column, names: &Names) -> String {
    let form = listed(table).and_then(|shown| shown.columns.iter().find(|(name, _)| *name == column.name));
    let own = format!("t.\"{}\"", column.name);
    let (value, condition) = match form {
        None => return format!("{} as \"{}\"", withheld(column), column.name),
        Some((_, Kept)) => return own,
        Some((_, Like(pattern))) => (own.clone(), matches(&own, *pattern)),
        Some((_, ModelName)) => {
            let last = format!("regexp_extract({own}, '[^/\\\\]*$')");
            let plain = format!(
                "regexp_full_match({last}, '[A-Za-z0-9][A-Za-z0-9._-]*') and not {}",
                names.in_text(&last)
            );
            (last, plain)
        }
        Some((_, Words)) => (own.clone(), format!("not {}", names.in_text(&format!("{own}::varchar")))),
    };
    format!(
        "case when {own} is null then null when {condition} then {value} else {} end as \"{}\"",
        withheld_text(column),
        column.name
    )
}

/// What stands for a column that is not listed.
fn withheld(column: &Column) -> String {
    if column.nullable { format!("null::{}", column.kind) } else { withheld_text(column) }
}

/// What stands for a value that is not shown, though its column is.
fn withheld_text(column: &Column) -> String {
    match (column.kind.as_str(), column.nullable) {
        ("JSON", true) => "null".to_owned(),
        ("JSON", false) => "'{}'::json".to_owned(),
        _ => format!("'{WITHHELD}'"),
    }
}

fn matches(text: &str, pattern: fn() -> String) -> String {
    format!("regexp_full_match({text}, '{}')", pattern())
}

/// Names of machines and of their users, which no words may hold.
#[derive(Debug)]
pub struct Names(Vec<String>);

/// Names that are shorter are parts of all kinds of words.
const SHORTEST_NAME: usize = 3;

impl Names {
    /// Those that the attached database and this process know of.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn of(connection: &Connection) -> Result<Names, Error> {
        let sql = format!(
            "select distinct lower(name) from (
                 select host_name as name from {SOURCE}.main.runs
                 union all select unnest(regexp_extract_all(command_line::varchar || ' ' || coalesce(message, ''),
                     '(?i)(?:/home/|/users/|\\\\users\\\\+)([^/\\\\\" ]+)', 1)) from {SOURCE}.main.runs
             ) where name is not null"
        );
        let read =
            || connection.prepare(&sql)?.query_map([], |row| row.get(0))?.collect::<duckdb::Result<_>>();
        let known: Vec<String> = read().map_err(failed("looking for names of machines"))?;
        let own = ["USER", "USERNAME", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
        let host = sysinfo::System::host_name();
        Ok(Names::all(known.into_iter().chain(own).chain(host)))
    }

    fn all(names: impl IntoIterator<Item = String>) -> Names {
        let mut names: Vec<String> = names.into_iter().map(|name| name.to_lowercase()).collect();
        // Everybody's name is nobody's.
        names.retain(|name| {
            name.chars().count() >= SHORTEST_NAME && !["root", "localhost"].contains(&name.as_str())
        });
        names.sort();
        names.dedup();
        Names(names)
    }

    /// The condition that a text holds one of them, a path or an address.
    fn in_text(&self, text: &str) -> String {
        // A path begins where a word does; a slash within one, as in OpenGL/Vulkan, is none.
        let path = r"(^|[^A-Za-z0-9])~?/|[A-Za-z]:\\|\\\\|://|@";
        let names =
            self.0.iter().map(|name| format!(" or contains(lower({text}), '{}')", name.replace('\'', "''")));
        format!("(regexp_matches({text}, '{path}'){})", names.collect::<String>())
    }
}

fn of_metric() -> String {
    matches("t.metric", metric)
}

fn of_feature() -> String {
    matches("t.name", feature)
}

fn of_rate() -> String {
    format!("{} and {}", matches("t.target", target), matches("t.metric", rate))
}

fn of_suite() -> String {
    format!("{} and {}", matches("t.target", target), matches("t.suite", suite))
}

/// Tests of a suite that users made are theirs.
fn of_node_test() -> String {
    format!(
        "{} and {} and exists (select 1 from {SOURCE}.main.conformance_targets as of \
         where of.run_id = t.run_id and of.target = t.target and {})",
        matches("t.target", target),
        matches("t.test", node_test),
        matches("of.suite", suite)
    )
}
