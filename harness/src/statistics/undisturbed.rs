//! What times say of a thing alone, without what disturbs the machine meanwhile.

/// One in so many samples lies below.
const ONE_IN: usize = 10;

/// The time that a tenth of some times lies below; the shortest of fewer than eleven. Nothing of none.
///
/// What disturbs a machine only adds to a time: on one that is shared, medians were seen to scatter by two to three times as much.
/// How often a thing is slow by itself this does not say, so that whoever decides by it has to look whether medians say the opposite.
pub fn undisturbed(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / ONE_IN).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_lies_below() {
        let times = |n: u32| (1..=n).rev().map(f64::from).collect::<Vec<_>>();
        for (n, expected) in [(0, None), (1, Some(1.0)), (10, Some(1.0)), (11, Some(2.0)), (41, Some(5.0))] {
            assert_eq!(undisturbed(&times(n)), expected, "{n}");
        }
    }
}
