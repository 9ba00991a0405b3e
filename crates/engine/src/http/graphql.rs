//! GraphQL documents (`application/graphql`): nesting, and the literals in arguments as parameters.
//!
//! GraphQL in JSON (`{"query": "…", "variables": {…}}`) needs nothing of its own: its variables are JSON
//! leaves, and the document is the parameter `query`, which [`parse`] can be given too.

use super::parameter::{Parameters, Syntax};
use super::{Anomalies, Anomaly, Limits, Location, ParameterKind};

/// Parses a GraphQL document (October 2021 specification, section 2.1) into `parameters`.
///
/// Each literal behind `name:` becomes a parameter of that name; literals in a list keep the name.
///
/// # Arguments
/// * `document` - UTF-8; odd bytes are replaced and flagged.
/// * `limits` - `depth` of braces, brackets and parentheses; the literals below are still read.
pub fn parse(document: &[u8], limits: &Limits, parameters: &mut Parameters) -> Anomalies {
    let text = String::from_utf8_lossy(document);
    let mut anomalies = Anomalies::NONE;
    anomalies.insert_if(
        matches!(text, std::borrow::Cow::Owned(_)),
        Anomaly::InvalidUtf8,
    );
    let mut name = "";
    let mut word = "";
    let mut open: Vec<u8> = Vec::new();
    let mut over = 0_usize;
    let mut rest = text.as_ref();
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'#' => memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len()),
            b'"' => {
                let Some((value, length)) = string(rest) else {
                    anomalies.insert(Anomaly::MalformedGraphql);
                    anomalies.extend(push(parameters, Syntax::String, name, rest));
                    return anomalies;
                };
                anomalies.extend(push(parameters, Syntax::String, name, value));
                length
            }
            b'{' | b'(' | b'[' if open.len() < limits.depth as usize => {
                open.push(first);
                1
            }
            b'{' | b'(' | b'[' => {
                over += 1;
                anomalies.insert(Anomaly::DepthOverLimit);
                1
            }
            b'}' | b')' | b']' if over > 0 => {
                over -= 1;
                1
            }
            b'}' | b')' | b']' => {
                let expected = open.pop().map(|o| if o == b'(' { b')' } else { o + 2 });
                anomalies.insert_if(expected != Some(first), Anomaly::MalformedGraphql);
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
                anomalies.extend(push(
                    parameters,
                    Syntax::Typed(ParameterKind::of_text(value)),
                    name,
                    value,
                ));
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
    anomalies.insert_if(!open.is_empty() || over > 0, Anomaly::MalformedGraphql);
    anomalies
}

fn push(parameters: &mut Parameters, syntax: Syntax, name: &str, value: &str) -> Anomalies {
    parameters.push_with(Location::Body, syntax, name, |text| text.push_str(value))
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
            ("{{{{{}}}}}", vec![], vec![A::DepthOverLimit]),
        ] {
            let mut parameters = Parameters::new(10);
            let limits = Limits {
                depth: 4,
                ..Limits::default()
            };
            let found = parse(text.as_bytes(), &limits, &mut parameters);
            let got: Vec<_> = parameters.iter().map(|p| (p.name, p.value)).collect();
            assert_eq!(got, expected, "{text}");
            assert_eq!(found.iter().collect::<Vec<_>>(), anomalies, "{text}");
        }
    }
}
