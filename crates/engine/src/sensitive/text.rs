//! Looking around in bytes without leaving them.

/// The byte at `index`.
pub(super) fn at(text: &[u8], index: usize) -> Option<u8> {
    text.get(index).copied()
}

/// The byte `distance` before `index`.
pub(super) fn before(text: &[u8], index: usize, distance: usize) -> Option<u8> {
    text.get(index.checked_sub(distance)?).copied()
}

/// Letters, digits, `_` and every byte of a non-ASCII character.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The base64url alphabet (RFC 4648 section 5).
pub(super) fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
