//! Probes of adapters in the store, and the way back.

use duckdb::{Row, params};
use protocol::{Adapter, Probe, ProbeReport, Target, Timer};

use super::read::{ADAPTER, read_adapter};
use super::write::insert_adapter;
use super::{RunId, Store, failed};
use crate::error::Error;
use crate::rows::probe::{Peaks, ProbeRow, ProbedTarget, Probes};
use crate::statistics::{Interval, Summary};

impl Store {
    /// Adds what probing a target showed to its run: all of it, or nothing.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn add_probes(
        &mut self,
        run: &RunId,
        target: &Target,
        browser_version: Option<&String>,
        report: &ProbeReport,
    ) -> Result<(), Error> {
        self.in_transaction("adding probes", |transaction| {
            let adapter = insert_adapter(transaction, &report.adapter)?;
            let name = target.to_string();
            for probe in &report.probes {
                let Some(summary) = Summary::of(&probe.values) else { continue };
                let [low, high] =
                    [|it: Interval| it.low, |it: Interval| it.high].map(|end| summary.interval.map(end));
                let (metric, timer) = (probe.probe.name(), probe.timer.name());
                let Summary { median, n, .. } = summary;
                let row = params![
                    run,
                    name,
                    adapter,
                    target.browser,
                    browser_version,
                    metric,
                    timer,
                    median,
                    low,
                    high,
                    n
                ];
                transaction.execute("insert into probes values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)?;
                for (position, value) in (0i32..).zip(&probe.values) {
                    let row = params![run, name, metric, position, value];
                    transaction.execute("insert into probe_samples values (?, ?, ?, ?, ?)", row)?;
                }
            }
            Ok(())
        })
    }

    /// Everything stored of a run of probes, target by target.
    ///
    /// # Errors
    /// When there is no such run or the database cannot be read.
    pub fn probes(&self, run: &RunId) -> Result<Probes, Error> {
        let sql = format!(
            "select target, browser_version, metric, timer::varchar, median, low, high, n, \
             (select to_json(list(value order by position))::varchar from probe_samples as samples \
              where samples.run_id = probes.run_id and samples.target = probes.target \
              and samples.metric = probes.metric), {ADAPTER} \
             from probes join adapters on adapters.id = adapter_id where run_id = ? order by probes.rowid"
        );
        let mut targets: Vec<ProbedTarget> = Vec::new();
        for found in self.rows(&sql, run, read)? {
            match targets.last_mut().filter(|last| last.target == found.target) {
                Some(last) => last.probes.extend(found.probes),
                None => targets.push(found),
            }
        }
        Ok(Probes { run: self.run(run)?, targets })
    }

    /// What was found last of an adapter in a browser, or natively.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn peaks(&self, adapter: &Adapter, browser: Option<&str>) -> Result<Peaks, Error> {
        let sql =
            "select metric, median from last_probes where adapter_id = ? and browser is not distinct from ?";
        let id = super::write::adapter_id(adapter);
        let read = || -> duckdb::Result<Vec<(String, f64)>> {
            let mut statement = self.connection.prepare(sql)?;
            let rows = statement.query_map(params![id, browser], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        let found = read().map_err(failed("looking for probes of the adapter"))?;
        let most = |probes: &[Probe]| {
            let named = |name: &String| probes.iter().any(|probe| probe.name() == name);
            found.iter().filter(|(name, _)| named(name)).map(|(_, rate)| *rate).reduce(f64::max)
        };
        Ok(Peaks {
            gb_per_s: most(&[Probe::ReadBandwidth, Probe::WriteBandwidth, Probe::CopyBandwidth]),
            gflop_per_s: most(&[Probe::F32Rate]),
        })
    }
}

fn read(row: &Row<'_>) -> duckdb::Result<ProbedTarget> {
    let (low, high): (Option<f64>, Option<f64>) = (row.get(5)?, row.get(6)?);
    let interval = low.zip(high).map(|(low, high)| Interval { low, high });
    let timer: String = row.get(3)?;
    let probe = ProbeRow {
        metric: row.get(2)?,
        timer: if timer == Timer::Timestamps.name() { Timer::Timestamps } else { Timer::Wall },
        summary: Summary { median: row.get(4)?, interval, n: row.get::<_, i64>(7)? as usize },
        samples: super::read::parsed(row.get(8)?).unwrap_or_default(),
    };
    Ok(ProbedTarget {
        target: row.get(0)?,
        adapter: read_adapter(row, 9)?.unwrap_or_default(),
        browser_version: row.get(1)?,
        probes: vec![probe],
    })
}
