//! Parameters of a request, from every part of it.

use std::hash::BuildHasher as _;

use super::{Anomalies, Anomaly, Limits};

/// Bytes of a parameter's name that are kept; a longer one is over the limit. Nested JSON could otherwise make names far
/// larger than the body itself: each leaf carries its ancestors' names. Keys that are sentences or URLs, as in
/// translations and maps of links, have some hundred bytes.
pub const MAX_NAME_BYTES: usize = 2048;

/// Bytes that the names and values of a request's parameters may take together. Each JSON leaf carries the names of
/// its ancestors, so a small body could otherwise become far larger here.
const MAX_TEXT_BYTES: usize = 32 << 20;

/// The part of the request that a parameter came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Location {
    /// Query string.
    Query,
    /// A variable segment of the path.
    Path,
    /// Body.
    Body,
    /// Cookie.
    Cookie,
    /// Header.
    Header,
}

impl Location {
    /// The name in events: `query`, `path`, `body`, `cookie`, `header`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Path => "path",
            Self::Body => "body",
            Self::Cookie => "cookie",
            Self::Header => "header",
        }
    }
}

/// What a parameter's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    /// Decimal digits, at most one sign.
    Integer,
    /// Decimal number with fraction or exponent.
    Number,
    /// `true` or `false`.
    Boolean,
    /// RFC 9562 text form.
    Uuid,
    /// RFC 3339 full-date, with or without time.
    Date,
    /// `local@domain.tld`.
    Email,
    /// Anything else.
    String,
    /// Nothing; JSON `null`, `{}` and `[]` too.
    Empty,
}

impl ParameterKind {
    /// The name in events.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::Email => "email",
            Self::String => "string",
            Self::Empty => "empty",
        }
    }

    /// The kind of an untyped value (query, form, path, cookie, XML).
    #[must_use]
    pub fn of_text(value: &str) -> Self {
        let bytes = value.as_bytes();
        match bytes {
            [] => Self::Empty,
            b"true" | b"false" => Self::Boolean,
            [b'+' | b'-' | b'0'..=b'9', ..] => match number_kind(bytes) {
                Some(kind) => kind,
                // A text that begins like a number may still be a UUID or a date.
                None => Self::of_string(value),
            },
            _ => Self::of_string(value),
        }
    }

    /// The kind of a value that is known to be a string (JSON), so never a number or boolean.
    #[must_use]
    pub fn of_string(value: &str) -> Self {
        let bytes = value.as_bytes();
        if bytes.is_empty() {
            Self::Empty
        } else if is_uuid(bytes) {
            Self::Uuid
        } else if is_date(bytes) {
            Self::Date
        } else if is_email(bytes) {
            Self::Email
        } else {
            Self::String
        }
    }
}

/// Integer or number, `None` when the text is neither.
fn number_kind(text: &[u8]) -> Option<ParameterKind> {
    let digits = match text {
        [b'+' | b'-', rest @ ..] => rest,
        _ => text,
    };
    let whole = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut rest = digits.get(whole..)?;
    if whole == 0 {
        return None;
    }
    if rest.is_empty() {
        return Some(ParameterKind::Integer);
    }
    if let [b'.', fraction @ ..] = rest {
        let count = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        rest = fraction.get(count..)?;
    }
    match rest {
        [] => Some(ParameterKind::Number),
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => {
            let valid = !exponent.is_empty() && exponent.iter().all(u8::is_ascii_digit);
            valid.then_some(ParameterKind::Number)
        }
        _ => None,
    }
}

/// RFC 9562 section 4: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// RFC 3339 section 5.6: full-date, alone or followed by `T`, `t` or space and a time.
fn is_date(text: &[u8]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, rest @ ..] = text else {
        return false;
    };
    let digits = [y1, y2, y3, y4, m1, m2, d1, d2]
        .iter()
        .all(|b| b.is_ascii_digit());
    let month = matches!((m1, m2), (b'0', b'1'..=b'9') | (b'1', b'0'..=b'2'));
    // The length of the month does not matter: a date that does not exist is still meant as a date.
    let day = matches!(
        (d1, d2),
        (b'0', b'1'..=b'9') | (b'1' | b'2', _) | (b'3', b'0' | b'1')
    );
    let time = match rest {
        [] => true,
        [b'T' | b't' | b' ', h1, h2, b':', ..] => h1.is_ascii_digit() && h2.is_ascii_digit(),
        _ => false,
    };
    digits && month && day && time
}

