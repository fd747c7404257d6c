//! Which shards of a sweep the sources of a merge hold: whether they are of one plan, and which are missing.

use std::collections::{BTreeMap, BTreeSet};

use duckdb::{Connection, params};

use super::failed;
use super::merge::{Attached, INTO};
use crate::error::Error;
use crate::rows::merge::{ShardedSweep, Twice};

const READING: &str = "reading which shards there are";

/// More shards than any sweep is split into: those that are missing are listed.
const MOST: usize = 100_000;

/// The sharded sweep that a source has a part of; of several, the newest.
#[derive(Debug, Clone)]
pub struct Part {
    source: String,
    of: Whole,
}

/// A sweep that was sharded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Whole {
    plan_digest: String,
    shards: usize,
    sweep: Option<String>,
}

/// The newest sharded sweep of each source that has one.
pub fn newest(connection: &Connection, sources: &[Attached]) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    for Attached { source, name } in sources {
        let sql = format!(
            "select coalesce(plan_digest, ''), coalesce(shards, 0), sweep from {name}.main.runs \
             where kind = 'sweep' and shard is not null order by started_at desc, id desc limit 1"
        );
        let read = || -> duckdb::Result<Option<Whole>> {
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query_map([], |row| {
                Ok(Whole { plan_digest: row.get(0)?, shards: row.get(1)?, sweep: row.get(2)? })
            })?;
            rows.next().transpose()
        };
        let found = read().map_err(failed(READING))?;
        if let Some(of) = found.as_ref().filter(|of| !(1..=MOST).contains(&of.shards)) {
            let message = format!("a run of it says that it is one of {} shards", of.shards);
            return Err(Error::SourceRefused { path: source.named.clone(), message });
        }
        let source = source.named.display().to_string();
        parts.extend(found.map(|of| Part { source, of }));
    }
    Ok(parts)
}

/// Refuses shards that do not make up one sweep: of other plans, or split otherwise.
pub fn of_one_plan(parts: &[Part]) -> Result<(), Error> {
    let Some(first) = parts.first() else { return Ok(()) };
    let alike =
        |other: &&Part| (&other.of.plan_digest, other.of.shards) == (&first.of.plan_digest, first.of.shards);
    match parts.iter().find(|part| !alike(part)) {
        Some(other) => Err(Error::ShardsOfDifferentPlans { a: first.told(), b: other.told() }),
        None => Ok(()),
    }
}

impl Part {
    fn told(&self) -> String {
        let Whole { plan_digest, shards, .. } = &self.of;
        format!("{} has shards of plan {plan_digest} in {shards}", self.source)
    }
}

/// What there is now of each sweep that the sources have parts of.
pub fn state(
    connection: &Connection,
    sources: &[Attached],
    parts: &[Part],
) -> Result<Vec<ShardedSweep>, Error> {
    let wholes: BTreeSet<&Whole> = parts.iter().map(|part| &part.of).collect();
    let mut theirs = BTreeSet::new();
    for whole in &wholes {
        for Attached { name, .. } in sources {
            theirs.extend(runs(connection, name, whole)?.into_iter().map(|run| run.id));
        }
    }
    wholes.into_iter().map(|whole| Ok(sweep(whole, &runs(connection, INTO, whole)?, &theirs))).collect()
}

/// A run of a shard.
#[derive(Debug, Clone)]
struct RunOfShard {
    shard: usize,
    id: String,
    finished: bool,
}

/// The runs of a sharded sweep in a database, the earliest first.
fn runs(connection: &Connection, database: &str, whole: &Whole) -> Result<Vec<RunOfShard>, Error> {
    let sql = format!(
        "select shard, id::varchar, state = 'finished' from {database}.main.runs \
         where kind = 'sweep' and shard is not null and coalesce(plan_digest, '') = ? and coalesce(shards, 0) = ? \
             and sweep is not distinct from ? order by started_at, id"
    );
    let read = || {
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map(params![whole.plan_digest, whole.shards, whole.sweep], |row| {
            Ok(RunOfShard { shard: row.get(0)?, id: row.get(1)?, finished: row.get(2)? })
        })?;
        rows.collect::<duckdb::Result<_>>()
    };
    read().map_err(failed(READING))
}

/// A sweep by the runs of its shards, of which those in `theirs` are the sources'.
fn sweep(whole: &Whole, runs: &[RunOfShard], theirs: &BTreeSet<String>) -> ShardedSweep {
    let mut by_shard: BTreeMap<usize, Vec<&RunOfShard>> = BTreeMap::new();
    for run in runs {
        by_shard.entry(run.shard).or_default().push(run);
    }
    let missing = (1..=whole.shards).filter(|shard| !by_shard.contains_key(shard));
    let unfinished = by_shard.iter().filter(|(_, runs)| runs.last().is_some_and(|last| !last.finished));
    let twice =
        by_shard.iter().filter(|(_, runs)| runs.iter().filter(|run| theirs.contains(&run.id)).count() > 1);
    let twice = twice.map(|(shard, runs)| Twice {
        shard: *shard,
        runs: runs.iter().map(|run| run.id.clone()).collect(),
        counts: runs.last().map(|run| run.id.clone()).unwrap_or_default(),
    });
    ShardedSweep {
        plan_digest: whole.plan_digest.clone(),
        sweep: whole.sweep.clone(),
        shards: whole.shards,
        missing: missing.collect(),
        unfinished: unfinished.map(|(shard, _)| *shard).collect(),
        twice: twice.collect(),
    }
}
