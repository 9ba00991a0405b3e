//! Pseudo-random numbers for sampling. They are quick, and the same in each run. They can be predicted, so nothing
//! secret may use them.

/// xorshift64* (Marsaglia 2003, Vigna 2016), the upper half of its output.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        // Any number but zero, from which this generator never leaves.
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Random {
    pub(crate) fn draw(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// A number below `bound`.
    #[cfg(feature = "flood")]
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.draw()) * u64::from(bound)) >> 32) as u32
    }
}