/// One `@`, a non-empty local part of at most 64 bytes, a dotted domain without odd characters.
fn is_email(text: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', text) else {
        return false;
    };
    let (Some(local), Some(domain)) = (text.get(..at), text.get(at + 1..)) else {
        return false;
    };
    let local_ok = (1..=64).contains(&local.len())
        && local.iter().all(|b| {
            b.is_ascii_graphic() && !matches!(b, b'(' | b')' | b'<' | b'>' | b',' | b'"' | b'\\')
        });
    let domain_ok = domain.len() <= 253
        && domain.contains(&b'.')
        && domain.split(|b| *b == b'.').all(|label| {
            !label.is_empty()
                && label
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        });
    local_ok && domain_ok
}

/// How the syntax of a value says its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Untyped text.
    Text,
    /// A JSON string.
    String,
    /// The syntax says it all.
    Typed(ParameterKind),
}

/// One parameter, borrowed from [`Parameters`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// The part of the request that it came in.
    pub location: Location,
    /// Decoded name. JSON: keys joined with `.`, `[]` for a list's items (`items[].sku`). XML: local
    /// element names joined with `.`, `@name` for an attribute.
    pub name: &'a str,
    /// Decoded value.
    pub value: &'a str,
    syntax: Syntax,
}

/// Values are payload: shown by length only.
impl std::fmt::Debug for Parameter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}:{}:{} ({} bytes)",
            self.location.code(),
            self.name,
            self.kind().code(),
            self.value.len()
        )
    }
}

impl Parameter<'_> {
    /// What the value looks like. Worked out on each call.
    #[must_use]
    pub fn kind(&self) -> ParameterKind {
        match self.syntax {
            Syntax::Text => ParameterKind::of_text(self.value),
            Syntax::String => ParameterKind::of_string(self.value),
            Syntax::Typed(kind) => kind,
        }
    }
}

// A name ends where its value begins, so three offsets are enough.
#[derive(Debug, Clone, Copy)]
struct Entry {
    location: Location,
    syntax: Syntax,
    name_start: u32,
    value_start: u32,
    value_end: u32,
}

impl Entry {
    /// `None` when the text has grown past 4 GiB.
    #[inline]
    fn new(
        location: Location,
        syntax: Syntax,
        name_start: usize,
        value_start: usize,
        value_end: usize,
    ) -> Option<Self> {
        Some(Self {
            location,
            syntax,
            name_start: u32::try_from(name_start).ok()?,
            value_start: u32::try_from(value_start).ok()?,
            value_end: u32::try_from(value_end).ok()?,
        })
    }
}

/// The parameters of one request, in order of arrival, in one buffer: two allocations whatever their number.
#[derive(Clone, Default)]
pub struct Parameters {
    text: String,
    entries: Vec<Entry>,
    /// How many parameters there may be.
    limits: Budgets,
    /// How many more parameters there may be.
    left: Budgets,
    dropped: u32,
}

/// How many parameters there may be of each location. Each location has a budget of its own, so that parameters of one
/// do not hide those of another.
#[derive(Debug, Clone, Copy, Default)]
struct Budgets {
    query: u32,
    cookies: u32,
    body: u32,
}

impl Budgets {
    fn of(&mut self, location: Location) -> (&mut u32, Anomaly) {
        match location {
            Location::Query | Location::Path | Location::Header => {
                (&mut self.query, Anomaly::QueryParametersOverLimit)
            }
            Location::Cookie => (&mut self.cookies, Anomaly::CookiesOverLimit),
            Location::Body => (&mut self.body, Anomaly::ParametersOverLimit),
        }
    }
}

/// Values are payload: only the count is shown.
impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Parameters({} kept, {} dropped)",
            self.entries.len(),
            self.dropped
        )
    }
}

