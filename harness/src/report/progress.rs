//! Shows a sweep as it happens, on standard error: a bar on a terminal, a line per case elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use protocol::Metric;

use crate::error::Error;
use crate::event::{Event, Listener};
use crate::number;
use crate::screen::{shown, tell};
use crate::trial::Trial;

const TEMPLATE: &str = "{spinner} [{bar:24}] {pos}/{len}  {msg}  {elapsed} gone, {eta} left";

/// Says what runs now, how much is done and how long the rest may take.
pub struct Progress {
    bar: ProgressBar,
    on_terminal: bool,
}

impl Progress {
    /// Progress on standard error.
    pub fn new() -> Progress {
        let on_terminal = stderr().is_terminal();
        let target = if on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style.progress_chars("━╸ "));
        Progress { bar, on_terminal }
    }

    fn finished(&self, trial: &Trial) {
        self.bar.inc(1);
        self.bar.set_length(self.bar.length().unwrap_or_default().max(self.bar.position()));
        if !self.on_terminal {
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
            tell(&format!("[{done}/{all}] {}", line(trial)));
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Progress::new()
    }
}

impl Listener for Progress {
    fn hear(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::RunStarted { turns, .. } => {
                self.bar.set_length(*turns as u64);
                self.bar.enable_steady_tick(Duration::from_millis(120));
            }
            Event::SessionOpening(place) => self.bar.set_message(shown(&format!("starting {place}"))),
            Event::SessionOpened { .. } | Event::SessionClosed { .. } | Event::Controlled { .. } => {}
            Event::CaseStarted(case) => self.bar.set_message(shown(&case.to_string())),
            Event::CaseFinished(trial) => self.finished(trial),
            Event::RunFinished { .. } => self.bar.finish_and_clear(),
        }
        Ok(())
    }
}

/// A finished case in one line.
fn line(trial: &Trial) -> String {
    let more = match (&trial.judgement.message, trial.summary(Metric::LatencyMs)) {
        (Some(message), _) => format!(": {}", message.lines().next().unwrap_or_default()),
        (None, Some(latency)) => format!(": latency {}", number::time_interval(latency)),
        (None, None) => String::new(),
    };
    format!("{} {}{more}", trial.judgement.verdict.name(), trial.case)
}
