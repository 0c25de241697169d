//! Choices that follow from a seed: the same on every machine, for ever.
//!
//! SplitMix64 (Steele, Lea, Flood 2014): small, fast, good enough to shuffle and to choose among futures, and no secret.
//! What the choices are for is not known here.

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The generator of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Rng {
        Rng(seed)
    }

    /// One of several independent generators of a seed.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Rng {
        let mut rng = Rng(seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        rng.bits();
        rng
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        self.bits() % end.max(1)
    }

    /// A number in `low..=high`; `low` if there is none.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// An index below `len`; 0 if there is none.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// `most` members of a list, in their order.
    pub fn some<T>(&mut self, mut list: Vec<T>, most: usize) -> Vec<T> {
        while list.len() > most {
            let index = self.index(list.len());
            list.remove(index);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_for_ever() {
        let mut rng = Rng::of(1);
        assert_eq!([rng.below(1_000), rng.below(1_000), rng.below(1_000)], [465, 519, 590]);
        assert_eq!((rng.below(0), rng.index(0), rng.between(5, 3)), (0, 0, 5));
        assert_ne!(Rng::new(1, 1).bits(), Rng::new(1, 2).bits());
    }

    #[test]
    fn a_seed_chooses_the_same_members_in_their_order() {
        let choose = || Rng::new(7, 1).some((0..100).collect(), 5);
        assert_eq!(choose(), choose());
        assert!(choose().is_sorted() && choose().len() == 5);
        assert!((3..=5).contains(&Rng::new(7, 2).between(3, 5)));
    }
}
