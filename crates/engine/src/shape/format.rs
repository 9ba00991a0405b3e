//! The format that a text has: one at most. Each is stricter than what JSON Schema's format of the same name allows, so
//! that a value that has it here is valid there too, whoever checks.

use super::characters::CharacterSet;
use crate::http::ParameterKind;

const NUMBERS: CharacterSet = CharacterSet::constant(b"0-.+aA");
const ADDRESSES: CharacterSet = CharacterSet::constant(b"0.");

/// What a text is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    /// None of the others.
    #[default]
    Plain,
    /// Decimal digits with at most one minus, without a zero before them.
    Integer,
    /// A number as JSON writes it.
    Number,
    /// `true` or `false`.
    Boolean,
    /// RFC 9562.
    Uuid,
    /// RFC 3339, full-date, of a day that exists.
    Date,
    /// RFC 3339, date-time.
    DateTime,
    /// An address as nearly everyone writes it.
    Email,
    /// RFC 3986, absolute, with `://`.
    Uri,
    /// Four decimal numbers.
    Ipv4,
}

impl Format {
    /// Its name in shapes; "" for none.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::DateTime => "date-time",
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Ipv4 => "ipv4",
        }
    }

    /// Whether an enumeration may have values of this format. The others name people and things, and no hash of them is
    /// needed.
    pub(crate) const fn is_of_choices(self) -> bool {
        matches!(
            self,
            Self::Plain | Self::Integer | Self::Number | Self::Boolean
        )
    }

    /// The format of a text whose characters are known, which rules most formats out.
    pub(crate) fn of(text: &str, characters: CharacterSet) -> Self {
        let bytes = text.as_bytes();
        if characters.has(b'0') {
            if characters.is_within(NUMBERS)
                && let Some(format) = number(text)
            {
                return format;
            }
            if characters.has(b'-')
                && let Some(format) = dated(bytes)
            {
                return format;
            }
            if characters.is_within(ADDRESSES) && is_ipv4(text) {
                return Self::Ipv4;
            }
        }
        if matches!(bytes, b"true" | b"false") {
            Self::Boolean
        } else if characters.has(b'-') && ParameterKind::of_string(text) == ParameterKind::Uuid {
            Self::Uuid
        } else if characters.has(b'@') && is_email(bytes) {
            Self::Email
        } else if characters.has(b'/') && characters.has(b':') && is_uri(text) {
            Self::Uri
        } else {
            Self::Plain
        }
    }
}

/// A number as JSON writes it.
fn number(text: &str) -> Option<Format> {
    match crate::http::json_text::number(text.as_bytes())? {
        // `-0` is an integer for JSON, and servers differ about it.
        ParameterKind::Integer if text != "-0" => Some(Format::Integer),
        ParameterKind::Number => Some(Format::Number),
        _ => None,
    }
}

/// Date, or date and time with an offset.
fn dated(text: &[u8]) -> Option<Format> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else {
        return None;
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match two(m1, m2)? {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=days).contains(&two(d1, d2)?) {
        return None;
    }
    match rest {
        [] => Some(Format::Date),
        [b'T', time @ ..] => is_time(time).then_some(Format::DateTime),
        _ => None,
    }
}

/// RFC 3339, full-time, without leap seconds.
fn is_time(text: &[u8]) -> bool {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text else {
        return false;
    };
    let below = |tens, ones, most| two(tens, ones).is_some_and(|number| number <= most);
    if !(below(*h1, *h2, 23) && below(*m1, *m2, 59) && below(*s1, *s2, 59)) {
        return false;
    }
    let offset = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
            let digits = digits.count();
            if digits == 0 {
                return false;
            }
            fraction.get(digits..).unwrap_or_default()
        }
        offset => offset,
    };
    match offset {
        [b'Z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => below(*h1, *h2, 23) && below(*m1, *m2, 59),
        _ => false,
    }
}

fn two(tens: u8, ones: u8) -> Option<u32> {
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    digits.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}

fn is_ipv4(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Letters, digits and a few others with single dots between them, and a domain of two labels or more.
fn is_email(text: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', text) else {
        return false;
    };
    let (local, domain) = text.split_at(at);
    let domain = domain.get(1..).unwrap_or_default();
    let is_atom = |atom: &[u8]| {
        let usual = |byte: &u8| byte.is_ascii_alphanumeric() || b"_+-".contains(byte);
        !atom.is_empty() && atom.iter().all(usual)
    };
    let is_label = |label: &[u8]| {
        let usual = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let ends = label.first().zip(label.last());
        label.len() <= 63
            && label.iter().all(usual)
            && ends.is_some_and(|(first, last)| *first != b'-' && *last != b'-')
    };
    local.len() <= 64
        && domain.len() <= 253
        && domain.contains(&b'.')
        && local.split(|byte| *byte == b'.').all(is_atom)
        && domain.split(|byte| *byte == b'.').all(is_label)
}

/// A scheme, `://`, a host of plain characters, and then only characters that RFC 3986 allows.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let mut letters = scheme.bytes();
    let begins = letters
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic());
    let is_scheme =
        begins && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    let is_host = !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        && port.bytes().all(|byte| byte.is_ascii_digit());
    // One `#` at most, and each `%` with two hexadecimal digits behind it.
    let is_path = path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%#".contains(&byte))
        && path.matches('#').count() <= 1
        && path.split('%').skip(1).all(|after| {
            let digits = after.as_bytes().first_chunk::<2>();
            digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        });
    is_scheme && is_host && is_path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(text: &str) -> &'static str {
        Format::of(text, CharacterSet::of(text)).code()
    }

    /// A format is told only where every reader agrees that the value has it.
    #[test]
    fn formats() {
        for (text, expected) in [
            ("", ""),
            ("0", "integer"),
            ("-17", "integer"),
            ("007", ""),
            ("+1", ""),
            ("-0", ""),
            ("1.50", "number"),
            ("1e5", "number"),
            ("1.", ""),
            ("true", "boolean"),
            ("TRUE", ""),
            ("5f0c1d7e-8a0b-4c1d-9e2f-3a4b5c6d7e8f", "uuid"),
            ("2024-02-29", "date"),
            ("2023-02-29", ""),
            ("2024-13-01", ""),
            ("2024-01-01T10:00:00Z", "date-time"),
            ("2024-01-01T10:00:00.123+02:00", "date-time"),
            ("2024-01-01T10:00:00", ""),
            ("2024-01-01T25:00:00Z", ""),
            ("jane.doe+x@example.com", "email"),
            ("a..b@example.com", ""),
            ("jane@localhost", ""),
            ("https://example.com/a?b=c#d", "uri"),
            ("https://example.com/a b", ""),
            ("https://example.com/%zz", ""),
            ("javascript://%0aalert", ""),
            ("192.0.2.7", "ipv4"),
            ("192.0.2.256", ""),
            ("word", ""),
        ] {
            assert_eq!(format(text), expected, "{text:?}");
        }
    }
}
