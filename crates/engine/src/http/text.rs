//! Bodies of text without a structure: one value without a name.

use std::borrow::Cow;

use super::Anomaly;
use super::listener::Listener;
use super::parameter::Syntax;
use crate::headers::lossy;

/// How many bytes show whether a body is text.
const LOOKED_AT_BYTES: usize = 1024;

/// Tells `listener` of a text.
pub fn read<L: Listener>(body: &[u8], truncated: bool, listener: &mut L) {
    let text = lossy(body);
    if matches!(text, Cow::Owned(_)) && !truncated {
        listener.anomaly(Anomaly::InvalidUtf8);
    }
    listener.leaf(&text, Syntax::Text);
}

/// Whether bytes of an unknown type are text: UTF-8 without control characters, as far as the first
/// [`LOOKED_AT_BYTES`] show.
pub(super) fn is_text(body: &[u8]) -> bool {
    let start = body.get(..LOOKED_AT_BYTES).unwrap_or(body);
    let is_utf8 = match std::str::from_utf8(start) {
        Ok(_) => true,
        // The last character may have been cut in two.
        Err(error) => error.error_len().is_none() && body.len() > start.len(),
    };
    // Tabs, line breaks and form feeds are ordinary in text; other control characters are not.
    is_utf8
        && !start
            .iter()
            .any(|byte| matches!(byte, 0..=8 | 0x0e..=0x1f | 0x7f))
}
