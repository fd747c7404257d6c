//! Where the time of a run went.

use std::collections::BTreeMap;

use protocol::Metric;
use serde::Serialize;

/// The time of a run, by what it was spent on. Nothing overlaps, and the sum is all of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimeSpent {
    /// All of it, from the first case to the end of the last session.
    pub total_ms: f64,
    /// What it was spent on, in order.
    pub parts_ms: Vec<(&'static str, f64)>,
    /// What is left: the harness, its messages to browsers and runners, and the database.
    pub harness_ms: f64,
    /// That for each case that was given to a session.
    pub harness_ms_a_case: Option<f64>,
}

const SESSION_PARTS: [&str; 5] = ["driver", "browser", "navigation", "module", "closing"];
impl TimeSpent {
    /// From the sums over all sessions, in the order driver, browser, navigation, module, closing, and over all cases by
    /// metric, `wall_ms` among them.
    pub fn of(
        total_ms: f64,
        cases: usize,
        control_ms: f64,
        failed_ms: f64,
        sessions_ms: &[f64],
        metrics_ms: &BTreeMap<String, f64>,
    ) -> TimeSpent {
        let metric = |name: &str| metrics_ms.get(name).copied().unwrap_or_default();
        let mut parts_ms: Vec<(&'static str, f64)> =
            SESSION_PARTS.into_iter().zip(sessions_ms.iter().copied()).collect();
        // Inferences are told as one.
        let is_inference =
            |part: &Metric| matches!(part, Metric::FirstInferenceMs | Metric::WarmUpMs | Metric::LatencyMs);
        let of_cases = Metric::PARTS_OF_WALL.into_iter().filter(|part| !is_inference(part));
        let of_cases: Vec<_> =
            of_cases.map(|part| (part.name().trim_end_matches("_ms"), metric(part.name()))).collect();
        let inferences_ms = metric(Metric::WallMs.name()) - of_cases.iter().map(|(_, ms)| ms).sum::<f64>();
        parts_ms.extend(of_cases);
        parts_ms.extend([
            ("inferences", inferences_ms),
            ("failed cases", failed_ms),
            ("drift control", control_ms),
        ]);
        let harness_ms = (total_ms - parts_ms.iter().map(|(_, ms)| ms).sum::<f64>()).max(0.0);
        let harness_ms_a_case = (cases > 0).then(|| harness_ms / cases as f64);
        TimeSpent { total_ms, parts_ms, harness_ms, harness_ms_a_case }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_else_took_is_the_harness() {
        let metrics = [("wall_ms", 600.0), ("load_ms", 100.0), ("compile_ms", 200.0)]
            .map(|(name, ms)| (name.to_owned(), ms));
        let spent = TimeSpent::of(2000.0, 4, 50.0, 30.0, &[100.0, 400.0, 40.0, 60.0, 200.0], &metrics.into());
        let part = |name| spent.parts_ms.iter().find(|(part, _)| *part == name).unwrap().1;
        assert_eq!((part("inferences"), part("closing"), part("load")), (300.0, 200.0, 100.0));
        assert_eq!((spent.harness_ms, spent.harness_ms_a_case), (520.0, Some(130.0)));
    }
}
