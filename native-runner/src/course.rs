//! The course of a measurement, by the clock of this machine.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use protocol::Sampling;

/// The clock of one job.
#[derive(Debug)]
pub struct Clock(Instant);

impl protocol::Clock for Clock {
    fn now_ms(&self) -> f64 {
        elapsed_ms(self.0)
    }

    fn unix_ms(&self) -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
    }
}

/// A measurement by that clock.
pub type Course = protocol::Course<Clock>;

/// A measurement that begins now.
pub fn begin(sampling: Sampling) -> Course {
    Course::begin(Clock(Instant::now()), sampling)
}

/// Milliseconds since `start`.
pub fn elapsed_ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
