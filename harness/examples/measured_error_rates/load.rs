//! Other load on the machine: a thread that computes for a while and rests for a while, of random lengths.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fastrand::Rng;

/// The longest stretch of work or rest.
const LONGEST: f64 = 2.0;

/// A load that ends when it is dropped.
pub struct Load {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Half of one core, on average.
    pub fn begin() -> Load {
        let ended = Arc::new(AtomicBool::new(false));
        let of_thread = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            let mut random = Rng::with_seed(1);
            let mut stretch = || Duration::from_secs_f64(LONGEST * random.f64());
            while !of_thread.load(Ordering::Relaxed) {
                let (begun, busy) = (Instant::now(), stretch());
                let mut sum = 0u64;
                while begun.elapsed() < busy {
                    sum = (0..10_000u64).fold(sum, |sum, number| black_box(sum.wrapping_add(number)));
                }
                thread::sleep(stretch());
            }
        });
        Load { ended, thread: Some(thread) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Its panic would have nothing to tell here.
        self.thread.take().map(JoinHandle::join);
    }
}
