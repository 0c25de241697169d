//! The one source of chance: a seed replays every choice.
//!
//! SplitMix64 (Steele, Lea, Flood 2014). What the choices are for is not known here.

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The generator of a seed; `stream` gives independent generators for one seed.
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

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.bits() % (high - low + 1)
    }

    /// `most` members of a list, in their order.
    pub fn some<T>(&mut self, mut list: Vec<T>, most: usize) -> Vec<T> {
        while list.len() > most {
            let index = (self.bits() % list.len() as u64) as usize;
            list.remove(index);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_chooses_the_same_members_in_their_order() {
        let choose = || Rng::new(7, 1).some((0..100).collect(), 5);
        assert_eq!(choose(), choose());
        assert!(choose().is_sorted() && choose().len() == 5);
        assert!(Rng::new(7, 2).between(3, 5) >= 3);
    }
}
