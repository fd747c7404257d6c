//! An allocator that can refuse: a model that makes the loader ask for too much ends its worker at once, instead of the
//! machine's memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// No fixture needs a tenth of it.
const LIMIT_BYTES: usize = 1 << 30;

/// The system's allocator, which hands out no more than a limit once one is set.
struct Limited {
    limit: AtomicUsize,
    live: AtomicUsize,
}

#[global_allocator]
static ALLOCATOR: Limited = Limited { limit: AtomicUsize::new(usize::MAX), live: AtomicUsize::new(0) };

/// Sets the limit for the rest of the process.
pub fn limit() {
    ALLOCATOR.limit.store(LIMIT_BYTES, Ordering::Relaxed);
}

// SAFETY: every call is the system allocator's, or gives the null pointer, which says that there is no memory.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = self.live.fetch_add(layout.size(), Ordering::Relaxed);
        if live.saturating_add(layout.size()) > self.limit.load(Ordering::Relaxed) {
            self.live.fetch_sub(layout.size(), Ordering::Relaxed);
            return std::ptr::null_mut();
        }
        // SAFETY: the caller keeps to the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.live.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `GlobalAlloc::dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}
