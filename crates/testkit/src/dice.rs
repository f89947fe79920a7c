/// A small generator of seeded numbers (SplitMix64): the same seed gives the same throws on every machine, for ever.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Begins with this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is at least one.
    #[track_caller]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below nought");
        // The lean towards small numbers is far below what a test could see.
        self.number() % bound
    }

    /// A place in a list of this many.
    #[track_caller]
    pub fn place(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).expect("a place is below the count")
    }

    /// One of these.
    #[track_caller]
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.place(of.len())]
    }

    /// True with a chance of `percent` in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Dice of their own for a thread: what others throw does not change what it sees.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_throws_for_ever() {
        let mut dice = Dice::new(0);
        // The published first numbers of SplitMix64 with seed 0.
        assert_eq!(dice.number(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(dice.number(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn throws_stay_below_their_bound_and_reach_every_place() {
        let mut dice = Dice::new(7);
        let mut seen = [0; 6];
        for _ in 0..600 {
            seen[dice.place(6)] += 1;
        }
        assert!(seen.iter().all(|&count| count > 60), "{seen:?}");
        assert!((0..100).all(|_| dice.chance(100) && !dice.chance(0)));
    }

    #[test]
    fn a_fork_is_not_moved_by_its_parent() {
        let (mut one, mut other) = (Dice::new(3), Dice::new(3));
        let (mut fork, mut same) = (one.fork(), other.fork());
        one.number();
        assert_eq!(fork.number(), same.number());
    }
}
