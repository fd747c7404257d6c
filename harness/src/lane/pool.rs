//! What the workers of a lane share: the units that wait, the listener, and how many jobs are under way.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use super::{Event, Listener, Then, Unit};
use crate::error::Error;
use crate::session::SessionKind;

/// Shared by the workers of one task; none of them holds it while it waits.
pub struct Pool<'l, U: Unit> {
    waiting: RefCell<VecDeque<U>>,
    listener: RefCell<&'l mut dyn Listener<U>>,
    under_way: RefCell<UnderWay>,
}

/// Jobs by their numbers, and for each the most that were under way with it.
#[derive(Debug, Default)]
struct UnderWay {
    jobs: BTreeMap<u64, u32>,
    last: u64,
}

impl<'l, U: Unit> Pool<'l, U> {
    /// Every unit waits.
    pub fn new(units: impl IntoIterator<Item = U>, listener: &'l mut dyn Listener<U>) -> Pool<'l, U> {
        Pool {
            waiting: RefCell::new(units.into_iter().collect()),
            listener: RefCell::new(listener),
            under_way: RefCell::default(),
        }
    }

    /// The next unit: the first of a kind whose session is open, so that sessions are reused, else the first.
    pub fn take(&self, is_open: impl Fn(&SessionKind) -> bool) -> Option<U> {
        let mut waiting = self.waiting.borrow_mut();
        let reusing = waiting.iter().position(|unit| is_open(&unit.kind()));
        waiting.remove(reusing.unwrap_or(0))
    }

    /// Tells the listener.
    ///
    /// # Errors
    /// The listener's.
    pub fn tell(&self, event: Event<'_, U>) -> Result<Then<U>, Error> {
        self.listener.borrow_mut().hear(event)
    }

    /// Takes note that a job begins, and numbers it.
    pub fn begin(&self) -> u64 {
        let mut under_way = self.under_way.borrow_mut();
        under_way.last += 1;
        let number = under_way.last;
        under_way.jobs.insert(number, 0);
        let now = under_way.jobs.len() as u32;
        under_way.jobs.values_mut().for_each(|most| *most = now.max(*most));
        number
    }

    /// Takes note that a job has ended; gives the most that were under way with it, itself included.
    pub fn end(&self, number: u64) -> u32 {
        self.under_way.borrow_mut().jobs.remove(&number).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::tests::Single;
    use super::*;

    struct Deaf;

    impl Listener<Single> for Deaf {
        fn hear(&mut self, _: Event<'_, Single>) -> Result<Then<Single>, Error> {
            Ok(Then::default())
        }
    }

    #[test]
    fn open_sessions_are_reused_and_all_else_keeps_its_order() {
        let mut deaf = Deaf;
        let units = ["a webgpu@chrome", "a webgpu@firefox", "b webgpu@chrome", "b wgpu:vulkan"];
        let pool = Pool::new(units.map(Single), &mut deaf);
        let firefox = Single("x wasm@firefox").kind();
        assert_eq!(pool.take(|kind| *kind == firefox), Some(Single("a webgpu@firefox")));
        for expected in ["a webgpu@chrome", "b webgpu@chrome", "b wgpu:vulkan"] {
            assert_eq!(pool.take(|_| false), Some(Single(expected)));
        }
        assert_eq!(pool.take(|_| true), None);
    }

    #[test]
    fn a_job_knows_the_most_that_ran_beside_it() {
        let mut deaf = Deaf;
        let pool = Pool::new([], &mut deaf);
        let (a, b) = (pool.begin(), pool.begin());
        assert_eq!(pool.end(a), 2);
        let c = pool.begin();
        assert_eq!((pool.end(b), pool.end(c)), (2, 2));
        let d = pool.begin();
        assert_eq!(pool.end(d), 1, "nothing ran beside it");
    }
}
