//! NVIDIA's boards by its management library, which is loaded where it is installed.

use std::path::Path;
use std::sync::Arc;

use nvml_wrapper::Nvml;

use super::{Quantity, Sensor};

const MILLI: f64 = 1e-3;

/// Every board: its energy since its driver was loaded (Volta and later count it).
///
/// The utilisation that the library tells is that of the last sixth of a second to a second, which is coarser than most
/// measurements: it is not taken.
pub fn boards(_root: &Path) -> Vec<Sensor> {
    let Ok(library) = Nvml::init().map(Arc::new) else { return Vec::new() };
    let boards = 0..library.device_count().unwrap_or(0);
    boards.filter_map(|index| energy(&library, index)).collect()
}

fn energy(library: &Arc<Nvml>, index: u32) -> Option<Sensor> {
    let board = library.device_by_index(index).ok()?;
    let name = format!("nvml {index} {}", board.name().unwrap_or_default());
    board.total_energy_consumption().ok()?;
    let library = Arc::clone(library);
    let read = move || {
        let millijoules = library.device_by_index(index).ok()?.total_energy_consumption().ok()?;
        Some(millijoules as f64 * MILLI)
    };
    Some(Sensor { name: name.trim().to_owned(), quantity: Quantity::Energy, read: Box::new(read) })
}
