//! Tables of models and targets whose latencies are known, some of them hidden, to see how well those are predicted.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::{Rate, normal};
use crate::statistics::predict::{Cell, Predictor};

/// How a table of models and targets comes about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Table {
    /// What it is called.
    pub name: &'static str,
    /// How many models.
    pub models: usize,
    /// How many targets.
    pub targets: usize,
    /// The share of cells that never ran, from 0 to 1.
    pub missing: f64,
    /// How far targets differ in what they pay for one kind of operator, as the standard deviation of the logarithm.
    pub interaction: f64,
    /// Whether operations, bytes and operators of each model are known.
    pub features: bool,
}

/// The tables that are simulated.
pub const TABLES: [Table; 6] = [
    Table { name: "13 × 6", models: 13, targets: 6, missing: 0.2, interaction: 0.0, features: true },
    Table {
        name: "13 × 6, interaction",
        models: 13,
        targets: 6,
        missing: 0.2,
        interaction: 0.5,
        features: true,
    },
    Table {
        name: "13 × 6, no features",
        models: 13,
        targets: 6,
        missing: 0.2,
        interaction: 0.3,
        features: false,
    },
    Table {
        name: "20 × 10, interaction",
        models: 20,
        targets: 10,
        missing: 0.3,
        interaction: 0.5,
        features: true,
    },
    Table {
        name: "20 × 10, half missing",
        models: 20,
        targets: 10,
        missing: 0.5,
        interaction: 0.3,
        features: true,
    },
    Table {
        name: "20 × 10, no features",
        models: 20,
        targets: 10,
        missing: 0.3,
        interaction: 0.5,
        features: false,
    },
];

/// What came of many tables of one kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Predicted {
    /// How often the 90 % interval held the hidden latency.
    pub held: Rate,
    /// The hidden cells' errors: absolute logarithms of predicted over true, sorted.
    pub errors: Vec<f64>,
    /// The known cells' errors when left out, likewise.
    pub left_out_errors: Vec<f64>,
    /// The intervals' widths as the logarithm of upper over lower end, sorted.
    pub widths: Vec<f64>,
}

/// The middle of sorted errors; zero when there are none.
pub fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Simulates `count` tables, predicts what they hide, and compares.
pub fn predict(table: Table, count: usize, random: &mut Rng) -> Predicted {
    let mut all = Predicted::default();
    for _ in 0..count {
        let (known, hidden, features) = simulate(table, random);
        let Some(predictor) = Predictor::of(&known, &features) else { continue };
        all.left_out_errors.extend(predictor.left_out_errors());
        for cell in hidden {
            let Some(prediction) = predictor.predict(&cell.model, &cell.target) else { continue };
            all.held.count((prediction.low_ms..=prediction.high_ms).contains(&cell.latency_ms));
            all.errors.push((prediction.latency_ms / cell.latency_ms).ln().abs());
            all.widths.push((prediction.high_ms / prediction.low_ms).ln());
        }
    }
    for sorted in [&mut all.errors, &mut all.left_out_errors, &mut all.widths] {
        sorted.sort_by(f64::total_cmp);
    }
    all
}

/// A latency is what a target pays for each operator, operation and byte, times what it pays for the model's kind of
/// operator, scattered by 5 %; one cell in thirty is far off, as where a tuning fits badly.
fn simulate(table: Table, random: &mut Rng) -> (Vec<Cell>, Vec<Cell>, BTreeMap<String, Vec<f64>>) {
    let ln_normal = |random: &mut Rng, middle: f64, spread: f64| middle * (spread * normal(random)).exp();
    let models: Vec<[f64; 4]> = (0..table.models)
        .map(|_| {
            let size = normal(random);
            let [gigaflops, megabytes] =
                [(2.0, 1.4), (40.0, 1.0)].map(|(middle, spread)| middle * (spread * size).exp());
            [
                ln_normal(random, gigaflops, 0.5),
                ln_normal(random, megabytes, 0.5),
                ln_normal(random, 300.0, 0.6),
                normal(random),
            ]
        })
        .collect();
    let targets: Vec<[f64; 4]> = (0..table.targets)
        .map(|_| {
            let [per_gigaflop, per_megabyte, per_operator] = [(10.0, 1.0), (0.1, 0.7), (0.02, 1.0)]
                .map(|(middle, spread)| ln_normal(random, middle, spread));
            [per_gigaflop, per_megabyte, per_operator, table.interaction * normal(random)]
        })
        .collect();
    let (mut known, mut hidden, mut features) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (model, [gigaflops, megabytes, operators, kind]) in models.iter().enumerate() {
        let name = format!("model {model}");
        if table.features {
            features.insert(name.clone(), vec![*gigaflops, *megabytes, *operators]);
        }
        for (target, [per_gigaflop, per_megabyte, per_operator, answer]) in targets.iter().enumerate() {
            let ideal_ms = gigaflops * per_gigaflop + megabytes * per_megabyte + operators * per_operator;
            let misfit = if random.f64() < 1.0 / 30.0 { 3.0 } else { 1.0 };
            let latency_ms = ideal_ms * (kind * answer + 0.05 * normal(random)).exp() * misfit;
            let cell = Cell { model: name.clone(), target: format!("target {target}"), latency_ms };
            if random.f64() < table.missing { hidden.push(cell) } else { known.push(cell) }
        }
    }
    (known, hidden, features)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::print_stdout, reason = "prints the errors that it holds to")]
    fn nine_in_ten_intervals_hold_what_was_hidden() {
        for (table, count, largest_error) in [
            (TABLES[0], 60, 0.2),
            (TABLES[1], 60, 0.35),
            (TABLES[2], 60, 0.35),
            (TABLES[3], 12, 0.3),
            (TABLES[4], 10, 0.3),
            (TABLES[5], 12, 0.4),
        ] {
            let all = predict(table, count, &mut Rng::with_seed(51));
            let (hidden, left_out) = (middle(&all.errors), middle(&all.left_out_errors));
            println!("{}: left-out error {left_out:.3}, hidden {hidden:.3}, held {}", table.name, all.held);
            assert!((0.85..=0.95).contains(&all.held.share()), "{}: {} held", table.name, all.held);
            assert!(hidden <= largest_error, "{}: {hidden}", table.name);
            assert!((0.75..1.3).contains(&(left_out / hidden)), "{}: {left_out} for {hidden}", table.name);
        }
    }
}
