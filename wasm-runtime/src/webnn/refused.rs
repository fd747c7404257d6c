//! Finds the calls of a plan that the browser refuses: as few as can be found.

use webnn::Plan;

use super::context::{self, Context};
use super::program::{Source, build};
use crate::error::RuntimeError;
use crate::timing::Course;

/// Builds that a search may take: each makes the weights of its calls once more.
const MOST_BUILDS: usize = 100;

/// Calls that the browser refuses to build.
pub struct Refused {
    /// Their places in the plan, in order.
    pub calls: Vec<usize>,
    /// The browser's words.
    pub message: String,
}

/// The fewest calls that are found to be refused, by leaving out halves, then quarters, down to single ones. None where
/// the browser now builds all.
///
/// # Errors
/// Weights that cannot be made, the loss of the context.
pub async fn fewest(
    context: &Context,
    plan: &Plan,
    source: &Source<'_>,
    course: &mut Course,
) -> Result<Option<Refused>, RuntimeError> {
    let mut builds = MOST_BUILDS;
    let mut refused = async |calls: &[usize]| {
        if calls.is_empty() || builds == 0 {
            return Ok(None);
        }
        builds -= 1;
        match build(context, &plan.part(calls), source, course).await {
            Ok(ml) => {
                context::destroyed(ml.destroy_graph());
                Ok(None)
            }
            Err(RuntimeError::NotBuilt { message, .. }) => Ok(Some(message)),
            // What cannot be fed says nothing of the calls.
            Err(RuntimeError::Browser { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let mut calls: Vec<usize> = (0..plan.calls.len()).collect();
    let Some(mut message) = refused(&calls).await? else { return Ok(None) };
    let mut size = calls.len();
    while size > 1 {
        size = size.div_ceil(2);
        let mut start = 0;
        while start < calls.len() {
            let mut fewer = calls.clone();
            fewer.drain(start..calls.len().min(start + size));
            match refused(&fewer).await? {
                Some(words) => (calls, message) = (fewer, words),
                None => start += size,
            }
        }
    }
    Ok(Some(Refused { calls, message }))
}
