//! How busy the processors are, as Linux counts it in `/proc/stat`.

use std::fs;
use std::path::Path;

use super::{Quantity, Sensor};

/// The kernel counts in hundredths of seconds, whatever its own clock (USER_HZ; proc_stat(5)).
const TICKS_PER_S: f64 = 100.0;

/// All processors together, where they are counted.
pub fn all(root: &Path) -> Vec<Sensor> {
    let file = root.join("proc/stat");
    let read = move || busy_s(&fs::read_to_string(&file).ok()?);
    let mut sensor =
        Sensor { name: "/proc/stat".to_owned(), quantity: Quantity::CpuBusy, read: Box::new(read) };
    (sensor.read)().map(|_| sensor).into_iter().collect()
}

/// Seconds that the processors were busy, over how many there are: all but idle and waiting for input and output. What
/// guests used is part of user's already.
fn busy_s(stat: &str) -> Option<f64> {
    let lines = || stat.lines().filter(|line| line.starts_with("cpu"));
    let processors = lines().count().checked_sub(1).filter(|count| *count > 0)?;
    let fields: Option<Vec<f64>> =
        lines().next()?.split_whitespace().skip(1).map(|field| field.parse().ok()).collect();
    let fields = fields?;
    let [user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen] = *fields.get(..8)? else {
        return None;
    };
    // Stolen time was somebody else's.
    let _ = stolen;
    Some((user + nice + system + interrupts + soft_interrupts) / TICKS_PER_S / processors as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_what_is_neither_idle_nor_waiting_nor_stolen() {
        let two = "cpu  100 20 30 4000 500 6 4 70 9 9\ncpu0 50 10 15 2000 250 3 2 35 4 4\ncpu1 50 10 15 2000 250 3 2 35 5 5\n\
                   intr 1 2 3\n";
        for (name, stat, expected) in [
            ("two processors", two, Some(0.8)),
            ("no line of its own for any", "cpu  100 20 30 4000 500 6 4 70\n", None),
            ("too few fields", "cpu  1 2\ncpu0 1 2\n", None),
            ("no numbers", "cpu  a b c d e f g h\ncpu0 1\n", None),
            ("nothing", "", None),
        ] {
            assert_eq!(busy_s(stat), expected, "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn work_is_seen() {
        let mut sensors = all(Path::new("/"));
        let [sensor] = &mut sensors[..] else { panic!("Linux counts it") };
        let begin = (sensor.read)().unwrap();
        let start = std::time::Instant::now();
        let mut x = 1u64;
        while start.elapsed().as_millis() < 200 {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
        let processors = std::thread::available_parallelism().unwrap().get() as f64;
        let busy_s = (sensor.read)().unwrap() - begin;
        assert!(busy_s > 0.05 / processors && busy_s < 10.0, "{busy_s} s of {processors} processors");
    }
}
