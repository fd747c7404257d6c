//! Energy counters that Linux shows as files: those of processors (RAPL, of Intel and AMD) and of hardware monitors.

use std::fs;
use std::path::{Path, PathBuf};

use super::counter::Unwrapped;
use super::{Quantity, Sensor};

const MICRO: f64 = 1e-6;

/// The packages of processors: <https://docs.kernel.org/power/powercap/powercap.html>. Zones inside of a package are part
/// of it, and `psys` holds them all again. Only who may read `energy_uj` sees any.
pub fn running_average_power_limit(root: &Path) -> Vec<Sensor> {
    let zones = folders(&root.join("sys/class/powercap"), "intel-rapl:");
    let package = |zone: PathBuf| {
        let name = text(&zone.join("name")).filter(|name| name.starts_with("package"))?;
        let range = number(&zone.join("max_energy_range_uj"))?;
        energy(format!("rapl {name}"), zone.join("energy_uj"), Some(range))
    };
    zones.into_iter().filter_map(package).collect()
}

/// Monitors that count energy: <https://docs.kernel.org/hwmon/sysfs-interface.html>. Intel's GPUs have one, and some
/// processors of AMD, whose sockets are those of RAPL again and whose cores are inside of these: both are left out.
pub fn hardware_monitors(root: &Path) -> Vec<Sensor> {
    const OF_GPUS: [&str; 3] = ["i915", "xe", "amdgpu"];
    let monitors = folders(&root.join("sys/class/hwmon"), "hwmon");
    let gpu = |monitor: PathBuf| {
        let name = text(&monitor.join("name")).filter(|name| OF_GPUS.contains(&name.as_str()))?;
        energy(format!("hwmon {name}"), monitor.join("energy1_input"), None)
    };
    monitors.into_iter().filter_map(gpu).collect()
}

/// A counter of microjoules, if it can be read.
fn energy(name: String, file: PathBuf, range: Option<f64>) -> Option<Sensor> {
    number(&file)?;
    let mut unwrapped = Unwrapped::default();
    let read = move || {
        let raw = number(&file)?;
        Some(range.map_or(raw, |range| unwrapped.count(raw, range)) * MICRO)
    };
    Some(Sensor { name, quantity: Quantity::Energy, read: Box::new(read) })
}

/// The folders in a folder whose names begin like that, in order; of `intel-rapl:`, those of whole zones.
fn folders(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_whole = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.strip_prefix(prefix).is_some_and(|rest| rest.chars().all(|digit| digit.is_ascii_digit()))
    };
    let mut found: Vec<PathBuf> = entries.filter(is_whole).collect();
    found.sort();
    found
}

fn text(file: &Path) -> Option<String> {
    Some(fs::read_to_string(file).ok()?.trim().to_owned())
}

fn number(file: &Path) -> Option<f64> {
    text(file)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (file, content) in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    fn counts(sensors: &mut [Sensor]) -> Vec<(String, Option<f64>)> {
        sensors.iter_mut().map(|sensor| (sensor.name.clone(), (sensor.read)())).collect()
    }

    #[test]
    fn packages_are_counted_once_and_over_the_end_of_their_range() {
        let root = TempDir::new().unwrap();
        let rapl = "sys/class/powercap/intel-rapl";
        write(
            root.path(),
            &[
                (&format!("{rapl}:0/name"), "package-0\n"),
                (&format!("{rapl}:0/energy_uj"), "9000000\n"),
                (&format!("{rapl}:0/max_energy_range_uj"), "10000000\n"),
                (&format!("{rapl}:0:0/name"), "core\n"),
                (&format!("{rapl}:0:0/energy_uj"), "1\n"),
                (&format!("{rapl}:0:0/max_energy_range_uj"), "10000000\n"),
                (&format!("{rapl}:1/name"), "psys\n"),
                (&format!("{rapl}:1/energy_uj"), "1\n"),
                (&format!("{rapl}:1/max_energy_range_uj"), "10000000\n"),
                (&format!("{rapl}:2/name"), "package-1\n"),
                (&format!("{rapl}:2/max_energy_range_uj"), "10000000\n"),
            ],
        );
        let mut sensors = running_average_power_limit(root.path());
        assert_eq!(counts(&mut sensors), [("rapl package-0".to_owned(), Some(9.0))]);
        write(root.path(), &[(&format!("{rapl}:0/energy_uj"), "2000000\n")]);
        assert_eq!(counts(&mut sensors), [("rapl package-0".to_owned(), Some(12.0))]);
        fs::remove_file(root.path().join(format!("{rapl}:0/energy_uj"))).unwrap();
        assert_eq!(counts(&mut sensors), [("rapl package-0".to_owned(), None)]);
    }

    #[test]
    fn of_monitors_those_of_gpus_count() {
        let root = TempDir::new().unwrap();
        let hwmon = "sys/class/hwmon/hwmon";
        write(
            root.path(),
            &[
                (&format!("{hwmon}0/name"), "coretemp\n"),
                (&format!("{hwmon}1/name"), "i915\n"),
                (&format!("{hwmon}1/energy1_input"), "1500000\n"),
                (&format!("{hwmon}2/name"), "amd_energy\n"),
                (&format!("{hwmon}2/energy1_input"), "1\n"),
                (&format!("{hwmon}3/name"), "amdgpu\n"),
                (&format!("{hwmon}3/power1_average"), "1\n"),
            ],
        );
        assert_eq!(counts(&mut hardware_monitors(root.path())), [("hwmon i915".to_owned(), Some(1.5))]);
        assert!(hardware_monitors(Path::new("/nowhere")).is_empty());
    }
}
