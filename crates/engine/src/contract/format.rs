//! `format`: texts and numbers of a known form (JSON Schema 2020-12 validation, 7.3; OpenAPI format registry).
//!
//! A name that is not here asserts nothing, as JSON Schema has it: `password`, `binary`, and `float` and `double`, which any
//! number can be, rounded. `docs/contract.md` lists these.

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

use super::number::Number;

macro_rules! formats {
    ($($name:ident = $($text:literal)|+),+ $(,)?) => {
        /// A format that is checked.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Format {
            $($name),+
        }

        /// The names of the formats that are checked.
        pub const FORMATS: &[&str] = &[$($($text),+),+];

        impl Format {
            /// The format with this name.
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name {
                    $($($text)|+ => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

formats! {
    Date = "date",
    Time = "time",
    DateTime = "date-time",
    Duration = "duration",
    Email = "email",
    IdnEmail = "idn-email",
    Hostname = "hostname",
    Ipv4 = "ipv4",
    Ipv6 = "ipv6",
    Uri = "uri" | "url",
    UriReference = "uri-reference",
    Iri = "iri",
    IriReference = "iri-reference",
    UriTemplate = "uri-template",
    Uuid = "uuid",
    JsonPointer = "json-pointer",
    RelativeJsonPointer = "relative-json-pointer",
    Byte = "byte",
    Base64Url = "base64url",
    Int8 = "int8",
    Int16 = "int16",
    Int32 = "int32",
    Int64 = "int64",
    Uint8 = "uint8",
    Uint16 = "uint16",
    Uint32 = "uint32",
    Uint64 = "uint64",
}

impl Format {
    /// Whether it speaks of numbers; the others speak of strings.
    pub(crate) const fn is_numeric(self) -> bool {
        self.limits().is_some()
    }

    const fn limits(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Int8 => ("-128", "127"),
            Self::Int16 => ("-32768", "32767"),
            Self::Int32 => ("-2147483648", "2147483647"),
            Self::Int64 => ("-9223372036854775808", "9223372036854775807"),
            Self::Uint8 => ("0", "255"),
            Self::Uint16 => ("0", "65535"),
            Self::Uint32 => ("0", "4294967295"),
            Self::Uint64 => ("0", "18446744073709551615"),
            _ => return None,
        })
    }

    /// Whether a number is of this format: a whole one within its bits.
    pub(crate) fn has_number(self, number: &Number<'_>) -> bool {
        let Some((low, high)) = self.limits() else {
            return true;
        };
        let compared = |limit: &str| Number::parse(limit).map(|limit| number.compare(&limit));
        number.is_integer()
            && compared(low).is_some_and(std::cmp::Ordering::is_ge)
            && compared(high).is_some_and(std::cmp::Ordering::is_le)
    }

    /// Whether a string is of this format.
    pub(crate) fn has_text(self, text: &str) -> bool {
        match self {
            Self::Date => date(text.as_bytes()).is_some(),
            Self::Time => time(text.as_bytes()),
            Self::DateTime => date_time(text.as_bytes()),
            Self::Duration => duration(text),
            Self::Email => text.is_ascii() && email(text),
            Self::IdnEmail => email(text),
            Self::Hostname => hostname(text),
            Self::Ipv4 => ipv4(text),
            Self::Ipv6 => text.parse::<std::net::Ipv6Addr>().is_ok(),
            Self::Uri => text.is_ascii() && has_scheme(text) && reference(text),
            Self::Iri => has_scheme(text) && reference(text),
            Self::UriReference => text.is_ascii() && reference(text),
            Self::IriReference => reference(text),
            Self::UriTemplate => uri_template(text),
            Self::Uuid => uuid(text.as_bytes()),
            Self::JsonPointer => pointer(text),
            Self::RelativeJsonPointer => relative_pointer(text),
            Self::Byte => STANDARD.decode(without_breaks(text).as_ref()).is_ok(),
            Self::Base64Url => URL_SAFE.decode(text).is_ok(),
            _ => true,
        }
    }
}

/// Padding may be left out and the last bits may be anything, as many libraries write and read it.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

/// Base64 may have line breaks (RFC 2045, 6.8).
fn without_breaks(text: &str) -> std::borrow::Cow<'_, [u8]> {
    if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_none() {
        return text.as_bytes().into();
    }
    let bytes = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n'));
    bytes.collect::<Vec<_>>().into()
}

fn two(digits: &[u8]) -> Option<u32> {
    match digits {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(u32::from(a - b'0') * 10 + u32::from(b - b'0')),
        _ => None,
    }
}

/// RFC 3339, 5.6: full-date, with the lengths of months.
fn date(text: &[u8]) -> Option<()> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
        return None;
    };
    let year = two(&[*y1, *y2])? * 100 + two(&[*y3, *y4])?;
    let (month, day) = (two(&[*m1, *m2])?, two(&[*d1, *d2])?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
    (1..=days).contains(&day).then_some(())
}

