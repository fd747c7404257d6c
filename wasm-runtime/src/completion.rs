//! Awaits the device, with a kick where the browser would let us sleep.
//!
//! Firefox asks its device for finished work only every 100 ms ([bug 1870699]): a promise of `mapAsync` or
//! `onSubmittedWorkDone` comes back up to 100 ms late, and every wall time is a multiple of 100 ms. Each
//! `submit`, even of nothing, makes it ask at once. So while a promise is pending we submit an empty list now
//! and then. Not as often as the event loop turns: thousands of submits keep the browser from the very work we
//! wait for (a 14 ms product took 50 ms). A kick each millisecond, and ever less often as the wait grows, keeps
//! a wall time within 1 ms or a twentieth of the truth.
//!
//! [bug 1870699]: https://bugzilla.mozilla.org/show_bug.cgi?id=1870699

use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::Promise;
use protocol::{BrowserKind, Feature};
use wasm_bindgen::JsValue;
use wasm_bindgen::convert::FromWasmAbi;
use wasm_bindgen_futures::JsFuture;
use web_sys::GpuQueue;

use crate::setting::Setting;
use crate::timing::{self, Clock};

/// How completion of a queue's work is awaited.
#[derive(Debug)]
pub struct Completion {
    kick: Option<Kick>,
}

#[derive(Debug)]
struct Kick {
    queue: GpuQueue,
    clock: Clock,
}

const SHORTEST_PAUSE_MS: f64 = 1.0;
/// A pause over the time waited so far.
const PAUSE_RATIO: f64 = 0.05;

impl Completion {
    /// Awaits work of `queue`; only Firefox is kicked.
    pub fn of(queue: &GpuQueue, setting: &Setting, clock: &Clock) -> Self {
        let needs_kick = match setting.browser {
            Some(BrowserKind::Firefox) => setting.features.has(Feature::Kick),
            Some(BrowserKind::Chromium | BrowserKind::Webkit) | None => false,
        };
        let kick = || Kick { queue: queue.clone(), clock: clock.clone() };
        Completion { kick: needs_kick.then(kick) }
    }

    /// Returns whether waiting advances the queue.
    pub fn is_kicking(&self) -> bool {
        self.kick.is_some()
    }

    /// Awaits a promise that resolves when the queue has got so far.
    ///
    /// # Errors
    /// The promise's rejection.
    pub async fn wait<T: FromWasmAbi + 'static>(&self, promise: Promise<T>) -> Result<T, JsValue> {
        let mut pending = pin!(JsFuture::from(promise));
        let Some(kick) = &self.kick else { return pending.await };
        let start = kick.clock.now_ms();
        loop {
            let waited_ms = kick.clock.now_ms() - start;
            let Ok(pause) = timing::pause(SHORTEST_PAUSE_MS.max(waited_ms * PAUSE_RATIO)) else {
                return pending.await;
            };
            match select(pending.as_mut(), JsFuture::from(pause)).await {
                Either::Left((settled, _)) => return settled,
                Either::Right(_) => kick.queue.submit(&[]),
            }
        }
    }
}
