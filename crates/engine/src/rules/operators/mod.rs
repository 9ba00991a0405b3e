//! What rules ask of a value.
//!
//! Semantics follow the reference manual of `ModSecurity` v3 and its published unit cases, which
//! `tests/rules_corpora.rs` runs.

mod address;
mod encoding;
mod injection;
mod number;
mod phrases;
mod sqli;
mod text;

use std::borrow::Cow;

use regex::bytes::Regex;

use super::bytes::{ByteSet, integer};
use super::compiled::{Operator, OperatorKind, Part};
use super::pattern;

pub(crate) use address::Networks;
pub(crate) use injection::{SQLI_NEEDS, XSS_NEEDS};
pub(crate) use number::compare as compare_numbers;
pub(crate) use phrases::Phrases;

/// Groups that `capture` keeps (`TX:0` to `TX:9`).
pub(crate) const MAX_CAPTURES: usize = 10;

/// What an operator captured.
pub type Captures = Vec<Vec<u8>>;

/// An operator, ready.
#[derive(Debug)]
pub struct CompiledOperator {
    pub(crate) kind: OperatorKind,
    pub(crate) check: Check,
}

/// What is prepared of an operator when the rules load.
#[derive(Debug)]
pub(crate) enum Check {
    /// `rx` and `verify…` with a literal pattern.
    Regex(Regex),
    /// `rx` with a pattern that matches everything.
    Everything,
    /// `rx` with a pattern that matches an empty value only.
    Empty,
    /// `pm`.
    Phrases(Phrases),
    /// `ipMatch`.
    Networks(Networks),
    /// `validateByteRange`: the bytes that are allowed.
    Bytes(ByteSet),
    /// A literal argument.
    Literal(Box<[u8]>),
    /// A literal number.
    Number(i64),
    /// The argument has to be expanded first.
    Macro,
    /// No argument.
    None,
}

/// The text of an argument without variables.
pub(crate) fn literal(operator: &Operator) -> Option<String> {
    operator
        .argument
        .iter()
        .map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Var(..) => None,
        })
        .collect()
}

impl CompiledOperator {
    /// Prepare an operator.
    ///
    /// # Errors
    /// A sentence on what is wrong with the argument.
    pub fn new(operator: &Operator) -> Result<Self, String> {
        use OperatorKind as K;
        let text = literal(operator);
        let check = match (operator.kind, text) {
            (K::Pm, _) => Check::Phrases(Phrases::new(&operator.phrases)?),
            (K::IpMatch, _) => Check::Networks(Networks::new(&operator.phrases)?),
            (
                K::DetectSqli
                | K::DetectXss
                | K::ValidateUrlEncoding
                | K::ValidateUtf8Encoding
                | K::GeoLookup
                | K::NoMatch
                | K::UnconditionalMatch,
                _,
            ) => Check::None,
            (_, None) => Check::Macro,
            // `.` matches line breaks too.
            (K::Rx, Some(text)) if matches!(text.as_str(), "^.*$" | "^.*" | ".*") => {
                Check::Everything
            }
            (K::Rx, Some(text)) if text == "^$" => Check::Empty,
            (
                K::Rx | K::RxGlobal | K::VerifyCc | K::VerifySsn | K::VerifyCpf | K::VerifySvnr,
                Some(text),
            ) => Check::Regex(pattern::compile(&text)?),
            (K::ValidateByteRange, Some(text)) => Check::Bytes(encoding::byte_ranges(&text)?),
            (K::Eq | K::Ge | K::Gt | K::Le | K::Lt, Some(text)) => {
                Check::Number(integer(text.as_bytes()))
            }
            (K::Strmatch, Some(text)) => Check::Literal(phrases::unescape(&text).into()),
            (_, Some(text)) => Check::Literal(text.into_bytes().into()),
        };
        Ok(Self {
            kind: operator.kind,
            check,
        })
    }

    /// Whether the argument has to be expanded for each evaluation.
    pub fn needs_argument(&self) -> bool {
        matches!(self.check, Check::Macro)
    }

