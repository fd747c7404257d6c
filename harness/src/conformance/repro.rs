//! `parallax conformance --repro NAME`: a node test as one HTML file that needs nothing of ours.

use std::fs;
use std::path::Path;
use std::time::Duration;

use protocol::{Conformance, Target, Task};

use super::suite::{Batch, Suite};
use super::{PACKS, TOLERANCE};
use crate::error::Error;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::lane::{Lane, Unit};
use crate::screen;
use crate::session::Context;

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
    context: &Context,
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
    match Lane::only(context, Reproduction { target, packs, batch: &batch }).await.answer {
        Ok(page) => {
            let path = format!("{}.html", batch.tests[0]);
            fs::write(&path, page).map_err(Error::Output)?;
            screen::print(&path)?;
            Ok(Exit::Success)
        }
        Err(none) => {
            said(&none);
            Ok(Exit::of([none.verdict()]))
        }
    }
}

/// A node test to be made a page.
#[derive(Clone)]
struct Reproduction<'a> {
    target: &'a Target,
    packs: &'a Path,
    batch: &'a Batch,
}

impl Unit for Reproduction<'_> {
    type Report = String;

    fn target(&self) -> Target {
        self.target.clone()
    }

    fn task(&self, context: &Context) -> Task {
        Task::Reproduce(Conformance {
            location: context.pages.mount(PACKS, self.packs) + &self.batch.pack,
            tests: self.batch.tests.clone(),
            tolerance: TOLERANCE,
        })
    }

    fn limit(&self) -> Duration {
        TIMEOUT
    }
}