/// RFC 3339, 5.6: full-time. A second 60 is a leap second, which is the last of a day in UTC.
fn time(text: &[u8]) -> bool {
    read_time(text).is_some()
}

fn read_time(text: &[u8]) -> Option<()> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text else {
        return None;
    };
    let (hour, minute, second) = (two(&[*h1, *h2])?, two(&[*m1, *m2])?, two(&[*s1, *s2])?);
    let rest = match rest {
        [b'.', behind @ ..] => {
            let count = behind.iter().take_while(|b| b.is_ascii_digit()).count();
            (count > 0).then(|| behind.get(count..))??
        }
        _ => rest,
    };
    let (is_east, offset) = match rest {
        [b'Z' | b'z'] => (true, 0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two(&[*h1, *h2])?, two(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (*sign == b'+', hours * 60 + minutes)
        }
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let day = 24 * 60;
    let local = hour * 60 + minute;
    let in_utc = (local + if is_east { day - offset } else { offset }) % day;
    (second < 60 || in_utc == day - 1).then_some(())
}

/// RFC 3339, 5.6: date-time.
fn date_time(text: &[u8]) -> bool {
    let (Some(day), Some(clock)) = (text.get(..10), text.get(11..)) else {
        return false;
    };
    matches!(text.get(10), Some(b'T' | b't')) && date(day).is_some() && time(clock)
}

/// ISO 8601: `P3Y6M4DT12H30M5S`, `P2W`. RFC 3339, appendix A, which JSON Schema names, has no fractions and leaves out no
/// unit in between; here `PT0.5S` and `P1Y2D` are durations too, because common libraries write them.
fn duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P') else {
        return false;
    };
    let (days, clock) = match rest.split_once('T') {
        Some((days, clock)) => (days, Some(clock)),
        None => (rest, None),
    };
    let weeks = days.strip_suffix('W').is_some_and(is_number);
    if weeks {
        return clock.is_none();
    }
    let clock_ok = clock.is_none_or(|clock| !clock.is_empty() && units(clock, "HMS"));
    (days.is_empty() && clock.is_some() || units(days, "YMD")) && clock_ok
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Numbers with units, in the order of the units; the last number may have a fraction.
fn units(text: &str, order: &str) -> bool {
    let (mut rest, mut last) = (text, None);
    let mut is_fraction = false;
    while !rest.is_empty() {
        let length = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
            .count();
        let (number, behind) = rest.split_at(length);
        let whole = number.split_once('.').map_or((number, "0"), |parts| parts);
        let unit = behind.chars().next().and_then(|unit| order.find(unit));
        let Some(place) = unit.filter(|place| last.is_none_or(|last| last < *place)) else {
            return false;
        };
        if is_fraction || !is_number(whole.0) || !is_number(whole.1) {
            return false;
        }
        is_fraction = number.contains('.');
        last = Some(place);
        rest = behind.get(1..).unwrap_or_default();
    }
    last.is_some()
}

/// RFC 5321, 4.1.2: a dot-string or a quoted string, `@`, and a domain or an address in brackets.
fn email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_atom = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte) || !byte.is_ascii()
    };
    let quoted = local
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let local_ok = match quoted {
        Some(inside) => is_quoted(inside),
        None => local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.bytes().all(is_atom)),
    };
    let literal = domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let domain_ok = match literal {
        Some(address) => match address.strip_prefix("IPv6:") {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => ipv4(address),
        },
        None if domain.is_ascii() => hostname(domain),
        None => domain.split('.').all(|label| !label.is_empty()),
    };
    local_ok && domain_ok
}

