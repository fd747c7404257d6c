//! What tuning found in the store, and the way back.

use duckdb::{Row, params};
use protocol::{KernelClass, Target, Trial, TrialEnd, TuneReport};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::read::{ADAPTER, parsed, read_adapter};
use super::write::insert_adapter;
use super::{RunId, Store, failed};
use crate::error::Error;
use crate::rows::tuning::{TunedClass, Tuning};

const COLUMNS: &str = "run_id::varchar, target, family, class, adapter_words, browser_version, implementation, tunings.software, shapes, left_out::varchar";

impl Store {
    /// Adds a class of kernels to a run of tuning: all of it, or nothing.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn add_tuning(
        &mut self,
        run: &RunId,
        target: &Target,
        browser_version: Option<&String>,
        report: &TuneReport,
    ) -> Result<(), Error> {
        self.in_transaction("adding what tuning found", |transaction| {
            let adapter = insert_adapter(transaction, &report.adapter)?;
            let (target, KernelClass { family, class }) = (target.to_string(), report.class);
            let (family, class) = (family.name(), class.name());
            let (implementation, left_out) = (word(&report.implementation), text(&report.left_out));
            let row = params![
                run,
                target,
                family,
                class,
                adapter,
                report.words,
                browser_version,
                implementation,
                report.software,
                report.shapes,
                left_out
            ];
            transaction.execute("insert into tunings values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)?;
            for (position, trial) in (0i32..).zip(&report.trials) {
                let Trial { choice, end, rounds_ms, deciding_ms } = trial;
                let [choice, end] = [text(choice), text(end)];
                let [rounds, deciding] = [rounds_ms, deciding_ms].map(text);
                let row = params![run, target, family, class, position, choice, end, rounds, deciding];
                transaction.execute("insert into tuning_trials values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)?;
            }
            Ok(())
        })
    }

    /// Everything that a run of tuning found.
    ///
    /// # Errors
    /// When there is no such run or the database cannot be read.
    pub fn tuning(&self, run: &RunId) -> Result<Tuning, Error> {
        let sql = format!(
            "select {COLUMNS}, {ADAPTER} from tunings join adapters on adapters.id = adapter_id \
             where run_id = ? order by tunings.rowid"
        );
        let classes = self.rows(&sql, run, read)?;
        Ok(Tuning { run: self.run(run)?, classes: self.with_trials(classes)? })
    }

    /// What was found last of each class of kernels in each place.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_tunings(&self) -> Result<Vec<TunedClass>, Error> {
        let sql = format!(
            "select {COLUMNS}, {ADAPTER} from tunings join adapters on adapters.id = adapter_id \
             join runs on runs.id = run_id \
             qualify row_number() over (partition by target, browser_version, adapter_words, tunings.software, family, class \
             order by started_at desc) = 1 order by started_at, tunings.rowid"
        );
        let classes = self.query("looking for tunings", &sql, [], read)?;
        self.with_trials(classes)
    }

    fn with_trials(&self, classes: Vec<(String, TunedClass)>) -> Result<Vec<TunedClass>, Error> {
        classes.into_iter().map(|(run, class)| self.with_its_trials(&run, class)).collect()
    }

    fn with_its_trials(&self, run: &str, mut class: TunedClass) -> Result<TunedClass, Error> {
        let sql = "select choice::varchar, ending::varchar, rounds_ms::varchar, deciding_ms::varchar from tuning_trials \
                   where run_id::varchar = ? and target = ? and family = ? and class = ? order by position";
        let KernelClass { family, class: shape } = class.report.class;
        let read = || -> duckdb::Result<Vec<Trial>> {
            let mut statement = self.connection.prepare(sql)?;
            let named = params![run, class.target, family.name(), shape.name()];
            let trials = statement.query_map(named, |row| {
                Ok((row.get(0)?, row.get::<_, Option<String>>(1)?, row.get(2)?, row.get(3)?))
            })?;
            let trial = |(choice, end, rounds, deciding): (
                Option<String>,
                Option<String>,
                Option<String>,
                Option<String>,
            )| {
                Some(Trial {
                    choice: parsed(choice)?,
                    end: parsed(end).unwrap_or(TrialEnd::Measured),
                    rounds_ms: parsed(rounds).unwrap_or_default(),
                    deciding_ms: parsed(deciding).unwrap_or_default(),
                })
            };
            trials.filter_map(|row| row.map(trial).transpose()).collect()
        };
        class.report.trials = read().map_err(failed("reading what tuning found"))?;
        Ok(class)
    }
}

/// The word that a name of ours is in JSON.
fn word(name: &impl Serialize) -> String {
    text(name).trim_matches('"').to_owned()
}

fn text(data: &impl Serialize) -> String {
    serde_json::to_string(data).unwrap_or_default()
}

/// A name of ours by its word.
fn named<T: DeserializeOwned>(word: &str) -> duckdb::Result<T> {
    serde_json::from_value(serde_json::Value::from(word))
        .map_err(|error| duckdb::Error::ToSqlConversionFailure(Box::new(error)))
}

fn read(row: &Row<'_>) -> duckdb::Result<(String, TunedClass)> {
    let text = |at: usize| row.get::<_, String>(at);
    let class = KernelClass { family: named(&text(2)?)?, class: named(&text(3)?)? };
    let report = TuneReport {
        adapter: read_adapter(row, 10)?.unwrap_or_default(),
        words: text(4)?,
        implementation: named(&text(6)?)?,
        software: row.get(7)?,
        class,
        shapes: row.get::<_, i32>(8)? as u32,
        left_out: parsed(row.get(9)?).unwrap_or_default(),
        trials: Vec::new(),
    };
    Ok((text(0)?, TunedClass { target: text(1)?, browser_version: row.get(5)?, report }))
}
