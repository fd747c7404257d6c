//! Metrics and units as files name them, and what a unit is of the one that we keep. Pure.

use protocol::Metric;
use protocol::suggest::did_you_mean;

/// What a metric is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Time,
    Memory,
    Energy,
    Power,
    Rate,
    Share,
}

use Quantity::{Energy, Memory, Power, Rate, Share, Time};

/// Each unit: its name, what it measures, and how many of ours it is.
const UNITS: [(&str, Quantity, f64); 25] = [
    ("ns", Time, 1e-6),
    ("us", Time, 1e-3),
    ("µs", Time, 1e-3),
    ("ms", Time, 1.0),
    ("s", Time, 1e3),
    ("bytes", Memory, 1.0),
    ("B", Memory, 1.0),
    ("kB", Memory, 1e3),
    ("MB", Memory, 1e6),
    ("GB", Memory, 1e9),
    ("KiB", Memory, 1024.0),
    ("MiB", Memory, 1_048_576.0),
    ("GiB", Memory, 1_073_741_824.0),
    ("mJ", Energy, 1e-3),
    ("J", Energy, 1.0),
    ("kJ", Energy, 1e3),
    ("Wh", Energy, 3600.0),
    ("mW", Power, 1e-3),
    ("W", Power, 1.0),
    ("kW", Power, 1e3),
    ("per_s", Rate, 1.0),
    ("/s", Rate, 1.0),
    ("1/s", Rate, 1.0),
    ("1", Share, 1.0),
    ("%", Share, 0.01),
];

/// The endings of metrics' names, and what they say of the metric.
const ENDINGS: [(&str, Quantity); 5] =
    [("_ms", Time), ("_bytes", Memory), ("_j", Energy), ("_w", Power), ("_per_s", Rate)];

/// A metric's name without its unit, and what it is of.
fn parts(metric: Metric) -> (&'static str, Quantity) {
    let name = metric.name();
    let known = ENDINGS.iter().find_map(|(ending, quantity)| Some((name.strip_suffix(ending)?, *quantity)));
    known.unwrap_or((name, Share))
}

/// The metric of a name, with its unit or without: `latency`, `latency_ms`.
pub fn metric(name: &str) -> Result<Metric, String> {
    let found = Metric::ALL.into_iter().find(|metric| metric.name() == name || parts(*metric).0 == name);
    match found {
        Some(Metric::ThroughputPerS) => {
            Err("the throughput follows from the latency and the batch: leave it out".to_owned())
        }
        Some(metric) => Ok(metric),
        None => {
            let names = || Metric::ALL.into_iter().filter(|metric| *metric != Metric::ThroughputPerS);
            let names = || names().map(|metric| parts(metric).0);
            let known = names().collect::<Vec<_>>().join(", ");
            Err(format!(
                "there is no metric \"{name}\"{}; the metrics are {known}",
                did_you_mean(name, names())
            ))
        }
    }
}

/// Values in the unit that the metric's name ends in.
pub fn converted(metric: Metric, unit: &str, values: &[f64]) -> Result<Vec<f64>, String> {
    let (name, quantity) = parts(metric);
    let same = |of: &Quantity| *of == quantity;
    let Some((_, _, factor)) = UNITS.iter().find(|(known, of, _)| *known == unit && same(of)) else {
        let known = UNITS.iter().filter(|(_, of, _)| same(of)).map(|(name, _, _)| *name);
        let known = known.collect::<Vec<_>>().join(", ");
        return Err(format!("{name} is not measured in \"{unit}\"; its units are {known}"));
    };
    let values: Vec<f64> = values.iter().map(|value| value * factor).collect();
    sound(metric, &values)?;
    Ok(values)
}

/// Refuses values that nothing can measure.
pub fn sound(metric: Metric, values: &[f64]) -> Result<(), String> {
    let name = metric.name();
    match values.iter().find(|value| !value.is_finite() || **value < 0.0) {
        Some(value) => {
            Err(format!("{name} holds {value}, and a measurement is a finite number of 0 or more"))
        }
        None if values.is_empty() => Err(format!("{name} has no values")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_become_ours_and_others_are_refused() {
        for (name, unit, value, expected) in [
            ("latency", "ms", 12.5, Ok(12.5)),
            ("latency", "s", 1.5, Ok(1500.0)),
            ("latency_ms", "us", 1500.0, Ok(1.5)),
            ("load", "µs", 1500.0, Ok(1.5)),
            ("first_inference", "ns", 2e6, Ok(2.0)),
            ("device_memory", "MiB", 2.0, Ok(2_097_152.0)),
            ("process_memory", "KiB", 1.0, Ok(1024.0)),
            ("wasm_memory", "MB", 1.5, Ok(1_500_000.0)),
            ("process_memory_bytes", "bytes", 3.0, Ok(3.0)),
            ("energy", "Wh", 1.0, Ok(3600.0)),
            ("idle_power", "mW", 500.0, Ok(0.5)),
            ("cpu_utilisation", "%", 50.0, Ok(0.5)),
            ("tokens", "1/s", 30.0, Ok(30.0)),
            ("latency", "MB", 1.0, Err("latency is not measured in \"MB\"; its units are ns, us, µs, ms, s")),
            ("latency", "MS", 1.0, Err("not measured in \"MS\"")),
            ("latency", "", 1.0, Err("not measured in \"\"")),
            ("device_memory", "ms", 1.0, Err("its units are bytes, B, kB, MB, GB, KiB, MiB, GiB")),
            ("latencey", "ms", 1.0, Err("there is no metric \"latencey\" (did you mean \"latency\"?)")),
            ("throughput", "1/s", 1.0, Err("follows from the latency")),
            ("latency", "ms", -1.0, Err("latency_ms holds -1")),
            ("latency", "ms", f64::NAN, Err("latency_ms holds NaN")),
            ("latency", "s", f64::MAX, Err("latency_ms holds inf")),
        ] {
            let found = metric(name).and_then(|metric| converted(metric, unit, &[value]));
            match (found, expected) {
                (Ok(found), Ok(expected)) => {
                    assert!((found[0] / expected - 1.0).abs() < 1e-12, "{name} in {unit}: {found:?}");
                }
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{name} in {unit}: {reason}"),
                (found, _) => panic!("{name} in {unit}: {found:?}"),
            }
        }
        assert!(converted(Metric::LatencyMs, "ms", &[]).unwrap_err().contains("has no values"));
    }

    #[test]
    fn every_metric_is_known_by_its_names() {
        for known in Metric::ALL.into_iter().filter(|known| *known != Metric::ThroughputPerS) {
            assert_eq!((metric(known.name()), metric(parts(known).0)), (Ok(known), Ok(known)));
        }
    }
}