    /// Whether the operator holds for a value (before negation).
    ///
    /// # Arguments
    /// * `value` - the transformed value.
    /// * `argument` - the expanded argument where [`CompiledOperator::needs_argument`].
    /// * `captures` - where what matched is put, for `capture`.
    pub fn holds(&self, value: &[u8], argument: &[u8], captures: Option<&mut Captures>) -> bool {
        use OperatorKind as K;
        match (&self.check, self.kind) {
            (Check::Regex(regex), kind) => holds_regex(kind, regex, value, captures),
            (Check::Everything, _) => {
                capture_one(captures, value);
                true
            }
            (Check::Empty, _) => {
                let holds = value.is_empty();
                if holds {
                    capture_one(captures, value);
                }
                holds
            }
            (Check::Phrases(phrases), _) => phrases.find(value, captures),
            (Check::Networks(networks), _) => networks.contains(value),
            (Check::Bytes(allowed), _) => ByteSet::present(value).meets(allowed.complement()),
            (Check::Number(number), kind) => number::compare(kind, integer(value), *number),
            (Check::Literal(literal), kind) => text::compare(kind, value, literal, captures),
            (Check::Macro, kind) => holds_macro(kind, value, argument, captures),
            (Check::None, K::DetectSqli) => injection::sqli(value, captures),
            (Check::None, K::DetectXss) => injection::xss(value, captures),
            (Check::None, K::ValidateUrlEncoding) => encoding::bad_url_encoding(value),
            (Check::None, K::ValidateUtf8Encoding) => std::str::from_utf8(value).is_err(),
            (Check::None, K::UnconditionalMatch) => true,
            // `geoLookup` is answered by whoever has the database.
            (Check::None, _) => false,
        }
    }
}

fn holds_macro(
    kind: OperatorKind,
    value: &[u8],
    argument: &[u8],
    captures: Option<&mut Captures>,
) -> bool {
    use OperatorKind as K;
    match kind {
        K::Eq | K::Ge | K::Gt | K::Le | K::Lt => {
            number::compare(kind, integer(value), integer(argument))
        }
        K::Rx | K::RxGlobal | K::VerifyCc | K::VerifySsn | K::VerifyCpf | K::VerifySvnr => {
            // A pattern made at run time: a bad one never matches.
            let text = String::from_utf8_lossy(argument);
            pattern::compile(&text).is_ok_and(|regex| holds_regex(kind, &regex, value, captures))
        }
        K::ValidateByteRange => encoding::byte_ranges(&String::from_utf8_lossy(argument))
            .is_ok_and(|allowed| ByteSet::present(value).meets(allowed.complement())),
        _ => text::compare(kind, value, argument, captures),
    }
}

fn holds_regex(
    kind: OperatorKind,
    regex: &Regex,
    value: &[u8],
    captures: Option<&mut Captures>,
) -> bool {
    use OperatorKind as K;
    let valid: fn(&[u8]) -> bool = match kind {
        K::VerifyCc => number::is_card,
        K::VerifySsn => number::is_ssn,
        K::VerifyCpf => number::is_cpf,
        K::VerifySvnr => number::is_svnr,
        _ => {
            let Some(captures) = captures else {
                return regex.is_match(value);
            };
            return capture(kind, regex, value, captures);
        }
    };
    number::find_valid(regex, value, valid, captures)
}

fn capture(kind: OperatorKind, regex: &Regex, value: &[u8], captures: &mut Captures) -> bool {
    let limit = if kind == OperatorKind::RxGlobal {
        MAX_CAPTURES
    } else {
        1
    };
    for found in regex.captures_iter(value).take(limit) {
        let room = MAX_CAPTURES.saturating_sub(captures.len());
        captures.extend(found.iter().take(room).map(|group| {
            group
                .map_or(Cow::Borrowed(&b""[..]), |group| {
                    Cow::Borrowed(group.as_bytes())
                })
                .into_owned()
        }));
    }
    !captures.is_empty()
}

/// Puts one capture.
fn capture_one(captures: Option<&mut Captures>, text: &[u8]) {
    if let Some(captures) = captures {
        captures.push(text.to_vec());
    }
}
