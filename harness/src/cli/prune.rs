//! The flags of `parallax prune`.

use std::time::SystemTime;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::{ArgGroup, Args};

use super::OutputArgs;

/// The examples below its help.
pub const PRUNE_EXAMPLE: &str = "\
Examples:
  parallax prune --keep 30 --dry-run
  parallax prune --before 2026-06-01
  parallax prune --before 2026-06-01T12:00:00+02:00 --keep 10
  parallax prune --run 0192ab,0192ac --json

With --keep and --before, what goes is older than that and not among the newest. A run that may still be under way stays.
What is kept is copied into a new file, which then takes the place of the old one: there has to be room for both.

Exit codes:
  0  they are removed, or there was nothing to remove
  1  the database could not be rewritten; it is as it was
  2  bad flags, no such run, or a database that cannot be used";

/// Flags of `parallax prune`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).multiple(true).args(["keep", "before", "runs"])))]
pub struct PruneArgs {
    /// Keep so many runs of each kind, the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,
    /// Remove runs that were begun before this, a day (of UTC) or a time
    #[arg(long, value_name = "DATE", value_parser = moment)]
    pub before: Option<SystemTime>,
    /// Remove these runs: identifiers, or their beginnings
    #[arg(long = "run", value_delimiter = ',', value_name = "ID,..")]
    pub runs: Vec<String>,
    /// Say what would go, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}

fn moment(text: &str) -> Result<SystemTime, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let day = day.map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let time = || DateTime::parse_from_rfc3339(text).ok().map(DateTime::<Utc>::from);
    let words = "write a day, as in 2026-06-01, or a time, as in 2026-06-01T12:00:00Z";
    day.or_else(time).map(SystemTime::from).ok_or_else(|| words.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc_and_a_time_has_its_zone() {
        // Seconds since 1970, by GNU date.
        for (text, expected) in [
            ("2026-06-01", Some(1_780_272_000)),
            ("2026-06-01T12:00:00Z", Some(1_780_315_200)),
            ("2026-06-01T12:00:00+02:00", Some(1_780_308_000)),
            ("2026-06-01 12:00", None),
            ("01.06.2026", None),
            ("2026-02-30", None),
            ("", None),
        ] {
            let found = moment(text).ok();
            let expected = expected.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(found, expected, "{text}");
        }
    }
}
