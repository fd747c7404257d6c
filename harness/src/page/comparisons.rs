//! What is faster: a model in one browser beside another, and natively beside each browser, by the tool's own comparison.

use std::collections::BTreeMap;

use protocol::{Metric, Target};
use serde::Serialize;

use crate::model::variant::described;
use crate::pair::Pair;
use crate::rows::comparison::Comparison;
use crate::rows::measurement::Measurement;
use crate::side::Side;
use crate::side_by_side::{self, OtherRuns};
use crate::statistics::decision::Rule;

/// Up to which relative difference two things are the same, as in `parallax compare`.
const SAME_WITHIN: f64 = 0.03;

/// Two targets, one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparisonRow {
    pub model: String,
    pub variant: String,
    pub a: String,
    pub b: String,
    pub ratio: f64,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub verdict: &'static str,
    pub why: String,
    pub kind: &'static str,
}

/// The comparisons of what was measured in one sweep, decided together, by what runs differ by.
pub fn of(measured: &[Measurement], history: &[Measurement]) -> Vec<ComparisonRow> {
    let mut targets: BTreeMap<&Target, Vec<Measurement>> = BTreeMap::new();
    for one in measured {
        targets.entry(&one.place.target).or_default().push(one.clone());
    }
    let none: &[Measurement] = &[];
    let side = |target: &Target| targets.get(target).map_or(none, Vec::as_slice);
    let mut questions = Vec::new();
    for (a, b) in pairs(&targets.keys().copied().collect::<Vec<_>>()) {
        let pair = Pair { a: Side::of(a.clone()), b: Side::of(b.clone()) };
        let found = side_by_side::by_place(&pair, side(a), side(b));
        questions.extend(found.into_iter().map(|pair| (pair, side(a), side(b))));
    }
    let others = OtherRuns::of(history);
    let matched: Vec<_> =
        questions.iter().flat_map(|(pair, a, b)| side_by_side::matched(pair, a, b, &others).0).collect();
    let (comparisons, _) =
        side_by_side::decide(&matched, Metric::LatencyMs.name(), Rule::within(SAME_WITHIN));
    comparisons.into_iter().filter_map(row).collect()
}

/// The pairs worth a look: the same engine in two browsers, and a native target, which stands first, beside one of a browser.
fn pairs<'a>(targets: &[&'a Target]) -> Vec<(&'a Target, &'a Target)> {
    let mut pairs = Vec::new();
    for (place, one) in targets.iter().enumerate() {
        for other in &targets[place + 1..] {
            match (&one.browser, &other.browser) {
                (Some(a), Some(b)) if a != b && one.engine == other.engine && one.device == other.device => {
                    pairs.push((*one, *other));
                }
                (None, Some(_)) => pairs.push((*one, *other)),
                (Some(_), None) => pairs.push((*other, *one)),
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
    }
    pairs
}

fn row(comparison: Comparison) -> Option<ComparisonRow> {
    let (mut a, mut b) = (comparison.a.parse::<Side>().ok()?, comparison.b.parse::<Side>().ok()?);
    let mut variant = described(&comparison.dimensions);
    if a.features == b.features {
        // What both have is part of what was compared.
        b.features = None;
        let features = a.features.take().map(|features| features.to_string()).unwrap_or_default();
        variant =
            [variant, features].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    }
    let kind = if a.target.browser.is_none() { "native" } else { "browsers" };
    let verdict = match comparison.verdict {
        "faster" => "a-faster",
        "slower" => "b-faster",
        same_or_not_sure => same_or_not_sure,
    };
    Some(ComparisonRow {
        model: comparison.model,
        variant,
        a: a.to_string(),
        b: b.to_string(),
        ratio: comparison.ratio.median,
        low: comparison.ratio.low,
        high: comparison.ratio.high,
        verdict,
        why: comparison.reason,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::measurement::tests::measurement;

    #[test]
    fn an_engine_is_held_against_itself_elsewhere_and_what_is_native_against_every_browser() {
        let targets =
            ["webgpu@chrome", "webgpu@firefox", "webnn:cpu@chrome", "wgpu:vulkan", "onnxruntime:cpu"]
                .map(|target| target.parse::<Target>().unwrap());
        let pairs: Vec<String> =
            pairs(&targets.iter().collect::<Vec<_>>()).iter().map(|(a, b)| format!("{a}/{b}")).collect();
        let expected = [
            "webgpu@chrome/webgpu@firefox",
            "wgpu:vulkan/webgpu@chrome",
            "onnxruntime:cpu/webgpu@chrome",
            "wgpu:vulkan/webgpu@firefox",
            "onnxruntime:cpu/webgpu@firefox",
            "wgpu:vulkan/webnn:cpu@chrome",
            "onnxruntime:cpu/webnn:cpu@chrome",
        ];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn who_is_faster_is_said_of_a_and_of_b() {
        // Four times as long is more than runs of the same thing are taken to differ by.
        let measured = [
            measurement("webgpu@chrome", 1, 10.0),
            measurement("webgpu@firefox", 1, 40.0),
            measurement("wgpu:vulkan", 1, 40.0),
        ];
        let said: Vec<(String, &str, &str)> = of(&measured, &[])
            .into_iter()
            .map(|row| (format!("{}/{}", row.a, row.b), row.verdict, row.kind))
            .collect();
        let expected = [
            ("webgpu@chrome/webgpu@firefox", "a-faster", "browsers"),
            ("wgpu:vulkan/webgpu@chrome", "b-faster", "native"),
            ("wgpu:vulkan/webgpu@firefox", "same", "native"),
        ];
        assert_eq!(said, expected.map(|(pair, verdict, kind)| (pair.to_owned(), verdict, kind)));
    }

    #[test]
    fn what_was_turned_off_on_both_sides_is_told_of_the_model() {
        let with = |target: &str, features: &str| {
            let mut one = measurement(target, 1, 10.0);
            features.clone_into(&mut one.place.features);
            one
        };
        let rows = of(&[with("webgpu@chrome", "-fusion"), with("webgpu@firefox", "-fusion")], &[]);
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!(
            (row.variant.as_str(), row.a.as_str(), row.b.as_str()),
            ("-fusion", "webgpu@chrome", "webgpu@firefox")
        );
        let rows = of(&[with("webgpu@chrome", ""), with("webgpu@firefox", "-fusion")], &[]);
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.variant.as_str(), row.b.as_str()), ("", "webgpu@firefox+features=-fusion"));
    }
}
