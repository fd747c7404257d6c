//! Writes numbers for people: three significant digits and a unit.

use crate::statistics::{Interval, Summary};

/// Three significant digits without an exponent: `0.0123`, `12.3`, `1230`.
pub fn three_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    // Rounding to three digits may add one in front of the point: 9.996 is 10.0.
    let exponent = format!("{value:.2e}").rsplit('e').next().and_then(|text| text.parse::<i32>().ok());
    let exponent = exponent.unwrap_or(0);
    match usize::try_from(2 - exponent) {
        Ok(decimals) => format!("{value:.decimals$}"),
        Err(_) => {
            let unit = 10f64.powi(exponent - 2);
            format!("{:.0}", (value / unit).round() * unit)
        }
    }
}

/// A unit of time and how many of it make a millisecond.
fn time_unit(milliseconds: f64) -> (&'static str, f64) {
    match milliseconds {
        ms if ms >= 999.5 => ("s", 1e-3),
        ms if ms >= 0.9995 || ms == 0.0 => ("ms", 1.0),
        _ => ("µs", 1e3),
    }
}

/// A time: `12.3 ms`, `1.23 s`, `456 µs`.
pub fn time(milliseconds: f64) -> String {
    let (unit, factor) = time_unit(milliseconds);
    format!("{} {unit}", three_digits(milliseconds * factor))
}

/// A time with its interval, all in the median's unit: `12.3 ms [11.9, 12.8]`.
pub fn time_interval(summary: &Summary) -> String {
    let (_, factor) = time_unit(summary.median);
    format!("{} {}", time(summary.median), interval(summary, factor))
}

/// A ratio with its interval: `2.50 [2.41, 2.63]`.
pub fn ratio_interval(summary: &Summary) -> String {
    format!("{} {}", three_digits(summary.median), interval(summary, 1.0))
}

/// The interval, or that there is none: `[11.9, 12.8]`, `[–]`.
fn interval(summary: &Summary, factor: f64) -> String {
    summary.interval.map_or("[–]".to_owned(), |Interval { low, high }| {
        let [low, high] = [low, high].map(|end| three_digits(end * factor));
        format!("[{low}, {high}]")
    })
}

/// A part of a whole: `2.5 %`.
pub fn per_cent(part: f64) -> String {
    format!("{} %", three_digits(part * 100.0))
}

/// A metric's value, in the unit that its name ends in: `12.3 ms`, `1.07 GB`.
pub fn quantity(metric: &str, value: f64) -> String {
    match metric {
        name if name.ends_with("_ms") => time(value),
        name if name.ends_with("_bytes") => bytes(value as u64),
        name if name.ends_with("_per_s") => rate(value),
        _ => three_digits(value),
    }
}

/// A rate: `81.3 /s`.
pub fn rate(per_second: f64) -> String {
    format!("{} /s", three_digits(per_second))
}

/// A size: `1.07 GB`, `613 MB`, `40 B`.
pub fn bytes(size: u64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let size = size as f64;
    match units.into_iter().find(|(_, unit)| size >= 0.9995 * unit) {
        Some((name, unit)) => format!("{} {name}", three_digits(size / unit)),
        None => format!("{size} B"),
    }
}

/// An error: `1.19e-7`, `0`.
pub fn error(value: f64) -> String {
    if value == 0.0 || !value.is_finite() { value.to_string() } else { format!("{value:.2e}") }
}

/// So many things: `1 run`, `20 runs`.
pub fn of(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits() {
        for (value, expected) in [
            (0.0, "0"),
            (12.345, "12.3"),
            (9.996, "10.0"),
            (0.012345, "0.0123"),
            (123.4, "123"),
            (999.6, "1000"),
            (12345.0, "12300"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(three_digits(value), expected);
        }
    }

    #[test]
    fn times_pick_their_unit() {
        for (value, expected) in [
            (0.0, "0 ms"),
            (0.4567, "457 µs"),
            (0.9996, "1.00 ms"),
            (12.345, "12.3 ms"),
            (999.6, "1.00 s"),
            (75_000.0, "75.0 s"),
        ] {
            assert_eq!(time(value), expected);
        }
    }

    #[test]
    fn an_interval_is_in_the_medians_unit() {
        let interval = Some(Interval { low: 900.0, high: 2000.0 });
        let summary = Summary { median: 1500.0, interval, n: 9 };
        assert_eq!(time_interval(&summary), "1.50 s [0.900, 2.00]");
        assert_eq!(ratio_interval(&Summary { median: 2.5, interval: None, n: 3 }), "2.50 [–]");
    }

    #[test]
    fn rates_and_errors() {
        assert_eq!(
            (rate(81.27), error(1.192e-7), error(0.0)),
            ("81.3 /s".into(), "1.19e-7".into(), "0".into())
        );
    }
}