/// The inside of a quoted string: no bare quote, nothing that is not printed.
fn is_quoted(inside: &str) -> bool {
    let mut is_escaped = false;
    let ok = inside.chars().all(|character| {
        let ok = !character.is_control() && (is_escaped || character != '"');
        is_escaped = character == '\\' && !is_escaped;
        ok
    });
    ok && !is_escaped
}

/// RFC 1123, 2.1: labels of letters, digits and hyphens, a hyphen at neither end.
fn hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            // `--` in this place announces an A-label (RFC 5891, 4.2.3.1), whose rest is Punycode.
            && (label.get(2..4) != Some("--") || is_a_label(label))
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn is_a_label(label: &str) -> bool {
    label.len() > 4
        && label
            .get(..4)
            .is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"))
}

/// Four decimal numbers, without the leading zeros that some readers take for octal.
fn ipv4(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

/// RFC 9562, section 4: 8-4-4-4-12 hexadecimal digits.
fn uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn has_scheme(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(scheme, _)| is_scheme(scheme))
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// RFC 3986, appendix A (RFC 3987 for characters beyond ASCII): every part has only the characters that it may.
fn reference(text: &str) -> bool {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    let rest = match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        // A colon in the first segment would make it a scheme (RFC 3986, 4.2).
        Some((before, _)) if !before.contains('/') => return false,
        _ => text,
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (Some(authority), path)
        }
        None => (None, rest),
    };
    authority.is_none_or(is_authority)
        && is_of(path, b":@/")
        && is_of(query, b":@/?")
        && is_of(fragment, b":@/?")
}

fn is_authority(authority: &str) -> bool {
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let Some((address, behind)) = rest.split_once(']') else {
                return false;
            };
            let is_future = address.starts_with(['v', 'V']) && is_of(address, b":");
            if address.parse::<std::net::Ipv6Addr>().is_err() && !is_future {
                return false;
            }
            ("", behind)
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    is_of(user, b":") && is_of(host, b"") && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text has only unreserved characters, sub-delimiters, escapes (RFC 3986, 2) and these.
fn is_of(text: &str, more: &[u8]) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => bytes
            .get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        byte => {
            byte.is_ascii_alphanumeric()
                || !byte.is_ascii()
                || b"-._~!$&'()*+,;=".contains(byte)
                || more.contains(byte)
        }
    })
}

/// RFC 6570: braces are paired and not nested, and what is in them is an expression.
fn uri_template(text: &str) -> bool {
    let mut rest = text;
    loop {
        let (before, behind) = match rest.split_once('{') {
            Some((before, behind)) => (before, Some(behind)),
            None => (rest, None),
        };
        let is_literal = |c: char| !(c.is_control() || c == ' ' || "\"'<>\\^`|}".contains(c));
        if !before.chars().all(is_literal) {
            return false;
        }
        let Some(behind) = behind else {
            return true;
        };
        let Some((inside, after)) = behind.split_once('}') else {
            return false;
        };
        let names = inside.trim_start_matches(['+', '#', '.', '/', ';', '?', '&']);
        let is_name = |name: &str| {
            let name = name.split([':', '*']).next().unwrap_or_default();
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_.%".contains(&b))
        };
        if !names.split(',').all(is_name) {
            return false;
        }
        rest = after;
    }
}

/// RFC 6901, section 3.
fn pointer(text: &str) -> bool {
    let mut escapes = text.split('~').skip(1);
    (text.is_empty() || text.starts_with('/')) && escapes.all(|rest| rest.starts_with(['0', '1']))
}

