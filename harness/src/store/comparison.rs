//! Comparisons in the store: which trials are the turns of a model on two targets; and the way back.

use std::collections::BTreeMap;

use duckdb::{Row, params};

use super::read::by_trial;
use super::write::insert_trial;
use super::{RunId, Store, failed};
use crate::error::Error;
use crate::pair::Pair;
use crate::rows::comparison::{Comparison, Comparisons, Side, Turn};
use crate::trial::Trial;

/// A comparison in the store.
#[derive(Debug, Clone)]
pub struct ComparisonId(String);

/// A turn's place in its comparison.
#[derive(Debug, Clone, Copy)]
pub struct TurnPlace {
    /// The round, from 0.
    pub round: u32,
    /// Who took it.
    pub side: Side,
    /// Turns of the round before it.
    pub position: u32,
}

impl Store {
    /// Begins a comparison.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn begin_comparison(
        &mut self,
        run: &RunId,
        position: u32,
        model: &str,
        pair: &Pair,
    ) -> Result<ComparisonId, Error> {
        self.check_file()?;
        let sql = "insert into comparisons (run_id, position, model, ours, other) values (?, ?, ?, ?, ?) returning id::varchar";
        let row = params![run, position, model, pair.ours.to_string(), pair.other.to_string()];
        let id = self.connection.query_row(sql, row, |row| row.get(0));
        id.map(ComparisonId).map_err(failed("beginning a comparison"))
    }

    /// Adds a trial that was a turn of a comparison.
    ///
    /// # Errors
    /// When the database cannot take it; it then holds nothing of the trial.
    pub fn add_turn(
        &mut self,
        run: &RunId,
        comparison: &ComparisonId,
        place: TurnPlace,
        trial: &Trial,
    ) -> Result<(), Error> {
        self.in_transaction("adding a turn", |transaction| {
            let trial = insert_trial(transaction, run, trial)?;
            let TurnPlace { round, side, position } = place;
            let row = params![comparison.0, round, side.name(), position, trial];
            transaction.execute("insert into turns values (?, ?, ?, ?, ?)", row).map(|_| ())
        })
    }

    /// Everything stored of a run's comparisons, in the order of the run.
    ///
    /// # Errors
    /// When there is no such run or the database cannot be read.
    pub fn comparisons(&self, run: &RunId) -> Result<Comparisons, Error> {
        let sql =
            "select id::varchar, model, ours, other from comparisons where run_id = ? order by position";
        let read = |row: &Row<'_>| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
        };
        let comparisons: Vec<(String, String, String, String)> = self.rows(sql, run, read)?;
        let mut cases = BTreeMap::from_iter(self.cases(run)?);
        let sql = "select comparison_id::varchar, side, trial_id::varchar from turns \
                   join comparisons on comparisons.id = comparison_id where run_id = ? order by turns.round, turns.position";
        let turns: Vec<(String, String, String)> =
            self.rows(sql, run, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let mut turns = by_trial(turns.into_iter().filter_map(|(comparison, side, trial)| {
            let side = if side == Side::Ours.name() { Side::Ours } else { Side::Other };
            Some((comparison, Turn { side, case: cases.remove(&trial)? }))
        }));
        let complete = |(id, model, ours, other): (String, String, String, String)| {
            let target = |text: &str| text.parse().map_err(|error| Error::Row(format!("{error}")));
            let pair = Pair { ours: target(&ours)?, other: target(&other)? };
            Ok(Comparison { model, pair, turns: turns.remove(&id).unwrap_or_default() })
        };
        let comparisons = comparisons.into_iter().map(complete).collect::<Result<_, Error>>()?;
        Ok(Comparisons { run: self.run(run)?, comparisons })
    }
}