impl Parameters {
    /// An empty collection that keeps at most `limit` parameters of each location.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self::budgeted(Budgets {
            query: limit,
            cookies: limit,
            body: limit,
        })
    }

    /// An empty collection within the limits of an endpoint.
    #[must_use]
    pub fn within(limits: &Limits) -> Self {
        Self::budgeted(Budgets {
            query: limits.query_parameters,
            cookies: limits.cookies,
            body: limits.body_parameters,
        })
    }

    fn budgeted(limits: Budgets) -> Self {
        Self {
            limits,
            left: limits,
            ..Self::default()
        }
    }

    /// Adds a parameter whose value is untyped text. Over the limit it is counted, not kept.
    pub fn push(&mut self, location: Location, name: &str, value: &str) -> Anomalies {
        self.push_with(location, Syntax::Text, name, |text| text.push_str(value))
    }

    /// Adds a parameter; `write` appends its value to the buffer.
    pub(crate) fn push_with(
        &mut self,
        location: Location,
        syntax: Syntax,
        name: &str,
        write: impl FnOnce(&mut String),
    ) -> Anomalies {
        let mut anomalies = Anomalies::NONE;
        let full = self.text.len() >= MAX_TEXT_BYTES;
        let (budget, over_limit) = self.left.of(location);
        if *budget == 0 || full {
            self.dropped = self.dropped.saturating_add(1);
            anomalies.insert(over_limit);
            return anomalies;
        }
        // Charged before anything is copied, so that a parameter over the budget costs nothing but the count.
        *budget -= 1;
        let kept = cut(name, MAX_NAME_BYTES);
        anomalies.insert_if(kept.len() < name.len(), Anomaly::ParameterNameOverLimit);
        let name_start = self.text.len();
        // Name and value go straight into the one buffer, because a string for each would be two allocations for each
        // parameter.
        self.text.push_str(kept);
        let value_start = self.text.len();
        write(&mut self.text);
        let entry = Entry::new(location, syntax, name_start, value_start, self.text.len());
        if let Some(entry) = entry {
            self.entries.push(entry);
        } else {
            // 4 GiB of parameters: past every body limit that fits u32, so only several bodies get here.
            self.text.truncate(name_start);
            self.dropped = self.dropped.saturating_add(1);
            anomalies.insert(over_limit);
        }
        anomalies
    }

    /// Whether the next parameter of the body would be dropped.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.left.body == 0 || self.text.len() >= MAX_TEXT_BYTES
    }

    /// How many parameters are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no parameter is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many parameters were over the limit and not kept.
    #[must_use]
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    /// All, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = Parameter<'_>> {
        self.entries.iter().map(|entry| self.view(entry))
    }

    /// The value of the first parameter of that place and name.
    #[must_use]
    pub fn get(&self, location: Location, name: &str) -> Option<&str> {
        self.iter()
            .find(|p| p.location == location && p.name == name)
            .map(|p| p.value)
    }

    /// The values of every parameter of that place and name, in order of arrival.
    pub fn all<'a>(&'a self, location: Location, name: &str) -> impl Iterator<Item = &'a str> {
        self.iter()
            .filter(move |p| p.location == location && p.name == name)
            .map(|p| p.value)
    }

    /// Forgets those of the body.
    pub(crate) fn forget_body(&mut self) {
        let of_body = |entry: &Entry| entry.location == Location::Body;
        // The head is read before the body, so the body's parameters stand together at the end.
        let first = self.entries.iter().position(of_body);
        if let Some(start) = first.and_then(|first| self.entries.get(first)) {
            self.text.truncate(start.name_start as usize);
        }
        self.entries.truncate(first.unwrap_or(self.entries.len()));
        self.left.body = self.limits.body;
    }

    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
        self.left = self.limits;
        self.dropped = 0;
    }

    fn view(&self, entry: &Entry) -> Parameter<'_> {
        let slice = |from: u32, to: u32| {
            self.text
                .get(from as usize..to as usize)
                .unwrap_or_default()
        };
        Parameter {
            location: entry.location,
            name: slice(entry.name_start, entry.value_start),
            value: slice(entry.value_start, entry.value_end),
            syntax: entry.syntax,
        }
    }

    /// Whether two parameters of that place share a name that does not end in `[]`.
    pub(crate) fn has_duplicate_names(&self, location: Location) -> bool {
        let names = || {
            self.iter()
                .filter(|p| p.location == location && !p.name.ends_with("[]"))
                .map(|p| p.name)
        };
        // Up to 16 names the quadratic way (at most 120 comparisons) is faster than sorting, which allocates.
        if self.entries.len() <= 16 {
            return names()
                .enumerate()
                .any(|(index, name)| names().take(index).any(|earlier| earlier == name));
        }
        // Names that a client makes similar on purpose cost no more than others, because their keyed hashes are sorted.
        let hasher = std::collections::hash_map::RandomState::new();
        let mut sorted: Vec<u64> = names().map(|name| hasher.hash_one(name)).collect();
        sorted.sort_unstable();
        sorted
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b))
    }
}

