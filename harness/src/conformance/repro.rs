//! `parallax conformance --repro NAME`: a node test as one HTML file that needs nothing of ours.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use protocol::{Answer, Conformance, Target, Task, Verdict};

use super::suite::Suite;
use super::{PACKS, TOLERANCE};
use crate::browser::BrowserEntry;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::screen;
use crate::session::{self, Context, Fault, Place};

/// How long it may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Writes a test as a page of its own for the first target, into the working folder.
///
/// # Errors
/// When the test cannot be read or the page not written.
pub async fn write(
    test: &glob::Pattern,
    targets: &[Target],
    suite: &Result<Suite, Fault>,
    browsers: BTreeMap<String, BrowserEntry>,
    packs: &Path,
) -> Result<Exit, Error> {
    let said = |error: &dyn std::fmt::Display| screen::tell(&error.to_string());
    let (Ok(suite), Some(target)) = (suite, targets.first()) else {
        suite.as_ref().err().inspect(|fault| said(fault));
        return Ok(Exit::NothingRan);
    };
    let Some(batch) = suite.pack(&suite.names(std::slice::from_ref(test))?, packs)?.into_iter().next() else {
        said(&format!("there is no node test {test}"));
        return Ok(Exit::NothingRan);
    };
    let context = Context::start(browsers).await?;
    let asked = Conformance {
        location: context.pages.mount(PACKS, packs) + &batch.pack,
        tests: batch.tests.clone(),
        tolerance: TOLERANCE,
    };
    let job = context.job_of(target, 1, Task::Reproduce(asked));
    let mut session = match session::open(&Place::of(target), &context).await {
        Ok(session) => session,
        Err(fault) => {
            said(&fault);
            return Ok(Exit::NothingRan);
        }
    };
    let outcome = session.run(&job, TIMEOUT).await;
    session.close().await;
    match outcome.map(|outcome| outcome.answer) {
        Ok(Answer::Reproduced { page }) => {
            let path = format!("{}.html", batch.tests[0]);
            fs::write(&path, page).map_err(Error::Output)?;
            screen::print(&path)?;
            Ok(Exit::Success)
        }
        Ok(Answer::Failed(failure)) => {
            said(&failure.message);
            Ok(Exit::of([failure.kind.into()]))
        }
        Ok(_) => {
            said(&"it answered another question");
            Ok(Exit::of([Verdict::Error]))
        }
        Err(fault) => {
            said(&fault);
            Ok(Exit::of([fault.verdict()]))
        }
    }
}
