//! Turns times into numbers that decide: how large, how sure, different or the same. Pure: it never measures, reads a
//! clock or prints.

pub mod decision;
pub mod dependence;
mod drift;
pub mod history;
mod kriging;
mod location;
pub mod noise;
pub mod outliers;
pub mod predict;
pub mod ratio;
pub mod simulation;
pub mod stopping;
mod summary;
pub mod turns;
mod undisturbed;

/// The geometric mean of values above zero; 1 of none.
pub fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len().max(1) as f64).exp()
}

pub use summary::{Interval, Summary};
pub use undisturbed::undisturbed;

/// How often an interval holds the true value.
const CONFIDENCE: f64 = 0.95;

/// The quantile of Student's t distribution that a share of `below` lies under, for so many degrees of freedom (one at
/// least).
fn student_quantile(below: f64, freedom: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, StudentsT};
    StudentsT::new(0.0, 1.0, freedom.max(1.0)).map_or(f64::INFINITY, |student| student.inverse_cdf(below))
}

/// How often chance alone takes Student's t at least as far from zero, on either side.
fn student_p_value(t: f64, freedom: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, StudentsT};
    StudentsT::new(0.0, 1.0, freedom.max(1.0)).map_or(1.0, |student| 2.0 * student.sf(t.abs()))
}

/// The mean of some values; not a number when there are none.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sum of the squared distances of values from their mean.
fn squares(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum()
}
