//! Numbers of JSON compared and divided exactly, whatever their size: `0.1`, `1e400` and 30 digits are not rounded.
//!
//! JSON Schema speaks of mathematical values (2020-12 core, 4.2.1), and 64-bit floats would call `9007199254740993` and
//! `9007199254740992` equal, or `0.3` no multiple of `0.1`.

use std::cmp::Ordering;

/// A number in its one form: digits without zeros at either end, and the place of the decimal point.
///
/// The value is `0.DIGITS × 10^magnitude`, negated where `is_negative`. Zero has no digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number<'a> {
    is_negative: bool,
    /// Digits before the point, then those behind it: together without zeros at their ends.
    whole: &'a [u8],
    fraction: &'a [u8],
    magnitude: i64,
}

impl<'a> Number<'a> {
    /// Reads a number as JSON writes it (RFC 8259, 6); a `+` in front and leading zeros are read too.
    ///
    /// # Returns
    /// `None` when the text is no number.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (is_negative, unsigned) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, bytes),
        };
        let (whole, rest) = digits(unsigned);
        let (fraction, rest) = match rest {
            [b'.', behind @ ..] => digits(behind),
            _ => (&[][..], rest),
        };
        if whole.is_empty() || (rest.len() < unsigned.len() - whole.len() && fraction.is_empty()) {
            return None;
        }
        let exponent = exponent(rest)?;
        Some(Self::normal(is_negative, whole, fraction, exponent))
    }

    fn normal(is_negative: bool, whole: &'a [u8], fraction: &'a [u8], exponent: i64) -> Self {
        let whole = trim_start(whole);
        // Zeros behind the point move it as long as no digit stands before it.
        let skipped = if whole.is_empty() {
            fraction.len() - trim_start(fraction).len()
        } else {
            0
        };
        let fraction = trim_end(fraction.get(skipped..).unwrap_or_default());
        let point = length(whole.len()) - length(skipped);
        let whole = if fraction.is_empty() {
            trim_end(whole)
        } else {
            whole
        };
        if whole.is_empty() && fraction.is_empty() {
            return Self {
                is_negative: false,
                whole: &[],
                fraction: &[],
                magnitude: 0,
            };
        }
        Self {
            is_negative,
            whole,
            fraction,
            magnitude: exponent.saturating_add(point),
        }
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.iter().chain(self.fraction).copied()
    }

    fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    /// Digits behind the last one before the point; negative where zeros stand before the point.
    fn scale(&self) -> i64 {
        length(self.whole.len() + self.fraction.len()).saturating_sub(self.magnitude)
    }

    /// Whether it has no fraction, as `1.0` and `1e3` have none.
    pub(crate) fn is_integer(&self) -> bool {
        self.scale() <= 0 || self.is_zero()
    }

    /// The order of the values.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.is_zero(), number.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let by_sign = sign(self).cmp(&sign(other));
        if by_sign.is_ne() || self.is_zero() {
            return by_sign;
        }
        let sizes = self.magnitude.cmp(&other.magnitude);
        let order = sizes.then_with(|| self.digits().cmp(other.digits()));
        if self.is_negative {
            order.reverse()
        } else {
            order
        }
    }

    /// Whether it is a whole number of `divisor`s. Exact for divisors of up to 18 digits, which is every one that can be
    /// made ready with [`Divisor::new`].
    pub(crate) fn is_multiple_of(&self, divisor: &Divisor) -> bool {
        if self.is_zero() {
            return true;
        }
        // Both as integers times a power of ten: digits × 10^-scale. If the divisor's power is the larger one, digits
        // would have to end with a zero, and they do not.
        let shift = divisor.scale.saturating_sub(self.scale());
        let Ok(shift) = u64::try_from(shift) else {
            return false;
        };
        let modulus = u128::from(divisor.digits);
        let rest = self.digits().fold(0_u128, |rest, digit| {
            (rest * 10 + u128::from(digit - b'0')) % modulus
        });
        (rest * power_of_ten(shift, modulus)).is_multiple_of(modulus)
    }

    /// A hash that equal values share.
    pub(crate) fn hash(&self) -> u64 {
        let start = if self.is_negative { 7 } else { 3 };
        let digits = self.digits().fold(start, |hash, digit| {
            super::tree::mix(hash, u64::from(digit))
        });
        super::tree::mix(digits, self.magnitude.cast_unsigned())
    }
}

/// What `multipleOf` divides by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Divisor {
    digits: u64,
    scale: i64,
}

impl Divisor {
    /// # Returns
    /// `None` for zero, a negative number, and for more than 18 digits.
    pub(crate) fn new(number: &Number<'_>) -> Option<Self> {
        if number.is_zero() || number.is_negative {
            return None;
        }
        let digits = number.digits().try_fold(0_u64, |value, digit| {
            value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })?;
        Some(Self {
            digits,
            scale: number.scale(),
        })
    }
}