/// Relative JSON Pointers, draft-bhutton-relative-json-pointer-00, section 3.
fn relative_pointer(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let number_ok = number == "0" || digits > 0 && !number.starts_with('0');
    number_ok && (rest == "#" || pointer(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of each format, and texts that look like it.
    #[test]
    fn texts() {
        for (name, right, wrong) in [
            (
                "date",
                vec!["2024-02-29"],
                vec!["2023-02-29", "2024-13-01", "24-1-1", "2024-02-29T"],
            ),
            (
                "time",
                vec!["08:30:06Z", "23:59:60Z", "01:29:60+01:30"],
                vec!["8:30:06Z", "22:59:60Z", "08:30:06", "24:00:00Z"],
            ),
            (
                "date-time",
                vec!["1990-12-31T23:59:59.5-08:00"],
                vec!["1990-12-31", "1990-12-31T23:59:59", "1990-12-31T25:00:00Z"],
            ),
            (
                "duration",
                vec!["P4DT12H30M5S", "PT1H", "P2W", "P1Y2D", "PT0.5S"],
                vec![
                    "P", "PT", "P1Y2D3", "P1D2H", "1D", "P2WT1H", "PT.5S", "PT0.5H1S", "P2D1Y",
                ],
            ),
            (
                "email",
                vec!["a.b+c@example.com", "\"a b\"@example.com", "a@[127.0.0.1]"],
                vec!["a", "a@", ".a@b.c", "a..b@c.d", "é@example.com"],
            ),
            (
                "hostname",
                vec!["www.example.com", "xn--4gbwdl.xn--wgbh1c"],
                vec!["-a.com", "a_b.com", "a..b", ""],
            ),
            (
                "ipv4",
                vec!["192.168.0.1"],
                vec!["256.0.0.1", "1.2.3", "087.0.0.1"],
            ),
            (
                "ipv6",
                vec!["::1", "::ffff:1.2.3.4"],
                vec!["1:2", "::1%eth0", "12345::"],
            ),
            (
                "uri",
                vec![
                    "https://u:p@h.example:80/a?b=c#d",
                    "urn:isbn:1",
                    "http://[::1]/",
                ],
                vec!["/a", "http:// x", "http://h/%zz", "http://[bad]/"],
            ),
            (
                "uri-reference",
                vec!["/a/b?c", "", "../x"],
                vec!["\\\\host", "a b"],
            ),
            ("uri-template", vec!["/a/{b}{?c,d*}"], vec!["/a/{b", "/a/}"]),
            (
                "uuid",
                vec!["2eb8aa08-aa98-11ea-b4aa-73b441d16380"],
                vec![
                    "2eb8aa08aa9811eab4aa73b441d16380",
                    "2eb8aa08-aa98-11ea-b4aa-73b441d1638",
                ],
            ),
            ("json-pointer", vec!["", "/a~0b/~1"], vec!["a", "/~2"]),
            (
                "relative-json-pointer",
                vec!["0#", "12/a"],
                vec!["01", "/a", ""],
            ),
            ("byte", vec!["aGk=", "aGk", "aG\r\nk="], vec!["a-k=", "a"]),
            ("base64url", vec!["a-_k"], vec!["a+/k"]),
        ] {
            let format = Format::named(name).unwrap();
            assert!(!format.is_numeric(), "{name}");
            for text in right {
                assert!(format.has_text(text), "{name} {text}");
            }
            for text in wrong {
                assert!(!format.has_text(text), "{name} {text}");
            }
        }
    }

    /// Numbers fit their bits.
    #[test]
    fn numbers() {
        for (name, right, wrong) in [
            (
                "int32",
                vec!["2147483647", "-2147483648", "1e3"],
                vec!["2147483648", "1.5"],
            ),
            (
                "int64",
                vec!["9223372036854775807"],
                vec!["9223372036854775808"],
            ),
            ("uint8", vec!["255"], vec!["-1", "256"]),
        ] {
            let format = Format::named(name).unwrap();
            for text in right {
                assert!(
                    format.has_number(&Number::parse(text).unwrap()),
                    "{name} {text}"
                );
            }
            for text in wrong {
                assert!(
                    !format.has_number(&Number::parse(text).unwrap()),
                    "{name} {text}"
                );
            }
        }
        // Any number can be a float, rounded.
        assert!(Format::named("float").is_none() && Format::named("password").is_none());
    }
}
