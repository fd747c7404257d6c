//! The command's exit codes, and what each says.

use std::process::ExitCode;

use protocol::Verdict;

/// How a command ended, as its exit code tells a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All as expected.
    Success = 0,
    /// A gate failed: a wrong answer, an error, a crash, a hang.
    GateFailed = 1,
    /// A bad plan or bad flags; nothing was started.
    BadRequest = 2,
    /// Nothing asked for could run here.
    NothingRan = 3,
    /// Stopped by the user; finished rows are kept.
    Interrupted = 130,
}

impl Exit {
    /// The exit code of a sweep whose cases ended with `verdicts`.
    ///
    /// A case for which this machine lacks something is no failure as long as something ran.
    pub fn of(verdicts: impl IntoIterator<Item = Verdict>) -> Exit {
        let (mut ran, mut failed) = (false, false);
        for verdict in verdicts {
            ran |= verdict == Verdict::Pass;
            failed |= verdict.is_failure();
        }
        match (failed, ran) {
            (true, _) => Exit::GateFailed,
            (false, true) => Exit::Success,
            (false, false) => Exit::NothingRan,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use protocol::Verdict::{Crash, DeviceLost, Error, Mismatch, Pass, Timeout, Unavailable, Unsupported};

    use super::*;

    #[test]
    fn verdicts_decide_the_exit_code() {
        for (verdicts, expected) in [
            (vec![Pass, Pass], Exit::Success),
            (vec![Pass, Unavailable, Unsupported], Exit::Success),
            (vec![Unavailable, Unavailable], Exit::NothingRan),
            (vec![Unavailable, Unsupported], Exit::NothingRan),
            (vec![], Exit::NothingRan),
            (vec![Pass, Mismatch], Exit::GateFailed),
            (vec![Pass, Error], Exit::GateFailed),
            (vec![Timeout], Exit::GateFailed),
            (vec![Crash, Unavailable], Exit::GateFailed),
            (vec![DeviceLost], Exit::GateFailed),
        ] {
            assert_eq!(Exit::of(verdicts.iter().copied()), expected, "{verdicts:?}");
        }
    }
}
