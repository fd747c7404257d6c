//! Marks the samples that lie far from the rest. It drops nothing.

/// So many robust standard deviations from the median is an outlier (Iglewicz and Hoaglin, *How to Detect and Handle
/// Outliers*, 1993).
const FAR: f64 = 3.5;
/// The standard deviation of normal values over the median of their distances from the median.
const PER_MEDIAN_DISTANCE: f64 = 1.4826;
/// The same over the mean of those distances, for where more than half of the samples are alike.
const PER_MEAN_DISTANCE: f64 = 1.2533;

/// Which samples are outliers, too small or too large, in the samples' order.
///
/// Distances are from the median, in units of the median distance, so that up to half of the samples may be anything.
pub fn marks(samples: &[f64]) -> Vec<bool> {
    let Some(centre) = median(samples.to_vec()) else { return Vec::new() };
    let distances: Vec<f64> = samples.iter().map(|sample| (sample - centre).abs()).collect();
    let deviation = match median(distances.clone()) {
        Some(distance) if distance > 0.0 => PER_MEDIAN_DISTANCE * distance,
        _ => PER_MEAN_DISTANCE * super::mean(&distances),
    };
    distances.iter().map(|distance| *distance > FAR * deviation).collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    super::summary::median(&values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tails_are_marked_and_what_scatters_is_not() {
        for (name, samples, expected) in [
            ("nothing", vec![], vec![]),
            ("one", vec![1.0], vec![]),
            ("alike", vec![2.0; 9], vec![]),
            ("even scatter", vec![1.0, 1.1, 1.2, 1.3, 1.4, 1.5], vec![]),
            ("one high", vec![1.0, 1.1, 0.9, 5.0, 1.0, 1.05], vec![3]),
            ("one low", vec![0.1, 10.0, 10.1, 9.9, 10.2, 9.8], vec![0]),
            ("both", vec![10.0, 10.1, 0.1, 9.9, 10.2, 9.8, 99.0], vec![2, 6]),
            ("alike but for one", vec![2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 9.0], vec![7]),
            ("two peaks are no outliers", vec![1.0, 2.0, 1.1, 2.1, 1.2, 2.2, 0.9, 1.9], vec![]),
        ] {
            let marked = marks(&samples);
            let at: Vec<usize> = (0..marked.len()).filter(|at| marked[*at]).collect();
            assert_eq!((marked.len(), at), (samples.len(), expected), "{name}");
        }
    }
}
