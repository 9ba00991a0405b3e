//! JSON escapes undone in a text that need not be JSON, with or without a way back to the original places.

use crate::http::json_text::{Unit, escape};

/// The text with all escapes undone. Backslashes that begin no escape stay. Half surrogate pairs become U+FFFD.
pub(super) fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    walk(raw, |plain| out.extend_from_slice(plain), |_, _| {});
    out
}

/// A text with its escapes undone that knows where each byte came from.
pub(super) struct Unescaped {
    pub(super) text: Vec<u8>,
    segments: Vec<Segment>,
}

/// From `text` on (until the next segment) bytes came from `raw` on, one by one, or from one escape.
struct Segment {
    text: usize,
    raw: usize,
    is_escape: bool,
}

impl Unescaped {
    pub(super) fn new(raw: &[u8]) -> Self {
        let mut text = Vec::with_capacity(raw.len());
        let mut segments = Vec::new();
        let lengths = std::cell::Cell::new(0_usize);
        walk(
            raw,
            |plain| {
                text.extend_from_slice(plain);
                lengths.set(text.len());
            },
            |raw, is_escape| {
                segments.push(Segment {
                    text: lengths.get(),
                    raw,
                    is_escape,
                });
            },
        );
        Self { text, segments }
    }

    /// The place in the original of the range `start..end` of `text`; whole escapes.
    pub(super) fn original(&self, start: usize, end: usize) -> (usize, usize) {
        let segment = |position: usize| {
            let index = self
                .segments
                .partition_point(|segment| segment.text <= position);
            (
                index
                    .checked_sub(1)
                    .and_then(|last| self.segments.get(last)),
                self.segments.get(index),
            )
        };
        let from = match segment(start) {
            (Some(own), _) if own.is_escape => own.raw,
            (Some(own), _) => own.raw + (start - own.text),
            (None, _) => start,
        };
        let last = end.saturating_sub(1);
        let to = match segment(last) {
            (Some(own), Some(next)) if own.is_escape => next.raw,
            (Some(own), _) => own.raw + (last - own.text) + 1,
            (None, _) => end,
        };
        (from, to)
    }
}

/// Goes through `raw`: `segment` is told the raw place of each stretch and whether it is an escape, then
/// `emit` gets its bytes. The last segment is always a plain one.
fn walk(raw: &[u8], mut emit: impl FnMut(&[u8]), mut segment: impl FnMut(usize, bool)) {
    let mut position = 0;
    loop {
        let rest = raw.get(position..).unwrap_or_default();
        // Also when it is empty, so that a plain segment stands before each escape.
        segment(position, false);
        let Some(slash) = memchr::memchr(b'\\', rest) else {
            emit(rest);
            return;
        };
        emit(rest.get(..slash).unwrap_or_default());
        position += slash;
        let (character, length) = match escape(rest.get(slash..).unwrap_or_default()) {
            Unit::Character(character, length) => (character, length),
            Unit::LoneSurrogate(length) => (char::REPLACEMENT_CHARACTER, length),
            Unit::Bad => ('\\', 1),
        };
        segment(position, true);
        emit(character.encode_utf8(&mut [0; 4]).as_bytes());
        position += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places lead back to the original, over plain text and escapes of all lengths.
    #[test]
    fn ways_back() {
        let raw = br"ab\n\u0034\ud83d\ude00c\x\";
        let unescaped = Unescaped::new(raw);
        assert_eq!(unescaped.text, "ab\n4\u{1f600}c\\x\\".as_bytes());
        assert_eq!(unescaped.text, unescape(raw));
        for (range, original) in [
            ((0, 2), &br"ab"[..]),
            ((1, 3), br"b\n"),
            ((3, 4), br"\u0034"),
            ((2, 4), br"\n\u0034"),
            ((4, 8), br"\ud83d\ude00"),
            ((3, 9), br"\u0034\ud83d\ude00c"),
            ((8, 9), br"c"),
            ((0, 12), raw),
        ] {
            let (from, to) = unescaped.original(range.0, range.1);
            assert_eq!(&raw[from..to], original, "{range:?}");
        }
    }
}
