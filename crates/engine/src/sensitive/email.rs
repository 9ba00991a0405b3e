//! E-mail addresses as people have them: a plain local part, a dotted ASCII domain with an alphabetic top
//! level. Declined: quoted local parts, address literals, internationalised addresses.

use super::text::before;

/// RFC 5321 section 4.5.3.1.
const MAX_LOCAL_BYTES: usize = 64;
/// RFC 1035 section 2.3.4: 255 octets on the wire are 253 characters.
const MAX_DOMAIN_BYTES: usize = 253;

/// File names like `image@2x.png` look like addresses.
const FILE_SUFFIXES: [&[u8]; 12] = [
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js", b"ts", b"html", b"map",
    b"json",
];

/// Finds the address around the `@` at `at`.
///
/// # Returns
/// Start and end.
pub(super) fn find(text: &[u8], at: usize) -> Option<(usize, usize)> {
    // One byte more than allowed is looked at, so that a longer local part shows; the cost of an `@` stays bounded.
    let from = at.saturating_sub(MAX_LOCAL_BYTES + 1);
    let local = text
        .get(from..at)?
        .iter()
        .rev()
        .take_while(|b| is_local(**b))
        .count();
    if local == 0 || local > MAX_LOCAL_BYTES {
        return None;
    }
    // Marks at the beginning belong to the sentence around the address.
    let mut start = at - local;
    while start < at
        && text
            .get(start)
            .is_some_and(|b| matches!(b, b'.' | b'\'' | b'-'))
    {
        start += 1;
    }
    // No dot stands right before the `@` (RFC 5321, 4.1.2).
    if start == at || before(text, at, 1) == Some(b'.') {
        return None;
    }
    let domain = domain_of(text.get(at + 1..)?)?;
    is_domain(domain).then_some((start, at + 1 + domain.len()))
}

/// The characters of a domain at the beginning of a text.
fn domain_of(rest: &[u8]) -> Option<&[u8]> {
    // One byte more than allowed, so that a longer name shows.
    let rest = rest.get(..MAX_DOMAIN_BYTES + 1).unwrap_or(rest);
    let length = rest
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        .count();
    if length > MAX_DOMAIN_BYTES {
        return None;
    }
    let domain = rest.get(..length)?;
    // A full stop or a hyphen at the end belongs to the sentence.
    let trimmed = domain
        .iter()
        .rev()
        .take_while(|b| matches!(b, b'.' | b'-'))
        .count();
    domain.get(..length - trimmed)
}

/// RFC 5322 atext that occurs in real addresses, and the dot.
fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'')
}

fn is_domain(domain: &[u8]) -> bool {
    let mut last: &[u8] = b"";
    let mut labels = 0;
    for label in domain.split(|b| *b == b'.') {
        if label.is_empty() || label.len() > 63 || label.starts_with(b"-") || label.ends_with(b"-")
        {
            return false;
        }
        last = label;
        labels += 1;
    }
    // A top-level domain has letters only, or is an internationalised one (`xn--`; RFC 5890, 2.3.2.1).
    labels >= 2
        && last.len() >= 2
        && (last.iter().all(u8::is_ascii_alphabetic) || last.starts_with(b"xn--"))
        && !FILE_SUFFIXES
            .iter()
            .any(|suffix| last.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests {
    use super::super::Class;
    use super::super::tests::{assert_found, assert_not_found};

    /// Addresses in running text and in JSON.
    #[test]
    fn found() {
        for (text, address) in [
            ("ann@example.com", "ann@example.com"),
            (
                "<ann.o'neil+tag@mail.example.co.uk>.",
                "ann.o'neil+tag@mail.example.co.uk",
            ),
            ("{\"email\":\"a_b-c@example.org\"}", "a_b-c@example.org"),
            ("write to 'x@example.com'", "x@example.com"),
            ("x@example.com.", "x@example.com"),
            ("x@xn--bcher-kva.xn--p1ai", "x@xn--bcher-kva.xn--p1ai"),
        ] {
            assert_found(Class::Email, text, address);
        }
    }

    /// Handles, package scopes, versions, file names.
    #[test]
    fn not_found() {
        for text in [
            "@example.com",
            "a@b",
            "a@localhost",
            "npm i @types/node",
            "pkg@1.2.3",
            "img@2x.png",
            "a.@example.com",
            "a@-x.com",
            "a@x..com",
            "a @example.com",
            "a@x.c",
            "a@1.2.3.4",
        ] {
            assert_not_found(Class::Email, text);
        }
        assert_not_found(Class::Email, &format!("{}@example.com", "a".repeat(65)));
    }
}
