//! What counters said while a job ran, and what they counted in a part of that time. Pure.

use protocol::{Metric, Phase, Samples, SamplingWindow};

use super::Quantity;

/// A counter has to be seen to move so often within a time that is read off it: else the time ends between two of its
/// steps, and up to a third of what is counted is chance.
const LEAST_STEPS: usize = 4;

/// The readings of one counter: when, in milliseconds since 1970, and its count.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What counted.
    pub name: String,
    /// What it counted.
    pub quantity: Quantity,
    /// The readings, in the order they were taken.
    pub readings: Vec<(f64, f64)>,
}

/// The readings of all counters while a job ran.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    /// One for each counter.
    pub series: Vec<Series>,
    /// Watts that went in while nothing ran, before the session's first job.
    pub idle_power_w: Option<f64>,
}

impl Readings {
    /// What all counters of a quantity counted together in a window; none where there is none, or one of them is too
    /// coarse for it.
    pub fn counted(&self, quantity: Quantity, window: SamplingWindow) -> Option<f64> {
        let mut series = self.series.iter().filter(|series| series.quantity == quantity).peekable();
        series.peek()?;
        series.map(|series| series.counted(window)).sum()
    }

    /// The names of the counters of a quantity.
    pub fn names(&self, quantity: Quantity) -> Vec<&str> {
        let of = self.series.iter().filter(|series| series.quantity == quantity);
        of.map(|series| series.name.as_str()).collect()
    }

    /// These, of a session that took so much power before its first job.
    pub fn with_idle(&self, idle_power_w: Option<f64>) -> Readings {
        Readings { idle_power_w, ..self.clone() }
    }

    /// What follows of so many inferences that were sampled in a window.
    pub fn metrics(&self, window: SamplingWindow, inferences: usize) -> Vec<Samples> {
        let window_s = (window.ended_unix_ms - window.began_unix_ms) / 1e3;
        let energy_j = self.counted(Quantity::Energy, window).map(|joules| joules / inferences.max(1) as f64);
        let utilisation = self.counted(Quantity::CpuBusy, window).map(|busy_s| (busy_s / window_s).min(1.0));
        let metrics = [
            (Metric::EnergyJ, energy_j),
            (Metric::IdlePowerW, self.idle_power_w),
            (Metric::CpuUtilisation, utilisation),
        ];
        let sample = |metric, value| Samples { metric, phase: Phase::Measured, values: vec![value] };
        metrics.into_iter().filter_map(|(metric, value)| Some(sample(metric, value?))).collect()
    }

    /// All the time that was watched, from the first reading to the last.
    pub fn whole(&self) -> Option<SamplingWindow> {
        let readings = &self.series.first()?.readings;
        Some(SamplingWindow { began_unix_ms: readings.first()?.0, ended_unix_ms: readings.last()?.0 })
    }
}

impl Series {
    fn counted(&self, window: SamplingWindow) -> Option<f64> {
        let SamplingWindow { began_unix_ms, ended_unix_ms } = window;
        let within = self.readings.iter().filter(|(at, _)| (began_unix_ms..=ended_unix_ms).contains(at));
        let mut counts: Vec<f64> = within.map(|(_, count)| *count).collect();
        counts.dedup();
        let steps = counts.len().saturating_sub(1);
        let counted = self.at(ended_unix_ms)? - self.at(began_unix_ms)?;
        (steps >= LEAST_STEPS && counted >= 0.0).then_some(counted)
    }

    /// The count at a time, between the readings before and after it.
    fn at(&self, unix_ms: f64) -> Option<f64> {
        let after = self.readings.iter().position(|(at, _)| *at >= unix_ms)?;
        let (end_ms, end) = self.readings[after];
        if end_ms == unix_ms {
            return Some(end);
        }
        let (begin_ms, begin) = *self.readings.get(after.checked_sub(1)?)?;
        Some(begin + (end - begin) * (unix_ms - begin_ms) / (end_ms - begin_ms))
    }
}

/// A counter that begins anew once it has reached its range, as one that only grows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwrapped {
    last: Option<f64>,
    turns: f64,
}

