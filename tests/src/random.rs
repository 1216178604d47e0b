//! Random numbers that are the same for the same seed.

/// A small generator of random numbers (SplitMix64: Steele, Lea and Flood, 2014).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// One that begins with `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Sixty-four random bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`, or 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound.max(1) as u64) as usize
    }

    /// One of `items`, or `None` if there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}

/// The seed that `NORTHFLOW_SEED` asks for, or `otherwise`.
pub fn seed(otherwise: u64) -> u64 {
    std::env::var("NORTHFLOW_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
