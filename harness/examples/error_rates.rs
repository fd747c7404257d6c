//! Prints how often the statistics err, by simulation: comparisons, tables of them, histories and predictions.

use fastrand::Rng;
use harness::statistics::decision::Rule;
use harness::statistics::simulation::histories::{self, KINDS};
use harness::statistics::simulation::matrices::{self, TABLES, middle};
use harness::statistics::simulation::{SCATTERS, comparisons, coverage, coverage_apart, false_tables};
use harness::statistics::stopping::Stopping;

const SEED: u64 = 7;

fn main() {
    print_comparisons();
    print_intervals();
    print_histories();
    print_predictions();
}

/// Sampled until the interval is ±2 %, each beside an A/A run of its own.
fn print_comparisons() {
    let stopping = Stopping { precision: 0.02, least: 12, most: 640, rows: 1 };
    println!("comparisons to ±2 %   A/A claimed     same  pairs   5 % slower: found  pairs  interval holds");
    for scatter in SCATTERS {
        let [same, slower] = [1.0, 1.05].map(|slowdown| {
            comparisons(scatter, slowdown, &stopping, Rule::within(0.03), 500, &mut Rng::with_seed(SEED))
        });
        println!(
            "{:20}  {:>11}  {:>7}  {:>5.0}  {:>18}  {:>5.0}  {:>14}",
            scatter.name, same.claimed, same.same, same.pairs, slower.claimed, slower.pairs, slower.held
        );
    }
    println!(
        "tables of 13 without a difference that claim one: {}\n",
        false_tables(13, 300, &mut Rng::with_seed(SEED))
    );
}

fn print_intervals() {
    println!("95 % intervals hold   4 pairs  8 pairs  12 pairs  64 pairs");
    for scatter in SCATTERS {
        let [four, eight, twelve, many] =
            [4, 8, 12, 64].map(|pairs| coverage(scatter, pairs, 2000, &mut Rng::with_seed(SEED)));
        // A session has eight pairs, and one alone does not know by how much others differ.
        match scatter.session > 0.0 {
            true => println!("{:20}  {:>7}  {:>7}  {twelve:>8}  {many:>8}", scatter.name, "–", "–"),
            false => println!("{:20}  {four:>7}  {eight:>7}  {twelve:>8}  {many:>8}", scatter.name),
        }
    }
    println!("trials taken apart, samples alike by   20 samples  60 samples");
    for alike in [0.0, 0.3, 0.6] {
        let [few, many] = [20, 60].map(|n| coverage_apart(alike, n, 2000, &mut Rng::with_seed(SEED)));
        println!("{alike:36}  {few:>10}  {many:>10}");
    }
    println!();
}

fn print_histories() {
    println!("histories of 100 runs         found  false  depends   by a t-test: found  false");
    for kind in KINDS {
        let all = histories::find(kind, 500, &mut Rng::with_seed(SEED));
        println!(
            "{:28}  {:>5}  {:>5}  {:>7}  {:>19}  {:>5}",
            kind.name,
            all.found,
            all.false_alarm,
            all.dependent,
            all.found_by_t_test,
            all.false_alarm_by_t_test
        );
    }
    println!();
}

fn print_predictions() {
    println!("predicted cells       typical error  when left out  90 % intervals hold  typical width");
    for table in TABLES {
        let count = if table.models < 20 { 100 } else { 20 };
        let all = matrices::predict(table, count, &mut Rng::with_seed(SEED));
        let percent = |errors: &[f64]| format!("{:.0} %", middle(errors).exp_m1() * 100.0);
        println!(
            "{:20}  {:>13}  {:>13}  {:>19}  {:>12.1}×",
            table.name,
            percent(&all.errors),
            percent(&all.left_out_errors),
            all.held,
            middle(&all.widths).exp()
        );
    }
}
