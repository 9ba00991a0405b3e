//! The header block of a message: copied once, then read by name without further allocation.

use std::borrow::Cow;

use smallvec::SmallVec;

/// Headers in the order received; names lower case, pseudo headers (`:method` …) included.
#[derive(Debug, Default, Clone)]
pub struct Headers {
    bytes: Vec<u8>,
    entries: SmallVec<[Entry; 24]>,
}

// 32 bits for each offset, so that 24 entries take 288 bytes of the transaction.
#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    name_end: u32,
    value_end: u32,
}

impl Headers {
    /// Copy a header block. Headers past 4 GiB in all are dropped (Envoy's own limit is 60 KiB).
    pub fn copy<'a>(headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut copy = Self {
            // Most heads fit in 1 KB, and most have fewer than 24 headers: one allocation for a head.
            bytes: Vec::with_capacity(1024),
            entries: SmallVec::new(),
        };
        for (name, value) in headers {
            let start = copy.bytes.len();
            let (name_end, value_end) = (start + name.len(), start + name.len() + value.len());
            let (Ok(start), Ok(name_end), Ok(value_end)) = (
                u32::try_from(start),
                u32::try_from(name_end),
                u32::try_from(value_end),
            ) else {
                break;
            };
            copy.bytes.extend_from_slice(name);
            copy.bytes.extend_from_slice(value);
            copy.entries.push(Entry {
                start,
                name_end,
                value_end,
            });
        }
        copy
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().map(|entry| {
            (
                self.slice(entry.start, entry.name_end),
                self.slice(entry.name_end, entry.value_end),
            )
        })
    }

    /// First value of a header; `name` in lower case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        // Searched from the start: heads have few headers, and a map would have to be filled for each request.
        self.iter()
            .find(|(known, _)| *known == name.as_bytes())
            .map(|(_, value)| value)
    }

    /// First value as text; `None` also when it is not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All values of a header joined with `, ` (RFC 9110, 5.3), invalid UTF-8 replaced.
    pub fn joined(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self
            .iter()
            .filter(|(known, _)| *known == name.as_bytes())
            .map(|(_, value)| value);
        // Nearly always there is one value, which is not copied.
        let first = lossy(values.next()?);
        let mut rest = values.peekable();
        if rest.peek().is_none() {
            return Some(first);
        }
        let mut joined = first.into_owned();
        for value in rest {
            joined.push_str(", ");
            joined.push_str(&lossy(value));
        }
        Some(Cow::Owned(joined))
    }

    /// Each value of a header. If there are several, all of them joined are one more (see [`Self::joined`]).
    pub fn each(&self, name: &str) -> SmallVec<[Cow<'_, str>; 1]> {
        let mut values: SmallVec<[Cow<'_, str>; 1]> = self
            .iter()
            .filter(|(known, _)| *known == name.as_bytes())
            .map(|(_, value)| lossy(value))
            .collect();
        // Servers differ in whether they take one of the values or all of them joined, so conditions are asked about
        // both.
        if values.len() > 1 {
            values.extend(self.joined(name));
        }
        values
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no headers.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn slice(&self, start: u32, end: u32) -> &[u8] {
        self.bytes
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }
}

/// Text with odd bytes replaced. `from_utf8_lossy` goes byte by byte; nearly all text needs no replacement.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_headers_are_joined_in_order() {
        let headers = Headers::copy([
            (&b"accept"[..], &b"a"[..]),
            (b"host", b"h"),
            (b"accept", b"b"),
        ]);
        assert_eq!(headers.joined("accept").unwrap(), "a, b");
        assert_eq!(headers.each("accept").as_slice(), ["a", "b", "a, b"]);
        assert_eq!(headers.each("host").as_slice(), ["h"]);
        assert!(headers.each("cookie").is_empty());
        assert_eq!(headers.text("host"), Some("h"));
        assert_eq!(headers.joined("cookie"), None);
        assert_eq!(headers.len(), 3);
    }
}
