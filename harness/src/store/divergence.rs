//! Divergences in the store: how far apart two targets are, node by node.

use duckdb::{Transaction, params};

use super::write::insert_adapter;
use super::{RunId, Store};
use crate::error::Error;
use crate::rows::divergence::Divergence;

impl Store {
    /// Adds what two runs showed to their run: all of it, or nothing.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn add_divergence(&mut self, run: &RunId, divergence: &Divergence<'_>) -> Result<(), Error> {
        self.in_transaction("adding a divergence", |transaction| insert(transaction, run, divergence))
    }
}

fn insert(transaction: &Transaction<'_>, run: &RunId, divergence: &Divergence<'_>) -> duckdb::Result<()> {
    let Divergence { model, model_digest, a, b, tolerance, unfused, nodes } = divergence;
    let [adapter_a, adapter_b] =
        [insert_adapter(transaction, a.adapter)?, insert_adapter(transaction, b.adapter)?];
    let (a, b) = (a.target.to_string(), b.target.to_string());
    let row = params![run, model, model_digest, a, b, adapter_a, adapter_b, tolerance, unfused];
    transaction.execute("insert into divergences values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)?;
    let mut rows = transaction.appender("divergence_nodes")?;
    for (position, step) in (0u32..).zip(*nodes) {
        let (node, comparison) = (&step.node, &step.comparison);
        rows.append_row(params![
            run,
            position,
            node.node,
            node.operator,
            node.value,
            step.value_on_b,
            step.tensor_type,
            comparison.max_abs,
            comparison.relative,
            comparison.magnitude,
            step.inherited,
            step.growth,
            step.finding.name(),
            comparison.fault,
        ])?;
    }
    rows.flush()
}
