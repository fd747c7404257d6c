//! The page's clock, how finely it ticks, and pauses.

use js_sys::Promise;
use protocol::Sampling;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Scheduler, SchedulerPostTaskOptions};

use crate::browser::{self, property};
use crate::error::RuntimeError;

/// `performance.now()` of one page.
#[derive(Debug, Clone)]
pub struct Clock(web_sys::Performance);

/// A measurement by that clock.
pub type Course = protocol::Course<Clock>;

/// A measurement that begins now.
///
/// # Errors
/// Where the page has no clock.
pub fn begin(sampling: Sampling) -> Result<Course, RuntimeError> {
    Ok(Course::begin(Clock::open()?, sampling))
}

impl protocol::Clock for Clock {
    fn now_ms(&self) -> f64 {
        Clock::now_ms(self)
    }

    fn unix_ms(&self) -> f64 {
        self.0.time_origin() + self.0.now()
    }
}

/// Ticks looked at to measure the clock's resolution.
const TICKS: usize = 10;

impl Clock {
    /// The page's clock.
    ///
    /// # Errors
    /// Where the page has none.
    pub fn open() -> Result<Self, RuntimeError> {
        browser::window()?.performance().map(Clock).ok_or_else(|| RuntimeError::Browser {
            doing: "looking for a clock".to_owned(),
            message: "the page has no performance.now()".to_owned(),
        })
    }

    /// Milliseconds since the page was opened, as coarse as the browser makes it.
    pub fn now_ms(&self) -> f64 {
        self.0.now()
    }

    /// The smallest step the clock was seen to take. Browsers coarsen it: to 0.005 ms with cross-origin
    /// isolation, to 0.1 ms or 1 ms without, to 16.7 ms and more against fingerprinting.
    pub fn resolution_ms(&self) -> f64 {
        let steps = (0..TICKS).map(|_| self.next_step_ms());
        steps.fold(f64::INFINITY, f64::min)
    }

    fn next_step_ms(&self) -> f64 {
        let start = self.now_ms();
        loop {
            let now = self.now_ms();
            if now > start {
                return now - start;
            }
        }
    }
}

/// Resolves after `pause_ms`. Tasks of the page's scheduler are not held back to 4 ms as those of `setTimeout`
/// are, which is for browsers without a scheduler (Firefox before 142).
///
/// # Errors
/// Where there is no window.
pub fn pause(pause_ms: f64) -> Result<Promise, RuntimeError> {
    let window = browser::window()?;
    let scheduler = property(&window, "scheduler").dyn_into::<Scheduler>();
    Ok(Promise::new(&mut |resolve, reject| {
        if let Ok(scheduler) = &scheduler {
            let options = SchedulerPostTaskOptions::new();
            options.set_delay_f64(pause_ms);
            // Its promise is that of the task's result, which is nothing.
            let _ = scheduler.post_task_with_options(resolve.unchecked_ref(), &options);
            return;
        }
        let set = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, pause_ms as i32);
        if let Err(error) = set {
            // A reject function does not throw.
            let _ = reject.call1(&JsValue::UNDEFINED, &error);
        }
    }))
}
