//! Random numbers from a seed: xoshiro256** filled by SplitMix64, both of Blackman and Vigna. The same on every machine, for ever.

/// A stream of numbers. Streams of other labels do not touch it, so that one fault more or less does not shift all others.
#[derive(Debug, Clone)]
pub(crate) struct Random([u64; 4]);

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// FNV-1a of 64 bits, going on from `hash`.
pub(crate) fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Where a hash by [`fnv`] begins.
pub(crate) const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

impl Random {
    /// The stream of a label under a seed.
    pub(crate) fn of(seed: u64, label: &str) -> Self {
        let mut state = seed ^ fnv(FNV_BASIS, label.as_bytes());
        Self([(); 4].map(|()| split_mix(&mut state)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number below `bound`; 0 where that is 0. Its bias is far below what a simulation shows.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn within(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// True in `parts` of 10,000.
    pub(crate) fn chance(&mut self, parts: u64) -> bool {
        self.below(10_000) < parts
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let place = self.below(from.len() as u64);
        from.get(usize::try_from(place).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_label_give_the_same_numbers_for_ever() {
        let mut random = Random::of(1, "a");
        let first = [(); 3].map(|()| random.next());
        assert_eq!(first, [0x7d03_f6ff_9495_0fc6, 0xaca4_7478_d629_d795, 0x834e_744e_a928_8ebe]);
        assert_ne!(Random::of(1, "b").next(), first[0]);
        assert_ne!(Random::of(2, "a").next(), first[0]);
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let mut random = Random::of(7, "bounds");
        let drawn: Vec<_> = (0..1_000).map(|_| random.within(3, 6)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&3), Some(&6)));
        assert_eq!(random.below(0), 0);
        assert!(!random.chance(0) && random.chance(10_000));
    }
}
