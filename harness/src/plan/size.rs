//! Whether a plan is of a size that somebody meant: how many cases it has, and about how long they take. Pure.

use std::time::Duration;

use crate::error::Error;

/// More cases are refused, unless they are asked for.
const MOST_CASES: usize = 500;
/// A longer plan is refused, unless it is asked for.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);
/// The time of a case of which nothing is known, and of each further turn of it, when all that is compiled once has been.
const UNKNOWN_S: f64 = 10.0;
const UNKNOWN_TURN_S: f64 = 1.0;

/// Holds a plan to what is sane: its number of cases, each with so many turns, and the seconds that a turn of each is known to
/// take, as far as they are.
///
/// # Errors
/// A plan with more cases, or of a longer time, than anybody asks for unless it is `large`.
pub fn check(cases: usize, turns: u32, known_s: &[f64], large: bool) -> Result<(), Error> {
    let unknown = cases.saturating_sub(known_s.len()) as f64;
    let unknown_s = UNKNOWN_S + f64::from(turns.saturating_sub(1)) * UNKNOWN_TURN_S;
    let about_s = known_s.iter().sum::<f64>() * f64::from(turns) + unknown * unknown_s;
    match large || cases <= MOST_CASES && about_s <= LONGEST.as_secs_f64() {
        true => Ok(()),
        false => Err(Error::PlanTooLarge { cases, about: about(about_s) }),
    }
}

/// A time as somebody says who plans a day by it.
pub fn about(seconds: f64) -> String {
    match (seconds / 60.0).round() {
        minutes if minutes < 1.0 => "a minute".to_owned(),
        minutes if minutes < 120.0 => format!("{minutes} min"),
        minutes if minutes < 48.0 * 60.0 => format!("{} h", (minutes / 60.0).round()),
        minutes => format!("{} days", (minutes / 60.0 / 24.0).round()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_nobody_meant_is_refused_with_its_size() {
        for (cases, turns, known_s, large, expected) in [
            (500, 1, &[][..], false, None),
            (501, 1, &[], false, Some(("501 cases", "about 84 min"))),
            (501, 1, &[], true, None),
            (2, 1, &[7000.0, 200.0], false, None),
            (2, 1, &[7000.0, 201.0], false, Some(("2 cases", "about 2 h"))),
            (2, 10, &[700.0, 20.1], false, Some(("2 cases", "about 2 h"))),
            (84, 24, &[], false, None),
            (1, 200_000, &[], false, Some(("1 case,", "about 2 days"))),
            (3, 1, &[7000.0, 201.0], true, None),
            (1_000_000, 1, &[], false, Some(("1000000 cases", "about 116 days"))),
        ] {
            let found = check(cases, turns, known_s, large).map_err(|error| error.to_string());
            match expected {
                None => assert_eq!(found, Ok(()), "{cases} {known_s:?}"),
                Some((count, time)) => {
                    let message = found.unwrap_err();
                    assert!(message.contains(count) && message.contains(time), "{message}");
                    assert!(message.contains("--large"), "{message}");
                }
            }
        }
    }
}
