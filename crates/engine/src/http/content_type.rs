//! `Content-Type` and the parameter syntax it shares with `Content-Disposition` (RFC 9110 section 5.6.6).

use std::borrow::Cow;

use smol_str::{SmolStr, StrExt as _};

/// A `Content-Type` in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType<'a> {
    /// `type/subtype`, lower case. A value of another form is kept as it came, in lower case.
    pub essence: Cow<'a, str>,
    /// `charset`, unquoted.
    pub charset: Option<Cow<'a, str>>,
    /// `boundary`, unquoted.
    pub boundary: Option<Cow<'a, str>>,
    /// It is not `type/subtype`, has broken parameters, or has `charset` or `boundary` twice.
    pub malformed: bool,
}

/// The media type of a `Content-Type` value, as it is written. It ends at `;`, or at a comma or a space, which do not
/// belong there but at which lenient servers (PHP) stop reading.
#[must_use]
pub fn essence(raw: &str) -> &str {
    let raw = raw.trim();
    raw.split([';', ',', ' ', '\t']).next().unwrap_or_default()
}

/// The media type of a `Content-Type` value in lower case, without parameters.
pub(crate) fn media_type(raw: &str) -> SmolStr {
    essence(raw).to_ascii_lowercase_smolstr()
}

/// Parses a `Content-Type` value.
#[must_use]
pub fn parse(raw: &str) -> ContentType<'_> {
    let (whole, parameters) = raw.split_at(raw.find(';').unwrap_or(raw.len()));
    let essence = essence(raw);
    let mut content_type = ContentType {
        essence: lower(essence),
        charset: None,
        boundary: None,
        malformed: !is_essence(essence) || whole.trim() != essence,
    };
    for parameter in Pairs::new(parameters) {
        let Some((name, value)) = parameter else {
            content_type.malformed = true;
            break;
        };
        let slot = if name.eq_ignore_ascii_case("charset") {
            &mut content_type.charset
        } else if name.eq_ignore_ascii_case("boundary") {
            &mut content_type.boundary
        } else {
            continue;
        };
        // The first one counts, and a second one makes the whole value malformed.
        content_type.malformed |= slot.is_some();
        slot.get_or_insert(value);
    }
    content_type
}

fn lower(text: &str) -> Cow<'_, str> {
    // Most types are in lower case already, and then nothing is copied.
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

fn is_essence(text: &str) -> bool {
    let token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.split_once('/')
        .is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

/// The `; name=value` pairs behind a value; `None` for a broken one, which ends the list.
pub(crate) struct Pairs<'a> {
    rest: &'a str,
}

impl<'a> Pairs<'a> {
    /// # Arguments
    /// * `rest` - from the first `;` on, or empty.
    pub(crate) fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    /// The text of a quoted string, and the text behind it. `rest` begins behind the opening quote.
    fn quoted(rest: &'a str) -> Option<(Cow<'a, str>, &'a str)> {
        let mut owned: Option<String> = None;
        let mut from = 0;
        let mut characters = rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    let last = rest.get(from..at)?;
                    let text = match owned {
                        Some(text) => Cow::Owned(text + last),
                        None => Cow::Borrowed(last),
                    };
                    return Some((text, rest.get(at + 1..)?));
                }
                // Only what needs it is unescaped: old browsers sent `C:\path\file` unescaped.
                '\\' if matches!(rest.as_bytes().get(at + 1), Some(b'"' | b'\\')) => {
                    owned.get_or_insert_default().push_str(rest.get(from..at)?);
                    from = at + 1;
                    characters.next();
                }
                _ => {}
            }
        }
        None
    }

    fn pair(&mut self) -> Option<(&'a str, Cow<'a, str>)> {
        let (name, after) = self.rest.split_once('=')?;
        let name = name.trim();
        // Then the `=` belongs to a later parameter, and this one has no value.
        if name.is_empty() || name.contains([';', '"']) {
            return None;
        }
        let (value, rest) = if let Some(inner) = after.trim_start().strip_prefix('"') {
            Self::quoted(inner)?
        } else {
            let (value, rest) = after.split_at(after.find(';').unwrap_or(after.len()));
            (Cow::Borrowed(value.trim()), rest)
        };
        self.rest = rest;
        Some((name, value))
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Option<(&'a str, Cow<'a, str>)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let trimmed = self.rest.trim_start();
            if trimmed.is_empty() {
                return None;
            }
            let Some(rest) = trimmed.strip_prefix(';') else {
                self.rest = "";
                return Some(None);
            };
            self.rest = rest.trim_start();
            // Empty parameters (`; ;`) are allowed (RFC 9110, 5.6.6).
            if self.rest.is_empty() || self.rest.starts_with(';') {
                continue;
            }
            let pair = self.pair();
            if pair.is_none() {
                self.rest = "";
            }
            return Some(pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Essence, charset and boundary are found however they are written.
    #[test]
    fn content_types() {
        for (raw, essence, charset, boundary, malformed) in [
            ("application/json", "application/json", None, None, false),
            (
                "Application/JSON ; Charset=UTF-8",
                "application/json",
                Some("UTF-8"),
                None,
                false,
            ),
            (
                "multipart/form-data; boundary=\"a;b\\\"c\"",
                "multipart/form-data",
                None,
                Some("a;b\"c"),
                false,
            ),
            (
                "multipart/form-data;boundary=x;;",
                "multipart/form-data",
                None,
                Some("x"),
                false,
            ),
            (
                "text/plain; format=flowed; charset=\"utf-16\"",
                "text/plain",
                Some("utf-16"),
                None,
                false,
            ),
            ("json", "json", None, None, true),
            ("", "", None, None, true),
            ("a/b, c/d", "a/b", None, None, true),
            ("a/b c; charset=x", "a/b", Some("x"), None, true),
            ("a/b; charset=x; charset=y", "a/b", Some("x"), None, true),
            ("a/b; charset", "a/b", None, None, true),
            ("a/b; boundary=\"open", "a/b", None, None, true),
            ("a/b; boundary=\"x\"y", "a/b", None, Some("x"), true),
        ] {
            let got = parse(raw);
            assert_eq!(
                (
                    got.essence.as_ref(),
                    got.charset.as_deref(),
                    got.boundary.as_deref(),
                    got.malformed
                ),
                (essence, charset, boundary, malformed),
                "{raw}"
            );
        }
    }
}