/// `10^exponent mod modulus`, by squaring.
fn power_of_ten(mut exponent: u64, modulus: u128) -> u128 {
    let (mut base, mut result) = (10 % modulus, 1 % modulus);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % modulus;
        }
        base = base * base % modulus;
        exponent >>= 1;
    }
    result
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at(count)
}

/// The exponent behind the digits; 0 where there is none.
fn exponent(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [] => return Some(0),
        [b'e' | b'E', b'-', digits @ ..] => (true, digits),
        [b'e' | b'E', b'+', digits @ ..] | [b'e' | b'E', digits @ ..] => (false, digits),
        _ => return None,
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Saturated: no text is long enough for the difference to matter.
    let value = digits.iter().fold(0_i64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
    });
    // Far from the ends of `i64`, so that adding lengths of texts cannot overflow.
    let value = value.min(i64::MAX / 4);
    Some(if is_negative { -value } else { value })
}

fn trim_start(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

fn trim_end(digits: &[u8]) -> &[u8] {
    let zeros = digits
        .iter()
        .rev()
        .take_while(|digit| **digit == b'0')
        .count();
    digits.get(..digits.len() - zeros).unwrap_or_default()
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number<'_> {
        Number::parse(text).unwrap()
    }

    /// Texts that are no numbers are told apart from those that are.
    #[test]
    fn what_is_a_number() {
        for text in [
            "", "-", "1.", ".5", "1e", "1e+", "0x1", "1 ", "NaN", "1_0", "e5", "1.e5",
        ] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
        for text in ["0", "-0", "1.50", "1e400", "-1E-400", "007", "+5"] {
            assert!(Number::parse(text).is_some(), "{text}");
        }
    }

    /// Values are compared exactly, also where 64-bit floats would round.
    #[test]
    fn order() {
        for (less, more) in [
            ("9007199254740992", "9007199254740993"),
            ("-1", "0"),
            ("-10", "-9.99"),
            ("0.1", "0.10000000000000000000001"),
            ("9e399", "1e400"),
            ("1e-400", "1"),
            ("0.09", "0.1"),
            ("99", "100"),
        ] {
            assert_eq!(
                number(less).compare(&number(more)),
                Ordering::Less,
                "{less} {more}"
            );
            assert_eq!(
                number(more).compare(&number(less)),
                Ordering::Greater,
                "{less} {more}"
            );
        }
        for (one, other) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("-0", "0.0e5"),
            ("0.00120", "12e-4"),
        ] {
            assert_eq!(
                number(one).compare(&number(other)),
                Ordering::Equal,
                "{one} {other}"
            );
            assert_eq!(number(one).hash(), number(other).hash(), "{one} {other}");
        }
    }

    /// A fraction of zeros is none.
    #[test]
    fn integers() {
        for text in ["1", "1.0", "1e3", "1.5e1", "0.0", "-20e-1", "1e400"] {
            assert!(number(text).is_integer(), "{text}");
        }
        for text in ["1.5", "1e-1", "-0.1", "15e-1"] {
            assert!(!number(text).is_integer(), "{text}");
        }
    }

    /// Multiples of fractions and of large numbers are exact.
    #[test]
    fn multiples() {
        for (text, of, expected) in [
            ("0.3", "0.1", true),
            ("0.0075", "0.0001", true),
            ("0.00751", "0.0001", false),
            ("10", "2.5", true),
            ("11", "2.5", false),
            ("1e308", "0.5", true),
            ("1e308", "3", false),
            ("12345678910111213141516171819202122", "3", false),
            ("12345678910111213141516171819202121", "3", true),
            ("0", "7", true),
            ("-14", "7", true),
            ("7", "700", false),
        ] {
            let divisor = Divisor::new(&number(of)).unwrap();
            assert_eq!(
                number(text).is_multiple_of(&divisor),
                expected,
                "{text} {of}"
            );
        }
        assert!(Divisor::new(&number("0")).is_none());
    }

    proptest! {
        /// Integers behave as `i128` does, however they are written.
        #[test]
        fn agrees_with_integers(a in -1_000_000_i128..1_000_000, b in -1_000_000_i128..1_000_000, zeros in 0_usize..4) {
            let padded = format!("{a}.{}", "0".repeat(zeros + 1));
            let other = b.to_string();
            prop_assert_eq!(number(&padded).compare(&number(&other)), a.cmp(&b));
            if b > 0 {
                let divisor = Divisor::new(&number(&other)).unwrap();
                prop_assert_eq!(number(&padded).is_multiple_of(&divisor), a % b == 0);
            }
        }

        /// No text breaks it.
        #[test]
        fn any_text(text in "[-+0-9.eE]{0,12}") {
            if let Some(number) = Number::parse(&text) {
                prop_assert_eq!(number.compare(&number), Ordering::Equal);
            }
        }
    }
}
