//! Medians, quantiles and ratios of what was measured. It knows numbers only.

/// The middle of some values, and the least and the most of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: &[f64]) -> Option<Spread> {
        let sorted = sorted(values);
        Some(Spread { median: median(values)?, least: *sorted.first()?, most: *sorted.last()? })
    }
}

/// The middle one, or the mean of the two in the middle; none of no values.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let (low, high) = (sorted.get(values.len().checked_sub(1)? / 2)?, sorted.get(values.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// The least value that so large a share of all does not exceed; none of no values.
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let place = (share * values.len() as f64).ceil() as usize;
    sorted(values).get(place.clamp(1, values.len().max(1)) - 1).copied()
}

/// Each value by the one that was measured beside it.
pub(crate) fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_of_what_was_measured() {
        assert_eq!(
            [median(&[]), median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0])],
            [None, Some(2.0), Some(2.5)]
        );
        assert_eq!(Spread::of(&[2.0, 1.0, 9.0]), Some(Spread { median: 2.0, least: 1.0, most: 9.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!([quantile(&hundred, 0.95), quantile(&hundred, 1.0)], [Some(95.0), Some(100.0)]);
        assert_eq!(
            [quantile(&[7.0], 0.95), quantile(&[7.0], 0.0), quantile(&[], 0.5)],
            [Some(7.0), Some(7.0), None]
        );
    }

    #[test]
    fn the_ratio_of_pairs_is_not_the_ratio_of_medians() {
        // A machine that was busy for one pair slowed both sides of it.
        assert_eq!(ratios(&[2.0, 20.0, 3.0], &[1.0, 10.0, 1.0]), [2.0, 2.0, 3.0]);
    }
}
