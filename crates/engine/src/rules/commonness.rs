//! How common bytes are in ordinary text: rare bytes are looked for first, because they rule out most values.

use super::bytes::ByteSet;

/// How likely a byte of the set is in ordinary text.
pub(crate) fn commonness(set: ByteSet) -> u32 {
    let letters = ByteSet::range(b'a', b'z')
        .union(ByteSet::range(b'A', b'Z'))
        .union(ByteSet::range(b'0', b'9'));
    let usual = letters.union(ByteSet::of(b" .,/-_=:"));
    let mut count = set.len();
    for byte in 0..=255u8 {
        if set.contains(byte) && usual.contains(byte) {
            // One usual byte outweighs twenty unusual ones, because nearly every value has some usual byte.
            count += 20;
        }
    }
    count
}

/// How common a byte is in the text of requests and responses: names, sentences, numbers, JSON. Greater is more common.
/// Letter frequencies are those of English in round numbers (Lewand, "Cryptological Mathematics", 2000).
pub(crate) fn byte_commonness(byte: u8) -> usize {
    match byte.to_ascii_lowercase() {
        b'e' | b' ' => 24,
        b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 18,
        b'h' | b'l' | b'd' | b'c' | b'u' | b'm' | b'"' => 12,
        b'f' | b'p' | b'g' | b'w' | b'y' | b'b' | b'0'..=b'9' | b',' | b':' => 8,
        b'v' | b'k' | b'/' | b'-' | b'_' | b'.' | b'=' | b';' => 6,
        b'j' | b'x' | b'q' | b'z' | b'(' | b')' | b'{' | b'}' | b'[' | b']' | b'%' | b'&' => 4,
        _ => 2,
    }
}
