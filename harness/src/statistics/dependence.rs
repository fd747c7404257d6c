//! Whether values that follow one another are alike, and how many independent ones they are worth.

use statrs::distribution::{ContinuousCDF, Normal};

/// A history whose neighbours are alike this surely depends on itself.
const SURE: f64 = 0.001;
/// Beyond this, a series is too short for its own autocorrelation.
const MOST_ALIKE: f64 = 0.95;

/// How much each value of a series resembles the one before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dependence {
    /// Lag-1 autocorrelation of the values' ranks, from −1 to 1 and corrected for its bias; 0 where all are alike.
    pub autocorrelation: f64,
    /// How many independent values say as much about the centre: n·(1−r)/(1+r) for a first-order autoregressive series;
    /// never more than n.
    pub effective_n: f64,
    /// How often independent values have an autocorrelation at least as large (Wald and Wolfowitz, 1943).
    pub p_value: f64,
}

impl Dependence {
    /// Measures the dependence within a series. Ranks, so that outliers decide nothing.
    pub fn of(series: &[f64]) -> Dependence {
        Dependence::of_residuals(series, 1)
    }

    /// The dependence within what was left of a series after so many levels were taken from it, which hides some:
    /// (1 + 3r)/n for each (Kendall, *Note on bias in the estimation of autocorrelation*, 1954).
    pub(super) fn of_residuals(series: &[f64], levels: usize) -> Dependence {
        let n = series.len() as f64;
        let ranks = centred_ranks(series);
        let square: f64 = ranks.iter().map(|rank| rank * rank).sum();
        if series.len() < 3 || square == 0.0 {
            return Dependence { autocorrelation: 0.0, effective_n: n, p_value: 1.0 };
        }
        let product: f64 = ranks.windows(2).map(|two| two[0] * two[1]).sum();
        let seen = product / square;
        let hidden = levels as f64 * (1.0 + 3.0 * seen.max(0.0)) / n;
        let autocorrelation = (seen + hidden).clamp(-1.0, 1.0);
        let deviation = (n - 2.0).sqrt() / (n - 1.0);
        let p_value = Normal::standard().sf(autocorrelation / deviation);
        let dependence = Dependence { autocorrelation, effective_n: n, p_value };
        Dependence { effective_n: (n * dependence.independent_share()).max(1.0), ..dependence }
    }

    /// The share of the values that says something of its own, up to 1.
    pub(super) fn independent_share(&self) -> f64 {
        let held = self.autocorrelation.clamp(0.0, MOST_ALIKE);
        (1.0 - held) / (1.0 + held)
    }

    /// Whether the series depends on itself more surely than chance explains.
    pub fn is_sure(&self) -> bool {
        self.p_value < SURE
    }
}

/// Each value's rank less the mean rank; values alike share theirs.
fn centred_ranks(series: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..series.len()).collect();
    order.sort_by(|one, other| series[*one].total_cmp(&series[*other]));
    let mut ranks = vec![0.0; series.len()];
    let mut below = 0;
    for alike in order.chunk_by(|one, other| series[*one] == series[*other]) {
        let rank = below as f64 + (alike.len() as f64 - series.len() as f64) / 2.0;
        alike.iter().for_each(|at| ranks[*at] = rank);
        below += alike.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::simulation::normal;

    #[test]
    fn the_autocorrelation_put_in_is_found() {
        let mut random = fastrand::Rng::with_seed(11);
        for (put_in, low, high) in
            [(0.0, -0.02, 0.02), (0.3, 0.25, 0.33), (0.6, 0.54, 0.63), (0.8, 0.72, 0.83)]
        {
            let mut found = 0.0;
            let mut sure = 0;
            for _ in 0..500 {
                let mut level = normal(&mut random);
                let series: Vec<f64> = (0..100)
                    .map(|_| {
                        level = put_in * level + (1.0 - put_in * put_in).sqrt() * normal(&mut random);
                        level.exp()
                    })
                    .collect();
                let dependence = Dependence::of(&series);
                found += dependence.autocorrelation / 500.0;
                sure += usize::from(dependence.is_sure());
            }
            assert!((low..high).contains(&found), "{put_in}: {found}");
            let expected = if put_in == 0.0 {
                0..=3
            } else if put_in < 0.5 {
                150..=500
            } else {
                490..=500
            };
            assert!(expected.contains(&sure), "{put_in}: {sure} of 500");
        }
    }

    #[test]
    fn short_series_and_equal_values_depend_on_nothing() {
        for series in [vec![], vec![1.0], vec![1.0, 2.0], vec![3.0; 20]] {
            let n = series.len() as f64;
            assert_eq!(
                Dependence::of(&series),
                Dependence { autocorrelation: 0.0, effective_n: n, p_value: 1.0 }
            );
        }
        let trend: Vec<f64> = (0..30).map(f64::from).collect();
        assert!(Dependence::of(&trend).effective_n < 2.0);
    }
}
