//! Median, ninetieth percentile and maximum of sizes.
//!
//! It knows numbers and the size they are meant to stay under, not what was counted.

/// The sizes to beat.
pub(crate) struct Target {
    pub(crate) what: &'static str,
    pub(crate) median: usize,
    pub(crate) p90: usize,
    pub(crate) max: usize,
}

/// One line for people: each figure beside its target, `!` where it is missed.
pub(crate) fn line(target: &Target, sizes: &[usize]) -> String {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable();
    let figure = |name: &str, value: usize, limit: usize| {
        format!("{name} {value}/{limit}{}", if value > limit { "!" } else { "" })
    };
    let figures = [
        figure("median", percentile(&sorted, 50), target.median),
        figure("p90", percentile(&sorted, 90), target.p90),
        figure("max", percentile(&sorted, 100), target.max),
    ];
    format!("{:<12} {:>5}  lines: {}", target.what, sorted.len(), figures.join("  "))
}

/// Nearest rank; 0 for an empty list.
pub(crate) fn percentile(sorted: &[usize], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_use_the_nearest_rank() {
        let sizes: Vec<usize> = (1..=10).collect();
        assert_eq!([50, 90, 100].map(|percent| percentile(&sizes, percent)), [5, 9, 10]);
        assert_eq!(percentile(&[7], 90), 7);
        assert_eq!(percentile(&[], 50), 0);
    }

    #[test]
    fn a_missed_target_is_marked() {
        let target = Target { what: "files", median: 2, p90: 9, max: 9 };
        assert_eq!(line(&target, &[1, 2, 12]), "files            3  lines: median 2/2  p90 12/9!  max 12/9!");
    }
}
