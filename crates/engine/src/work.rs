//! What a request has cost so far, in units of work: a count, not a clock, so that the same request costs the same
//! on every machine and every time.
//!
//! One unit is 1 to 2 ns of one core of the machine on which the benchmarks are taken. Each stage charges for
//! what it is about to do: the bytes it will look at, times what looking at one byte costs there. What does not fit any
//! more is not begun.

/// Units that are allowed and spent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    left: u64,
    spent: bool,
}

impl Work {
    /// A budget of this many units.
    pub(crate) const fn within(units: u64) -> Self {
        Self {
            left: units,
            spent: false,
        }
    }

    /// Without a limit.
    pub(crate) const fn unlimited() -> Self {
        Self::within(u64::MAX)
    }

    /// The work that is left, or this many units if that is more.
    #[must_use]
    pub(crate) const fn with_at_least(self, units: u64) -> Self {
        // This clears the mark that something was not done, because the response has a share of its own.
        Self::within(if self.left > units { self.left } else { units })
    }

    /// Charge for something that is to be done; `false`: it must not be done, there is not enough left.
    #[must_use]
    pub(crate) const fn charge(&mut self, units: u64) -> bool {
        // After one refusal everything is refused: a request that is over its limit must not go on to cost something.
        if self.spent || units > self.left {
            self.spent = true;
            return false;
        }
        self.left -= units;
        true
    }

    /// Charge for something that was done, whether it fitted or not.
    pub(crate) const fn charge_done(&mut self, units: u64) {
        self.spent |= units > self.left;
        self.left = self.left.saturating_sub(units);
    }

    /// Whether something was not done because too little work was left.
    pub(crate) const fn is_spent(self) -> bool {
        self.spent
    }
}

/// Units for looking at this many bytes.
pub(crate) const fn of_bytes(bytes: usize, tenths_each: u64) -> u64 {
    // Lengths fit: 64 bits hold every `usize`.
    (bytes as u64).saturating_mul(tenths_each) / 10
}
