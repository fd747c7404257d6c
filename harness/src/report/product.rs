//! Matrix products in browsers: the table and the JSON document.

use serde_json::{Value, json};

use super::closing_line;
use super::columns::{Align, lay_out};
use crate::adapter::adapter_name;
use crate::number;
use crate::rows::product::{Product, Products};
use crate::screen::shown;
use crate::statistics::Summary;

/// The table, and why what failed did.
pub fn render(found: &Products) -> String {
    let heads = [
        ("browser", Align::Left),
        ("size", Align::Right),
        ("ours [95 %]", Align::Right),
        ("onnxruntime-web [95 %]", Align::Right),
        ("times as fast [95 %]", Align::Right),
        ("ours on the GPU", Align::Right),
        ("max difference", Align::Right),
        ("ran on", Align::Left),
    ];
    let mut lines = lay_out(&heads, &found.products.iter().map(cells).collect::<Vec<_>>());
    for Product { browser, size, message, .. } in &found.products {
        let told =
            message.iter().map(|message| format!("\n{size} x {size} in {browser}:\n  {}", shown(message)));
        lines.extend(told);
    }
    lines.push(String::new());
    lines.push(closing_line(&found.run, &format!("{} products", found.products.len())));
    lines.join("\n")
}

fn cells(product: &Product) -> Vec<String> {
    let dash = || "–".to_owned();
    let ours = Summary::of(&product.ours_ms)
        .map_or(product.verdict.name().to_owned(), |it| number::time_interval(&it));
    vec![
        product.browser.clone(),
        product.size.to_string(),
        ours,
        Summary::of(&product.reference_ms).map_or(dash(), |it| number::time_interval(&it)),
        ratio(product).map_or(dash(), |it| number::ratio_interval(&it)),
        Summary::of(&product.ours_gpu_ms).map_or(dash(), |it| number::time(it.median)),
        product.max_abs_difference.map_or(dash(), number::error),
        product.adapter.as_ref().map_or(dash(), adapter_name),
    ]
}

/// How many times as long as ours onnxruntime-web's took.
fn ratio(product: &Product) -> Option<Summary> {
    Summary::of_ratio(&product.reference_ms, &product.ours_ms)
}

/// The run as one JSON document, indented: fields are added as needed and never renamed.
pub fn document(found: &Products) -> String {
    let rows: Vec<Value> = found.products.iter().map(row).collect();
    format!("{:#}", json!({ "run": found.run, "duels": rows }))
}

fn row(product: &Product) -> Value {
    let Product { browser, size, verdict, message, ours_ms, reference_ms, ours_gpu_ms, .. } = product;
    json!({
        "browser": browser, "size": size, "verdict": verdict, "message": message,
        "ours_ms": Summary::of(ours_ms), "peer_ms": Summary::of(reference_ms), "ours_gpu_ms": Summary::of(ours_gpu_ms),
        "peer_over_ours": ratio(product), "max_abs_difference": product.max_abs_difference, "adapter": product.adapter,
        "samples": { "ours_ms": ours_ms, "peer_ms": reference_ms, "ours_gpu_ms": ours_gpu_ms },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::{Adapter, Verdict};

    use super::*;
    use crate::report::tests::run;

    fn product(ours_ms: Vec<f64>, reference_ms: Vec<f64>) -> Product {
        Product {
            browser: "chrome".to_owned(),
            size: 512,
            verdict: Verdict::Pass,
            message: None,
            adapter: Some(Adapter { vendor: "google".to_owned(), software: true, ..Adapter::default() }),
            max_abs_difference: Some(1e-5),
            facts: BTreeMap::new(),
            ours_ms,
            reference_ms,
            ours_gpu_ms: vec![],
        }
    }

    #[test]
    fn the_table_says_how_many_times_as_fast_ours_is() {
        let message = Some("no answer within 9 s".to_owned());
        let late = Product { verdict: Verdict::Timeout, message, ..product(vec![], vec![]) };
        let text =
            render(&Products { run: run(), products: vec![product(vec![10.0; 5], vec![25.0; 5]), late] });
        for part in [
            "10.0 ms [10.0, 10.0]",
            "25.0 ms [25.0, 25.0]",
            "2.50 [2.50, 2.50]",
            "google, software",
            "timeout",
            "512 x 512 in chrome:\n  no answer within 9 s",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }

    #[test]
    fn the_document_holds_the_ratio_and_every_sample() {
        let products = vec![product(vec![10.0, 12.0], vec![30.0, 36.0])];
        let document: Value = serde_json::from_str(&document(&Products { run: run(), products })).unwrap();
        let row = &document["duels"][0];
        assert_eq!(row["peer_over_ours"]["median"], 3.0);
        assert_eq!(row["samples"]["ours_ms"], json!([10.0, 12.0]));
        assert_eq!((&row["verdict"], &row["message"]), (&json!("pass"), &Value::Null));
    }
}
