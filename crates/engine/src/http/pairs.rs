//! `name=value&…`, as queries and forms have it (WHATWG URL, `application/x-www-form-urlencoded` parsing).

use super::listener::Listener;
use super::percent::{self, Decoded};

/// Tells `listener` of the pairs, names and values percent-decoded once, `+` as a space. Empty pairs are skipped.
///
/// # Returns
/// Whether a `%` had no two hexadecimal digits behind it; it was kept.
pub(crate) fn read<L: Listener>(raw: &[u8], separator: u8, listener: &mut L) -> bool {
    let mut decoded = Decoded::default();
    let mut rest = raw;
    while !rest.is_empty() {
        let end = memchr::memchr(separator, rest).unwrap_or(rest.len());
        let (pair, tail) = rest.split_at(end);
        rest = tail.get(1..).unwrap_or_default();
        if pair.is_empty() {
            continue;
        }
        // A pair without `=` is a name with an empty value (WHATWG URL, `application/x-www-form-urlencoded` parsing).
        let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let (name, value) = pair.split_at(equals);
        listener.pair(
            &percent::decode(name, true, &mut decoded),
            &percent::decode(value.get(1..).unwrap_or_default(), true, &mut decoded),
        );
    }
    decoded.bad_escape
}
