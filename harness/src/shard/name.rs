//! The name by which shards of one sweep know each other: of the CI's run that they are part of. Reads no file.

use std::env::consts::{ARCH, OS};

/// What services call the run that their jobs belong to. It stays where jobs of it are run again, so that a shard which is run
/// again takes the place of what it was.
const RUNS: [&str; 4] = ["GITHUB_RUN_ID", "CI_PIPELINE_ID", "BUILDKITE_BUILD_ID", "BUILD_TAG"];

/// The name that a sweep has where none is given: of the CI's run and the kind of machine, as the same plan may be swept on
/// several kinds at once. Nothing outside of a CI. `variable` gives the environment's.
pub fn of_ci(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let run = RUNS.into_iter().find_map(|name| variable(name).filter(|value| !value.is_empty()))?;
    Some(format!("{run}-{OS}-{ARCH}"))
}

/// Reads a name for a sweep.
///
/// # Errors
/// When it is empty.
pub fn given(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() { Err("write a name that no other sweep has".to_owned()) } else { Ok(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_is_called_after_the_run_of_the_ci() {
        for (variables, expected) in [
            (&[][..], None),
            (&[("HOME", "/root")], None),
            (&[("GITHUB_RUN_ID", "17"), ("GITHUB_RUN_ATTEMPT", "2")], Some("17")),
            (&[("CI_PIPELINE_ID", "42")], Some("42")),
            (&[("BUILDKITE_BUILD_ID", "0192-ab")], Some("0192-ab")),
            (&[("GITHUB_RUN_ID", ""), ("BUILD_TAG", "jenkins-sweep-7")], Some("jenkins-sweep-7")),
        ] {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            let expected = expected.map(|run| format!("{run}-{OS}-{ARCH}"));
            assert_eq!(of_ci(variable), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_name_that_is_given_is_not_empty() {
        assert_eq!(given(" nightly "), Ok("nightly".to_owned()));
        assert!(given("  ").unwrap_err().contains("no other sweep"));
    }
}
