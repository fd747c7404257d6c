//! Matrix products in the store, and the way back.

use std::collections::BTreeMap;

use duckdb::{Row, Transaction, params};
use protocol::Verdict;

use super::read::{ADAPTER, parsed, read_adapter, verdict_named};
use super::write::{insert_adapter, json};
use super::{RunId, Store};
use crate::error::Error;
use crate::rows::product::{Product, Products};

const OURS: &str = "ours";
const OURS_GPU: &str = "ours-gpu";
const OTHER: &str = "other";

impl Store {
    /// Adds a product: all of it, or nothing.
    ///
    /// # Errors
    /// When the database cannot take it.
    pub fn add_product(&mut self, run: &RunId, position: u32, product: &Product) -> Result<(), Error> {
        self.in_transaction("adding a matrix product", |transaction| {
            insert(transaction, run, position, product)
        })
    }

    /// Everything stored of a run of matrix products, in its order.
    ///
    /// # Errors
    /// When there is no such run or the database cannot be read.
    pub fn products(&self, run: &RunId) -> Result<Products, Error> {
        let sql = "select position, side, time_ms from product_times where run_id = ? order by round";
        let mut times: BTreeMap<(u32, String), Vec<f64>> = BTreeMap::new();
        for (position, side, time_ms) in
            self.rows(sql, run, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        {
            times.entry((position, side)).or_default().push(time_ms);
        }
        let sql = format!(
            "select position, browser, size, verdict, message, max_abs_difference, facts, {ADAPTER} from products \
             left join adapters on adapters.id = adapter_id where run_id = ? order by position"
        );
        let products = self.rows(&sql, run, read)?.into_iter().map(|(position, verdict, product)| {
            let mut of = |side: &str| times.remove(&(position, side.to_owned())).unwrap_or_default();
            let (ours_ms, reference_ms, ours_gpu_ms) = (of(OURS), of(OTHER), of(OURS_GPU));
            Ok(Product { verdict: verdict_named(&verdict)?, ours_ms, reference_ms, ours_gpu_ms, ..product })
        });
        Ok(Products { run: self.run(run)?, products: products.collect::<Result<_, Error>>()? })
    }
}

fn insert(
    transaction: &Transaction<'_>,
    run: &RunId,
    position: u32,
    product: &Product,
) -> duckdb::Result<()> {
    let adapter = product.adapter.as_ref().map(|adapter| insert_adapter(transaction, adapter)).transpose()?;
    let row = params![
        run,
        position,
        product.browser,
        product.size,
        product.verdict.name(),
        product.message,
        adapter,
        product.max_abs_difference,
        json(&product.facts),
    ];
    transaction.execute("insert into products values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)?;
    let sides = [(OURS, &product.ours_ms), (OTHER, &product.reference_ms), (OURS_GPU, &product.ours_gpu_ms)];
    for (side, times_ms) in sides {
        for (round, time_ms) in (0u32..).zip(times_ms) {
            let row = params![run, position, side, round, time_ms];
            transaction.execute("insert into product_times values (?, ?, ?, ?, ?)", row)?;
        }
    }
    Ok(())
}

fn read(row: &Row<'_>) -> duckdb::Result<(u32, String, Product)> {
    let product = Product {
        browser: row.get(1)?,
        size: row.get(2)?,
        verdict: Verdict::Error,
        message: row.get(4)?,
        adapter: read_adapter(row, 7)?,
        max_abs_difference: row.get(5)?,
        facts: parsed(row.get(6)?).unwrap_or_default(),
        ours_ms: Vec::new(),
        reference_ms: Vec::new(),
        ours_gpu_ms: Vec::new(),
    };
    Ok((row.get(0)?, row.get(3)?, product))
}
