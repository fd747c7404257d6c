//! Shows a sweep as it happens, on standard error: a bar on a terminal, else what fails and nothing more.

use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use protocol::Metric;

use crate::cli::ProgressForm;
use crate::error::Error;
use crate::estimate::Estimate;
use crate::event::{Event, Listener};
use crate::number;
use crate::plan::size::about;
use crate::screen::{shown, tell};
use crate::trial::Trial;

const TEMPLATE: &str = "{spinner} [{bar:24}] {wide_msg} {standing}";
const TICK: Duration = Duration::from_millis(120);

/// Says what runs now, how much is done, what failed, and how long the rest may take.
pub struct Progress {
    form: ProgressForm,
    bar: ProgressBar,
    standing: Arc<Mutex<Standing>>,
}

/// How far a sweep is.
struct Standing {
    estimate: Estimate,
    began: Instant,
    done: usize,
    failed: usize,
    /// True if more turns may follow than are sure to come.
    open: bool,
}

impl Progress {
    /// Progress on standard error: a bar on a terminal and nothing but failures elsewhere, unless a form is asked for. `open`
    /// where more turns may follow than the estimate knows of.
    pub fn new(form: Option<ProgressForm>, estimate: Estimate, open: bool) -> Progress {
        let usual = if stderr().is_terminal() { ProgressForm::Bar } else { ProgressForm::Quiet };
        let form = form.unwrap_or(usual);
        let target = match form {
            ProgressForm::Bar => ProgressDrawTarget::stderr(),
            ProgressForm::Lines | ProgressForm::Quiet => ProgressDrawTarget::hidden(),
        };
        let standing = Standing { estimate, began: Instant::now(), done: 0, failed: 0, open };
        let standing = Arc::new(Mutex::new(standing));
        let seen = Arc::clone(&standing);
        let words = move |_: &ProgressState, out: &mut dyn Write| {
            let standing = locked(&seen);
            let _ = out.write_str(&standing.words(standing.now_s()));
        };
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.progress_chars("━╸ ").with_key("standing", words);
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style);
        Progress { form, bar, standing }
    }

    fn began(&self) {
        let mut standing = locked(&self.standing);
        standing.began = Instant::now();
        let all = standing.all();
        // The bar's words are of what is locked here.
        drop(standing);
        self.bar.set_length(all as u64);
        self.bar.enable_steady_tick(TICK);
    }

    fn finished(&self, trial: &Trial) {
        let mut standing = locked(&self.standing);
        standing.took(trial);
        let (done, all) = (standing.done, standing.all());
        drop(standing);
        self.bar.set_length(all as u64);
        self.bar.set_position(done as u64);
        let failed = trial.judgement.verdict.is_failure();
        match self.form {
            ProgressForm::Lines => tell(&format!("[{done}/{all}] {}", line(trial))),
            ProgressForm::Bar | ProgressForm::Quiet if failed => self.bar.suspend(|| tell(&line(trial))),
            ProgressForm::Bar | ProgressForm::Quiet => {}
        }
    }
}

impl Standing {
    fn now_s(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn took(&mut self, trial: &Trial) {
        let verdict = trial.judgement.verdict;
        self.done += 1;
        self.failed += usize::from(verdict.is_failure());
        // Of those that take turns, only what passes goes on.
        let (now_s, goes_on) = (self.now_s(), verdict == protocol::Verdict::Pass);
        self.estimate.ended(&trial.case.key(), now_s, goes_on);
    }

    fn all(&self) -> usize {
        self.done + self.estimate.turns()
    }

    /// How far it is, in words: `12/40  1 failed  about 3 min left`.
    fn words(&self, now_s: f64) -> String {
        let failed = (self.failed > 0).then(|| format!("{} failed", self.failed));
        let sure = if self.open { "at least" } else { "about" };
        let left_s = self.estimate.left_s(now_s);
        let left = (self.estimate.turns() > 0).then(|| format!("{sure} {} left", about(left_s)));
        let done = format!("{}/{}", self.done, self.all());
        std::iter::once(done).chain(failed).chain(left).collect::<Vec<_>>().join("  ")
    }
}

fn locked(standing: &Mutex<Standing>) -> MutexGuard<'_, Standing> {
    // Whoever panicked left counts that are counts still.
    standing.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Listener for Progress {
    fn hear(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::RunStarted { .. } => self.began(),
            Event::SessionOpening(place) => self.bar.set_message(shown(&format!("starting {place}"))),
            Event::SessionOpened { .. } | Event::SessionClosed { .. } | Event::Controlled { .. } => {}
            Event::CaseStarted(case) => {
                let mut standing = locked(&self.standing);
                let now_s = standing.now_s();
                standing.estimate.started(&case.key(), now_s);
                drop(standing);
                self.bar.set_message(shown(&case.to_string()));
            }
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

#[cfg(test)]
mod tests {
    use protocol::Verdict::{self, Crash, Mismatch, Pass, Timeout, Unavailable};

    use super::*;
    use crate::case::tests::case;
    use crate::estimate::Ahead;
    use crate::judge::Judgement;
    use crate::lane::NoAnswer;

    fn ended(target: &str, verdict: Verdict) -> Trial {
        let failure =
            protocol::Failure { kind: protocol::FailureKind::Error, message: "gone\nfar".to_owned() };
        let trial = Trial::lost(case("m", target), NoAnswer::Failure(failure));
        let message = trial.judgement.message.filter(|_| verdict != Pass);
        Trial { judgement: Judgement { verdict, message, actual_target: None }, ..trial }
    }

    #[test]
    fn it_says_how_much_is_done_what_failed_and_about_how_long_the_rest_takes() {
        let targets = ["webgpu@chrome", "webgpu@firefox", "burn:cpu"];
        let ahead = targets.map(|target| Ahead {
            key: case("m", target).key(),
            model: "m".to_owned(),
            target: target.to_owned(),
            known_s: Some(120.0),
            turns: 1,
        });
        for (ended_so, open, expected) in [
            (&[][..], false, "0/3  about 6 min left"),
            (&[], true, "0/3  at least 6 min left"),
            (&[Unavailable], false, "1/3  about"),
            (&[Mismatch], false, "1/3  1 failed  about"),
            (&[Crash, Pass, Timeout], false, "3/3  2 failed"),
        ] {
            let estimate = Estimate::of(ahead.clone(), 1);
            let mut standing = Standing { estimate, began: Instant::now(), done: 0, failed: 0, open };
            for (target, verdict) in targets.iter().zip(ended_so) {
                standing.took(&ended(target, *verdict));
            }
            let words = standing.words(0.0);
            assert!(words.starts_with(expected), "{words}");
            assert_eq!(words.ends_with("left"), ended_so.len() < 3, "{words}");
        }
    }

    #[test]
    fn a_case_that_ended_is_one_line() {
        for (verdict, expected) in [(Crash, "crash m on burn:cpu: gone"), (Pass, "pass m on burn:cpu")] {
            assert_eq!(line(&ended("burn:cpu", verdict)), expected);
        }
    }
}
