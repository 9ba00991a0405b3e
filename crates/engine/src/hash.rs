//! Keyed hashes of values that must not leave the engine in clear, and unkeyed ones for fingerprints.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher24;
use smol_str::SmolStr;

use crate::error::EngineError;

/// HMAC-SHA-256 (RFC 2104) with the key schedule done once, truncated to 64 bits for events: at a million
/// distinct values the chance of any two being equal is below 3 in 10 million.
#[derive(Clone)]
pub struct KeyedHash {
    mac: Hmac<Sha256>,
    /// For short values, of which a request has many.
    short: SipHasher24,
}

// Written by hand, so that no log can show the key.
impl std::fmt::Debug for KeyedHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeyedHash([redacted])")
    }
}

impl KeyedHash {
    /// A hash with the bundle's `hash_key`.
    ///
    /// # Errors
    /// [`EngineError::BundleInvalid`] when the key is not 32 bytes.
    pub fn new(key: &[u8]) -> Result<Self, EngineError> {
        let wrong =
            || EngineError::invalid("hash_key", format!("has {} bytes, expected 32", key.len()));
        if key.len() != 32 {
            return Err(wrong());
        }
        let mac: Hmac<Sha256> = Hmac::new_from_slice(key).map_err(|_| wrong())?;
        let derived = digest(&mac, &[b"hashes of short values"]);
        let short = SipHasher24::new_with_key(derived.first_chunk().unwrap_or(&[0; 16]));
        Ok(Self { mac, short })
    }

    /// A 64-bit hash of a short value, as shapes and the enumerations of learned contracts have it: SipHash-2-4
    /// (Aumasson and Bernstein, 2012), under a key that is derived from the bundle's. It takes some 20 ns, where
    /// [`Self::of`] takes ten times as long, and each value of each request needs one.
    #[must_use]
    pub fn short(&self, value: &[u8]) -> u64 {
        self.short.hash(value)
    }

    /// 16 hexadecimal characters of the parts, which are separated by a zero byte.
    pub fn of(&self, parts: &[&[u8]]) -> SmolStr {
        hex8(&digest(&self.mac, parts))
    }

    /// A number from 0 up to, but not including, 1. The same parts give the same number, and nobody without the key can
    /// predict it.
    pub fn draw(&self, parts: &[&[u8]]) -> f64 {
        let digest = digest(&self.mac, parts);
        let first = digest.first_chunk::<4>().copied().unwrap_or_default();
        // 32 bits are enough for a share of calls, and an `f64` holds them exactly.
        f64::from(u32::from_be_bytes(first)) / (f64::from(u32::MAX) + 1.0)
    }
}

fn digest(mac: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    // A copy of the state after the key, which saves two of four compressions for a short value.
    let mut mac = mac.clone();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            // So that ("ab", "c") and ("a", "bc") differ.
            mac.update(b"\0");
        }
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// 16 hexadecimal characters of the SHA-256 of what `feed` writes.
pub(crate) fn unkeyed(feed: impl FnOnce(&mut Sha256)) -> SmolStr {
    let mut hasher = Sha256::new();
    feed(&mut hasher);
    hex8(&hasher.finalize())
}

fn hex8(bytes: &[u8]) -> SmolStr {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| *DIGITS.get(usize::from(value)).unwrap_or(&b'0');
    let mut text = [b'0'; 16];
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    SmolStr::new(std::str::from_utf8(&text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_hashes_under_one_key_only() {
        let one = KeyedHash::new(&[1; 32]).unwrap();
        let two = KeyedHash::new(&[2; 32]).unwrap();
        assert_eq!(one.of(&[b"a"]), one.of(&[b"a"]));
        assert_ne!(one.of(&[b"a"]), two.of(&[b"a"]));
        assert_ne!(one.of(&[b"a", b"b"]), one.of(&[b"ab"]));
        assert_eq!(one.of(&[b"a"]).len(), 16);
        assert_eq!(one.short(b"a"), one.clone().short(b"a"));
        assert_ne!(one.short(b"a"), one.short(b"b"));
        assert_ne!(one.short(b"a"), two.short(b"a"));
    }

    #[test]
    fn draws_are_spread_evenly_and_repeat() {
        let hash = KeyedHash::new(&[1; 32]).unwrap();
        let drawn = |number: u32| hash.draw(&[b"probe", &number.to_be_bytes()]);
        let below = (0..20_000).filter(|number| drawn(*number) < 0.05).count();
        assert!((850..1150).contains(&below), "{below}");
        assert!((0..1000).all(|number| (0.0..1.0).contains(&drawn(number))));
        assert_eq!(drawn(7).to_bits(), drawn(7).to_bits());
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(KeyedHash::new(&[1; 31]).is_err());
    }
}
