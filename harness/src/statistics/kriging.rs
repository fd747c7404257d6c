//! Prediction of a value from others that it has something in common with, and what leaving each out would have given.

/// How much of the variance of logarithms comes from what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Variances {
    pub model: f64,
    pub target: f64,
    pub features: f64,
    pub features_on_target: f64,
    pub latent: f64,
    pub noise: f64,
}

/// One of the variances.
pub(super) type Kind = fn(&mut Variances) -> &mut f64;

impl Variances {
    /// All of them.
    pub(super) const KINDS: [Kind; 6] = [
        |variances| &mut variances.noise,
        |variances| &mut variances.model,
        |variances| &mut variances.target,
        |variances| &mut variances.features,
        |variances| &mut variances.features_on_target,
        |variances| &mut variances.latent,
    ];

    /// Where to begin to look: models and targets make most of the difference.
    pub(super) fn starting(values: &[f64]) -> Variances {
        let all = (super::squares(values) / values.len() as f64).max(1e-6);
        let (most, little) = (all, all / 64.0);
        Variances {
            model: most,
            target: most,
            features: most,
            features_on_target: little,
            latent: little,
            noise: little,
        }
    }

    /// Whether one of them plays a part.
    pub(super) fn has(mut self, kind: Kind) -> bool {
        *kind(&mut self) > 0.0
    }

    /// The same with one of them multiplied.
    pub(super) fn with(mut self, kind: Kind, by: f64) -> Variances {
        *kind(&mut self) *= by;
        self
    }
}

/// What a value was predicted as when it was left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LeftOut {
    /// Measured less predicted.
    pub error: f64,
    /// How unsure the prediction was of itself.
    pub deviation: f64,
}

impl LeftOut {
    /// The error in units of its deviation, without its sign.
    pub(super) fn score(&self) -> f64 {
        self.error.abs() / self.deviation
    }
}

/// Known values, and what they say of others.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    /// The inverse of the values' covariance, row by row.
    inverse: Vec<f64>,
    /// The inverse times the values.
    weights: Vec<f64>,
    /// What each value would have been predicted as without it.
    pub left_out: Vec<LeftOut>,
}

/// Fits values of mean zero with a covariance and a noise of their own. Nothing where the covariance is none.
///
/// Leaving one out needs no second fit: its error is its weight over its place on the inverse's diagonal, which is one over
/// the variance of that error (Dubrule, *Cross validation of kriging in a unique neighborhood*, 1983).
pub(super) fn fit(values: &[f64], covariance: impl Fn(usize, usize) -> f64, noise: f64) -> Option<Fit> {
    let n = values.len();
    let mut matrix: Vec<f64> = (0..n * n).map(|at| covariance(at / n, at % n)).collect();
    (0..n).for_each(|at| matrix[at * n + at] += noise);
    let inverse = inverse(matrix, n)?;
    let weights: Vec<f64> = inverse.chunks(n).map(|row| dot(row, values)).collect();
    let left_out = weights.iter().enumerate().map(|(at, weight)| {
        let precision = inverse[at * n + at];
        LeftOut { error: weight / precision, deviation: precision.sqrt().recip() }
    });
    Some(Fit { left_out: left_out.collect(), inverse, weights })
}

impl Fit {
    /// Predicts a value from its covariances with the known ones, its own variance and noise; and how unsure the prediction
    /// is, as a standard deviation.
    pub(super) fn at(&self, covariances: &[f64], variance: f64, noise: f64) -> (f64, f64) {
        let explained: f64 = self
            .inverse
            .chunks(covariances.len())
            .zip(covariances)
            .map(|(row, covariance)| dot(row, covariances) * covariance)
            .sum();
        (dot(covariances, &self.weights), ((variance - explained).max(0.0) + noise).sqrt())
    }

    /// The logarithm of how likely the values are, each predicted from all others.
    pub(super) fn likelihood(&self) -> f64 {
        self.left_out.iter().map(|left_out| -left_out.deviation.ln() - left_out.score().powi(2) / 2.0).sum()
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// Inverts a positive definite matrix of n rows, in place (Gauss and Jordan; none needs its rows exchanged). Nothing where
/// it is not positive definite.
fn inverse(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    for pivot in 0..n {
        let at = matrix[pivot * n + pivot];
        if at.is_nan() || at <= 1e-12 {
            return None;
        }
        matrix[pivot * n + pivot] = 1.0;
        matrix[pivot * n..(pivot + 1) * n].iter_mut().for_each(|value| *value /= at);
        let row = matrix[pivot * n..(pivot + 1) * n].to_vec();
        for other in (0..n).filter(|other| *other != pivot) {
            let factor = std::mem::take(&mut matrix[other * n + pivot]);
            let others = &mut matrix[other * n..(other + 1) * n];
            others.iter_mut().zip(&row).for_each(|(value, pivots)| *value -= factor * pivots);
        }
    }
    Some(matrix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn an_inverse_undoes_its_matrix() {
        let matrix = vec![4.0, 1.0, 0.5, 1.0, 3.0, 0.2, 0.5, 0.2, 2.0];
        let inverse = inverse(matrix.clone(), 3).unwrap();
        for row in 0..3 {
            for column in 0..3 {
                let product: f64 = (0..3).map(|at| matrix[row * 3 + at] * inverse[at * 3 + column]).sum();
                assert!(near(product, f64::from(u8::from(row == column))), "{row}, {column}: {product}");
            }
        }
        assert_eq!(super::inverse(vec![1.0, 2.0, 2.0, 1.0], 2), None, "not positive definite");
    }

    #[test]
    fn leaving_one_out_is_fitting_without_it() {
        let values = [0.3, -0.1, 0.7, -0.4];
        let covariance = |one: usize, other: usize| (-(one.abs_diff(other) as f64) / 2.0).exp();
        let all = fit(&values, covariance, 0.1).unwrap();
        let without_last = fit(&values[..3], covariance, 0.1).unwrap();
        let covariances: Vec<f64> = (0..3).map(|at| covariance(3, at)).collect();
        let (predicted, deviation) = without_last.at(&covariances, 1.0, 0.1);
        assert!(near(all.left_out[3].error, values[3] - predicted), "{predicted}");
        assert!(near(all.left_out[3].deviation, deviation), "{deviation}");
    }
}
