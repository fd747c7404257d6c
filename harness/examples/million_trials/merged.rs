//! The same trials as ten machines have them, each a shard of every sweep, brought together twice.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::time::Instant;

use duckdb::{Connection, params};
use harness::store::{Store, merge};

use crate::generated::{CASES, Generated};
use crate::questions::peak_mb;

/// The machines.
const SHARDS: usize = 10;
/// The database that they are merged into.
const INTO: &str = "merged.duckdb";
/// What tells a process to merge.
pub const MERGE: &str = "--merge";

/// Makes the databases of the machines, has them merged, and merged again; prints what each took.
pub fn print(folder: &Path, sweeps: usize) -> Result<(), Box<dyn Error>> {
    let folder = folder.join("shards");
    fs::create_dir_all(&folder)?;
    make(&folder, sweeps)?;
    let into = folder.join(INTO);
    let _ = [into.clone(), into.with_extension("duckdb.wal")].map(fs::remove_file);
    println!("{SHARDS} shards of {} trials       seconds  trials added  MB at most", sweeps / SHARDS * CASES);
    let mut contents = Vec::new();
    for name in ["merged", "merged again"] {
        let merging = Process::new(std::env::current_exe()?).arg(MERGE).arg(&folder).output()?;
        if !merging.status.success() {
            return Err(String::from_utf8_lossy(&merging.stderr).into());
        }
        println!("{name:30}  {}", String::from_utf8_lossy(&merging.stdout).trim_end());
        contents.push(contents_of(&into)?);
    }
    match &contents[..] {
        [first, second] if first == second => Ok(()),
        _ => Err(format!("merging again changed what is there: {contents:?}").into()),
    }
}

/// Merges, and tells what it took.
pub fn perform(folder: &Path) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let merged = merge(&folder.join(INTO), &sources(folder), false)?;
    let took_s = begun.elapsed().as_secs_f64();
    let added: usize = merged.sources.iter().map(|source| source.trials.added).sum();
    println!("{took_s:>9.1}  {added:>12}  {:>10.0}", peak_mb()?);
    Ok(())
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    (1..=SHARDS).map(|shard| folder.join(format!("{shard}.duckdb"))).collect()
}

/// Makes the databases of the machines; those that are there are taken as they are.
fn make(folder: &Path, sweeps: usize) -> Result<(), Box<dyn Error>> {
    let sources = sources(folder);
    if sources.iter().all(|source| source.exists()) {
        return Ok(());
    }
    let mut generated = Generated::new(sweeps)?;
    for (source, shard) in sources.iter().zip(1_u64..) {
        let _ = [source.clone(), source.with_extension("duckdb.wal")].map(fs::remove_file);
        let making = source.with_extension("making");
        let _ = fs::remove_file(&making);
        let mut store = Store::open(&making)?;
        for _ in 0..sweeps / SHARDS {
            generated.next_sweep().add_to(&mut store)?;
        }
        drop(store);
        let sql = "update runs set plan_digest = 'plan', shard = ?, shards = ?, sweep = age from \
                   (select id as of, row_number() over (order by id) as age from runs) where of = id";
        Connection::open(&making)?.execute(sql, params![shard, SHARDS as u64])?;
        fs::rename(making, source)?;
    }
    Ok(())
}

/// How many trials a database holds, and a number that another trial, or another series of one, would change.
fn contents_of(file: &Path) -> Result<(i64, String), Box<dyn Error>> {
    let sql = "select (select count(*) from trials), \
               xor((select bit_xor(hash(trials)) from trials), (select bit_xor(hash(series)) from series))::varchar";
    Ok(Connection::open(file)?.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
}