/// The longest prefix of `text` that has at most `max` bytes and ends at a character.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    // A character has at most four bytes, so one of four places is a boundary.
    (0..4)
        .find_map(|back| text.get(..max.checked_sub(back)?))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Untyped values are classified by their text, and near misses are strings.
    #[test]
    fn kinds_of_text() {
        use ParameterKind as K;
        for (value, kind) in [
            ("", K::Empty),
            ("0", K::Integer),
            ("-17", K::Integer),
            ("+4", K::Integer),
            ("4111111111111111111111", K::Integer),
            ("1.5", K::Number),
            ("1e9", K::Number),
            ("-2.5E-3", K::Number),
            ("1.", K::String),
            (".5", K::String),
            ("1e", K::String),
            ("-", K::String),
            ("1,5", K::String),
            ("0x10", K::String),
            ("true", K::Boolean),
            ("false", K::Boolean),
            ("True", K::String),
            ("550e8400-e29b-41d4-a716-446655440000", K::Uuid),
            ("550e8400-e29b-41d4-a716-44665544000g", K::String),
            ("550e8400e29b41d4a716446655440000", K::String),
            ("2026-02-28", K::Date),
            ("2026-02-28T10:00:00Z", K::Date),
            ("2026-13-01", K::String),
            ("2026-01-32", K::String),
            ("2026-01-01x", K::String),
            ("a@example.com", K::Email),
            ("a b@example.com", K::String),
            ("@example.com", K::String),
            ("a@localhost", K::String),
            ("a@b@example.com", K::String),
            ("a@example..com", K::String),
            ("hello", K::String),
        ] {
            assert_eq!(K::of_text(value), kind, "{value:?}");
        }
        assert_eq!(K::of_string("17"), K::String);
    }

    /// Over the limit parameters are counted, and what was kept stays readable.
    #[test]
    fn limits_count_what_they_drop() {
        let mut parameters = Parameters::new(1);
        let longest = "n".repeat(MAX_NAME_BYTES);
        assert!(parameters.push(Location::Query, "ä", "ö").is_empty());
        let long = parameters.push(Location::Body, &format!("{longest}n"), "1");
        assert!(long.contains(Anomaly::ParameterNameOverLimit));
        let second = parameters.push(Location::Query, "c", "3");
        assert!(second.contains(Anomaly::QueryParametersOverLimit));
        // What is full hides nothing elsewhere.
        assert!(parameters.push(Location::Cookie, &longest, "1").is_empty());
        assert_eq!((parameters.len(), parameters.dropped()), (3, 1));
        assert_eq!(parameters.get(Location::Query, "ä"), Some("ö"));
        assert_eq!(parameters.get(Location::Body, &longest), Some("1"));
        assert_eq!(parameters.get(Location::Query, "c"), None);
    }

    /// Duplicates are seen in short and in long lists alike; `name[]` may repeat.
    #[test]
    fn duplicates() {
        for filler in [0, 40] {
            for (names, duplicate) in [
                (["a", "b", "a"], true),
                (["a[]", "b", "a[]"], false),
                (["a", "b", "A"], false),
            ] {
                let mut parameters = Parameters::new(100);
                for index in 0..filler {
                    let _ = parameters.push(Location::Query, &format!("x{index}"), "");
                }
                for name in names {
                    let _ = parameters.push(Location::Query, name, "1");
                }
                assert_eq!(
                    parameters.has_duplicate_names(Location::Query),
                    duplicate,
                    "{names:?} after {filler}"
                );
            }
        }
    }

    /// Debug output shows no value.
    #[test]
    fn debug_is_redacted() {
        let mut parameters = Parameters::new(2);
        let _ = parameters.push(Location::Query, "password", "hunter2");
        assert!(!format!("{parameters:?} {:?}", parameters.iter().next()).contains("hunter2"));
    }
}
