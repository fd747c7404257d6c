//! Models on pairs of targets: the table and the JSON document.

use serde_json::{Value, json};

use super::closing_line;
use super::columns::{Align, lay_out};
use crate::number;
use crate::pair::Pair;
use crate::rows::comparison::{Comparison, Comparisons, Side};
use crate::screen::shown;
use crate::statistics::Summary;

/// The table, why what failed did, and each pair's mean.
pub fn render(found: &Comparisons) -> String {
    let heads = [
        ("model", Align::Left),
        ("target", Align::Left),
        ("against", Align::Left),
        ("latency", Align::Right),
        ("the other's", Align::Right),
        ("times as fast [95 %]", Align::Right),
    ];
    let rows = &found.comparisons;
    let mut lines = lay_out(&heads, &rows.iter().map(cells).collect::<Vec<_>>());
    for row in rows {
        if let Some((verdict, message)) = row.failure() {
            let Pair { ours, other } = &row.pair;
            lines.push(format!("\n{ours} against {other} ({}):\n  {}", verdict.name(), shown(&message)));
        }
    }
    lines.push(String::new());
    for Mean { pair, mean, least, models } in means(rows) {
        let [mean, least] = [mean, least].map(number::three_digits);
        lines.push(format!(
            "{} is {mean} times as fast as {} over {models} models (geometric mean); the least is {least}",
            pair.ours, pair.other
        ));
    }
    lines.push(closing_line(&found.run, &format!("{} comparisons", rows.len())));
    lines.join("\n")
}

/// A comparison's cells in the table.
pub fn cells(row: &Comparison) -> Vec<String> {
    let dash = || "–".to_owned();
    let time = |side| Summary::of(&row.times_ms(side)).map_or(dash(), |summary| number::time(summary.median));
    let (ours, other) = match row.failure() {
        None => (time(Side::Ours), time(Side::Other)),
        Some((verdict, _)) => (verdict.name().to_owned(), dash()),
    };
    let ratio = row.ratio().map_or(dash(), |ratio| number::ratio_interval(&ratio));
    vec![shown(&row.model), row.pair.ours.to_string(), row.pair.other.to_string(), ours, other, ratio]
}

/// The run as one JSON document, indented: fields are added as needed and never renamed.
pub fn document(found: &Comparisons) -> String {
    let means = means(&found.comparisons).into_iter().map(|Mean { pair, mean, least, models }| {
        json!({ "ours": pair.ours, "other": pair.other, "geometric_mean": mean, "least": least, "models": models })
    });
    let rows: Vec<Value> = found.comparisons.iter().map(row_document).collect();
    format!("{:#}", json!({ "run": found.run, "means": means.collect::<Vec<_>>(), "rows": rows }))
}

fn row_document(row: &Comparison) -> Value {
    let message = row.failure().map(|(_, message)| message);
    let times = json!({ "ours_ms": row.times_ms(Side::Ours), "other_ms": row.times_ms(Side::Other) });
    json!({
        "model": row.model, "ours": row.pair.ours, "other": row.pair.other,
        "verdict": row.verdict(), "message": message, "other_over_ours": row.ratio(),
        "samples": if message.is_none() { times } else { Value::Null },
    })
}

/// The geometric mean of a pair's ratios, the smallest of them, and how many there are.
struct Mean<'a> {
    pair: &'a Pair,
    mean: f64,
    least: f64,
    models: usize,
}

/// The means of all pairs, in the order of the rows.
fn means<'a>(rows: &'a [Comparison]) -> Vec<Mean<'a>> {
    let mut pairs: Vec<&Pair> = Vec::new();
    for row in rows {
        if !pairs.contains(&&row.pair) {
            pairs.push(&row.pair);
        }
    }
    let mean = |pair: &'a Pair| {
        let of_pair = rows.iter().filter(|row| row.pair == *pair);
        let ratios: Vec<f64> = of_pair.filter_map(Comparison::ratio).map(|ratio| ratio.median).collect();
        let least = ratios.iter().copied().reduce(f64::min)?;
        let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
        let mean = (logarithms / ratios.len() as f64).exp();
        Some(Mean { pair, mean, least, models: ratios.len() })
    };
    pairs.into_iter().filter_map(mean).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::Verdict;

    use super::*;
    use crate::report::tests::{passed, run};
    use crate::rows::comparison::Turn;
    use crate::rows::{CaseRow, Measured};

    fn turn(side: Side, latency_ms: f64) -> Turn {
        let summary = Summary { median: latency_ms, interval: None, n: 1 };
        let metrics = BTreeMap::from([("latency_ms".to_owned(), Measured { summary, samples: vec![] })]);
        Turn { side, case: CaseRow { metrics, ..passed() } }
    }

    fn row(model: &str, turns: Vec<Turn>) -> Comparison {
        let pair = "webgpu@chrome/ort-webgpu@chrome".parse().unwrap();
        Comparison { model: model.to_owned(), pair, turns }
    }

    fn rounds(ours_ms: f64, other_ms: f64) -> Vec<Turn> {
        (0..3).flat_map(|_| [turn(Side::Ours, ours_ms), turn(Side::Other, other_ms)]).collect()
    }

    /// 4 and 9 times as fast are 6 times in the geometric mean; what failed counts as nothing but is told.
    #[test]
    fn the_mean_is_geometric_and_over_what_ran() {
        let mut failing = rounds(1.0, 1.0);
        let case = &mut failing[3].case;
        (case.verdict, case.message) = (Verdict::Unsupported, Some("no operator Frobnicate".to_owned()));
        let rows = vec![row("a", rounds(1.0, 4.0)), row("b", rounds(2.0, 18.0)), row("c", failing)];
        let found = Comparisons { run: run(), comparisons: rows };
        let table = render(&found);
        let mean = "webgpu@chrome is 6.00 times as fast as ort-webgpu@chrome over 2 models (geometric mean); the least is 4.00";
        assert!(table.contains(mean) && table.contains("no operator Frobnicate"), "{table}");
        let document: Value = serde_json::from_str(&document(&found)).unwrap();
        assert_eq!(document["means"][0]["models"], 2);
        assert_eq!(
            (&document["rows"][2]["verdict"], &document["rows"][2]["samples"]),
            (&json!("unsupported"), &Value::Null)
        );
        assert_eq!(document["rows"][1]["samples"]["other_ms"], json!([18.0, 18.0, 18.0]));
    }
}
