//! Hears the user's wish to stop: Ctrl-C, and on Unix also SIGTERM and SIGHUP.

use crate::error::Error;

/// Listens from when it is made; a wish uttered before it is asked for is kept.
pub struct Interrupt {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
    #[cfg(windows)]
    ctrl_c: tokio::signal::windows::CtrlC,
}

#[cfg(unix)]
impl Interrupt {
    /// Begins to listen; from now on these signals no longer end the process by themselves.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> Result<Interrupt, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(Error::Signals);
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(listen);
        Ok(Interrupt { signals: [interrupt?, terminate?, hangup?] })
    }

    /// Waits until the user wishes to stop.
    pub async fn received(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(windows)]
impl Interrupt {
    /// Begins to listen; from now on Ctrl-C no longer ends the process by itself.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> Result<Interrupt, Error> {
        Ok(Interrupt { ctrl_c: tokio::signal::windows::ctrl_c().map_err(Error::Signals)? })
    }

    /// Waits until the user wishes to stop.
    pub async fn received(&mut self) {
        self.ctrl_c.recv().await;
    }
}
