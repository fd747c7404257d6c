//! Sensors of the machine: one entry each. They are read while a job runs, and what they counted between the begin and
//! the end of its samples is kept. Where there is no sensor, or it counts too coarsely, there is no number.

mod counter;
mod nvidia;
mod processor;
mod sysfs;
mod watch;

use std::path::Path;

pub use counter::Readings;
pub use watch::{Watch, idle_power_w};

/// A thing that sensors count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Joules that went into a part of the machine.
    Energy,
    /// Seconds that the processors were busy, over how many there are.
    CpuBusy,
}

/// A counter that only grows.
pub struct Sensor {
    /// What it counts, in words: `rapl package-0`.
    pub name: String,
    /// What it counts.
    pub quantity: Quantity,
    /// Its count now, in the quantity's unit; none where it cannot be read just now.
    pub read: Box<dyn FnMut() -> Option<f64> + Send>,
}

/// The ways to find sensors: one entry each.
const FINDERS: [fn(&Path) -> Vec<Sensor>; 4] =
    [sysfs::running_average_power_limit, sysfs::hardware_monitors, nvidia::boards, processor::all];

/// All sensors that this machine lets its user read.
pub fn found() -> Vec<Sensor> {
    found_below(Path::new("/"))
}

/// Those that are read from files below a root folder, which a test makes up, and those that are no files.
fn found_below(root: &Path) -> Vec<Sensor> {
    FINDERS.iter().flat_map(|find| find(root)).collect()
}
