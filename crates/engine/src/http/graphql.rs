//! GraphQL documents (`application/graphql`): nesting, and the literals in arguments as parameters.
//!
//! GraphQL in JSON (`{"query": "…", "variables": {…}}`) needs nothing of its own: its variables are JSON
//! leaves, and the document is the parameter `query`.

use std::borrow::Cow;

use super::listener::Listener;
use super::parameter::Syntax;
use super::{Anomaly, ParameterKind};
use crate::headers::lossy;

/// Tells `listener` of a GraphQL document (October 2021 specification, section 2.1): each literal behind `name:` is a
/// member of that name; literals in a list keep the name.
///
/// # Arguments
/// * `document` - UTF-8; odd bytes are replaced and flagged.
pub fn read<L: Listener>(document: &[u8], listener: &mut L) {
    let text = lossy(document);
    if matches!(text, Cow::Owned(_)) {
        listener.anomaly(Anomaly::InvalidUtf8);
    }
    if let Err(rest) = literals(&text, listener) {
        listener.anomaly(Anomaly::MalformedGraphql);
        listener.failed("a string does not end", rest);
    }
}

/// Answers the rest at a string that does not end.
fn literals<'d, L: Listener>(text: &'d str, listener: &mut L) -> Result<(), &'d str> {
    let mut name = "";
    let mut word = "";
    let mut open: Vec<u8> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'#' => memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len()),
            b'"' => {
                listener.name(name);
                let (value, length) = string(rest).ok_or(rest)?;
                listener.leaf(value, Syntax::String);
                length
            }
            b'{' | b'(' | b'[' => {
                open.push(first);
                1
            }
            b'}' | b')' | b']' => {
                let expected = open.pop().map(|o| if o == b'(' { b')' } else { o + 2 });
                if expected != Some(first) {
                    listener.anomaly(Anomaly::MalformedGraphql);
                }
                1
            }
            b':' => {
                name = word;
                1
            }
            b'-' | b'0'..=b'9' => {
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | '.'))
                    .unwrap_or(rest.len());
                let value = rest.get(..end).unwrap_or_default();
                listener.name(name);
                listener.leaf(value, Syntax::Typed(ParameterKind::of_text(value)));
                end
            }
            _ if first.is_ascii_alphabetic() || first == b'_' => {
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                word = rest.get(..end).unwrap_or_default();
                end
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        rest = rest.get(length.max(1)..).unwrap_or_default();
    }
    if !open.is_empty() {
        listener.anomaly(Anomaly::MalformedGraphql);
    }
    Ok(())
}

/// A string or block string at the start of `rest`: its raw inside, and its length with quotes.
fn string(rest: &str) -> Option<(&str, usize)> {
    if let Some(inner) = rest.strip_prefix("\"\"\"") {
        let mut from = 0;
        loop {
            let end = from + inner.get(from..)?.find("\"\"\"")?;
            if !inner.get(..end)?.ends_with('\\') {
                return Some((inner.get(..end)?, end + 6));
            }
            from = end + 3;
        }
    }
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            b'\n' | b'\r' => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((rest.get(1..at)?, at + 1)),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Limits;
    use crate::http::body::BodyKind;
    use crate::http::collect::collected;
    use Anomaly as A;

    /// Literals of arguments are parameters; what does not close is malformed.
    #[test]
    fn documents() {
        for (text, expected, anomalies) in [
            ("{ user(id: 17) { name } }", vec![("id", "17")], vec![]),
            (
                "query Q($v: Int = 3) { a(s: \"x\", l: [1, 2.5]) }",
                vec![("v", "3"), ("s", "x"), ("l", "1"), ("l", "2.5")],
                vec![],
            ),
            (
                "{ a(s: \"\"\"b \"lock\"\"\") } # (",
                vec![("s", "b \"lock")],
                vec![],
            ),
            ("{ a(s: \"it\\\"s\") }", vec![("s", "it\\\"s")], vec![]),
            ("{ a", vec![], vec![A::MalformedGraphql]),
            ("{ a )", vec![], vec![A::MalformedGraphql]),
            ("{ a(s: \"x", vec![("s", "\"x")], vec![A::MalformedGraphql]),
            ("{{{{{}}}}}", vec![], vec![]),
        ] {
            let (parameters, found) = collected(BodyKind::Graphql, &Limits::default(), |collect| {
                read(text.as_bytes(), collect);
            });
            let got: Vec<_> = parameters.iter().map(|p| (p.name, p.value)).collect();
            assert_eq!(got, expected, "{text}");
            assert_eq!(found.iter().collect::<Vec<_>>(), anomalies, "{text}");
        }
    }
}