impl Unwrapped {
    /// What it would have counted, had it no range.
    pub fn count(&mut self, raw: f64, range: f64) -> f64 {
        if self.last.is_some_and(|last| raw < last) {
            self.turns += 1.0;
        }
        self.last = Some(raw);
        raw + self.turns * range
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(series: Vec<(Quantity, Vec<(f64, f64)>)>) -> Readings {
        let series = series.into_iter().map(|(quantity, readings)| Series {
            name: "a counter".to_owned(),
            quantity,
            readings,
        });
        Readings { series: series.collect(), idle_power_w: None }
    }

    fn window(began_unix_ms: f64, ended_unix_ms: f64) -> SamplingWindow {
        SamplingWindow { began_unix_ms, ended_unix_ms }
    }

    #[test]
    fn what_is_counted_is_that_of_the_window_or_nothing() {
        // 10 W: 0.2 J in 20 ms.
        let fine = |count: usize| (0..count).map(|n| (20.0 * n as f64, 0.2 * n as f64)).collect::<Vec<_>>();
        // The same, told every 100 ms only.
        let coarse =
            fine(50).into_iter().map(|(at, joules)| (at, (joules / 1.0).floor())).collect::<Vec<_>>();
        for (name, readings, window, expected) in [
            ("on readings", vec![fine(50)], window(100.0, 500.0), Some(4.0)),
            ("between readings", vec![fine(50)], window(110.0, 515.0), Some(4.05)),
            ("two counters", vec![fine(50), fine(50)], window(100.0, 500.0), Some(8.0)),
            ("too short a time", vec![fine(50)], window(100.0, 150.0), None),
            ("too coarse a counter", vec![coarse.clone()], window(100.0, 350.0), None),
            ("one of two too coarse", vec![fine(50), coarse.clone()], window(100.0, 350.0), None),
            ("coarse, and long enough", vec![coarse], window(0.0, 900.0), Some(9.0)),
            ("begins before the readings", vec![fine(50)], window(-1.0, 500.0), None),
            ("ends after them", vec![fine(50)], window(100.0, 1e6), None),
            ("no counter", vec![], window(100.0, 500.0), None),
        ] {
            let readings = readings.into_iter().map(|series| (Quantity::Energy, series));
            let counted = super::tests::readings(readings.collect()).counted(Quantity::Energy, window);
            let near = match (counted, expected) {
                (Some(counted), Some(expected)) => (counted - expected).abs() < 0.02 * expected,
                (counted, expected) => counted == expected,
            };
            assert!(near, "{name}: {counted:?} instead of {expected:?}");
        }
    }

    #[test]
    fn another_quantity_is_not_counted() {
        let busy =
            readings(vec![(Quantity::CpuBusy, (0..9).map(|n| (f64::from(n), f64::from(n))).collect())]);
        assert_eq!(busy.counted(Quantity::Energy, window(0.0, 8.0)), None);
        assert_eq!(busy.counted(Quantity::CpuBusy, window(0.0, 8.0)), Some(8.0));
        assert_eq!(busy.whole(), Some(window(0.0, 8.0)));
    }

    #[test]
    fn metrics_are_of_one_inference_and_of_all_processors() {
        let ten_watts = (0..51).map(|n| (20.0 * f64::from(n), 0.2 * f64::from(n))).collect();
        // Half of all processors, told every 20 ms.
        let half_busy = (0..51).map(|n| (20.0 * f64::from(n), 0.01 * f64::from(n))).collect();
        let readings = readings(vec![(Quantity::Energy, ten_watts), (Quantity::CpuBusy, half_busy)]);
        let metrics = readings.with_idle(Some(3.0)).metrics(window(0.0, 1000.0), 20);
        let found: Vec<_> = metrics.iter().map(|samples| (samples.metric, samples.values[0])).collect();
        let expected = [(Metric::EnergyJ, 0.5), (Metric::IdlePowerW, 3.0), (Metric::CpuUtilisation, 0.5)];
        assert!(
            found
                .iter()
                .zip(expected)
                .all(|(found, expected)| { found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-9 })
                && found.len() == expected.len(),
            "{found:?}"
        );
        assert_eq!(readings.metrics(window(0.0, 30.0), 1), [], "too short for either");
    }

    #[test]
    fn a_counter_that_begins_anew_goes_on() {
        let mut counter = Unwrapped::default();
        let counts = [70.0, 90.0, 10.0, 95.0, 5.0].map(|raw| counter.count(raw, 100.0));
        assert_eq!(counts, [70.0, 90.0, 110.0, 195.0, 205.0]);
    }
}
