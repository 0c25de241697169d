//! Draws that follow from a seed.
//!
//! SplitMix64 (Steele, Lea, Flood 2014): the same on every machine, good enough to shuffle.

/// Numbers below what is asked for, always the same for one seed.
pub(super) fn draws(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::draws;

    #[test]
    fn a_seed_gives_the_same_draws_for_ever() {
        let mut draw = draws(1);
        assert_eq!([draw(1_000), draw(1_000), draw(1_000)], [465, 519, 590]);
        assert_eq!(draw(0), 0);
    }
}
