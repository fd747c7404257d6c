//! A thread that reads all sensors again and again, from its start to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::counter::{Readings, Series};
use super::{Quantity, Sensor};

/// Time between two readings.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a machine is watched that does nothing.
const IDLE: Duration = Duration::from_millis(200);

/// Sensors that are being read.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<(Vec<Sensor>, Vec<Series>)>>,
}

impl Watch {
    /// Begins to read; none where there is no thread to be had.
    pub fn begin(mut sensors: Vec<Sensor>) -> Option<Watch> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let read = move || {
            let mut series: Vec<Series> = sensors.iter().map(empty).collect();
            loop {
                // Once more after the end, so that the end lies between two readings.
                let last = stopped.load(Ordering::Relaxed);
                take(&mut sensors, &mut series);
                if last {
                    return (sensors, series);
                }
                thread::park_timeout(PAUSE);
            }
        };
        let thread = thread::Builder::new().name("sensors".to_owned()).spawn(read).ok()?;
        Some(Watch { stop, thread: Some(thread) })
    }

    /// Ends reading, and gives back the sensors and what they said.
    pub fn end(mut self) -> (Vec<Sensor>, Readings) {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return Default::default() };
        thread.thread().unpark();
        let (sensors, series) = thread.join().unwrap_or_default();
        (sensors, Readings { series, idle_power_w: None })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn empty(sensor: &Sensor) -> Series {
    Series { name: sensor.name.clone(), quantity: sensor.quantity, readings: Vec::new() }
}

fn take(sensors: &mut [Sensor], series: &mut [Series]) {
    for (sensor, series) in sensors.iter_mut().zip(series) {
        let begin_ms = unix_ms();
        let Some(count) = (sensor.read)() else { continue };
        // Reading takes time too; the count is of some moment within it.
        series.readings.push(((begin_ms + unix_ms()) / 2.0, count));
    }
}

fn unix_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
}

/// Watts that go in while nothing runs: watched for a moment, and only where something counts energy.
pub async fn idle_power_w(sensors: Vec<Sensor>) -> (Vec<Sensor>, Option<f64>) {
    if !sensors.iter().any(|sensor| sensor.quantity == Quantity::Energy) {
        return (sensors, None);
    }
    let Some(watch) = Watch::begin(sensors) else { return Default::default() };
    tokio::time::sleep(IDLE).await;
    let (sensors, readings) = watch.end();
    let power_w = readings.whole().and_then(|window| {
        let joules = readings.counted(Quantity::Energy, window)?;
        Some(joules * 1e3 / (window.ended_unix_ms - window.began_unix_ms))
    });
    (sensors, power_w)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A made-up board that takes 50 W.
    fn board() -> Sensor {
        let begin_ms = unix_ms();
        let read = move || Some(50e-3 * (unix_ms() - begin_ms));
        Sensor { name: "board".to_owned(), quantity: Quantity::Energy, read: Box::new(read) }
    }

    #[tokio::test]
    async fn power_is_what_goes_in_while_nothing_runs() {
        let (sensors, power_w) = idle_power_w(vec![board()]).await;
        assert_eq!(sensors.len(), 1);
        assert!((power_w.unwrap() - 50.0).abs() < 5.0, "{power_w:?}");
        let (sensors, power_w) = idle_power_w(super::super::processor::all(std::path::Path::new("/"))).await;
        assert_eq!((sensors.len() <= 1, power_w), (true, None));
    }
}
