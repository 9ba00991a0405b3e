//! The operators: what rules ask about a value.
//!
//! Semantics follow the reference manual of `ModSecurity` v3 and its published unit cases, which
//! `tests/rules/modsecurity.rs` runs.

mod address;
mod captures;
mod encoding;
mod injection;
mod number;
mod phrases;
mod sqli;
mod text;

use regex::bytes::Regex;

use crate::rules::bytes::{ByteSet, integer};
use crate::rules::pattern;
use crate::rules::wire::{Operator, OperatorKind, Part};
use crate::work;
use captures::capture_one;

pub(crate) use address::Networks;
pub use captures::Captures;
pub(crate) use captures::MAX_CAPTURES;
pub(crate) use encoding::bad_url_encoding;
pub(crate) use injection::{SQLI_NEEDS, XSS_NEEDS};
pub(crate) use number::compare as compare_numbers;
pub(crate) use phrases::Phrases;

// Units of work, each about a nanosecond; measured on the machine of the benchmarks.

/// Work for each value that an operator is asked about.
pub(crate) const WORK_OPERATOR: u64 = 40;
/// Work for a pattern, in tenths of a unit for each byte.
pub(crate) const WORK_PATTERN: u64 = 20;
/// Work for a pattern that counts, in tenths of a unit for each byte of a long value.
const WORK_COUNTING: u64 = 100;
/// From this length on, a value is long. A shorter one cannot make enough states to be slow.
const LONG_BYTES: usize = 2048;
/// Work for `pm`, in tenths of a unit for each byte.
const WORK_PHRASES: u64 = 45;
/// Work for libinjection, in tenths of a unit for each byte.
const WORK_INJECTION: u64 = 60;
/// Work for operators that compare bytes, in tenths of a unit for each byte.
const WORK_BYTES: u64 = 10;

/// An operator that is ready to be asked.
#[derive(Debug)]
pub struct CompiledOperator {
    pub(crate) kind: OperatorKind,
    pub(crate) check: Check,
    /// Whether it is a pattern that counts, see [`pattern::counts_classes`].
    counts: bool,
}

/// What loading prepares for an operator.
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

/// The text of an argument; `None` when it contains variables.
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
    /// Prepares an operator.
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
            // This stands before the operators with a literal argument: an argument with variables cannot be prepared.
            (_, None) => Check::Macro,
            // `.` matches line breaks too, so these patterns match every value and need no automaton.
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
        // This is asked once, because it decides what each long value costs.
        let counts = matches!(&check, Check::Regex(regex) if pattern::counts_classes(regex));
        Ok(Self {
            kind: operator.kind,
            check,
            counts,
        })
    }

    /// What it costs to ask about a value, in units of work.
    ///
    /// # Arguments
    /// * `length` - the length of the value in bytes.
    /// * `varied` - whether the value has bytes other than those of Base64, so that it can be made to keep patterns
    ///   that count busy.
    pub(crate) fn work(&self, length: usize, varied: bool) -> u64 {
        use OperatorKind as K;
        let each = match (&self.check, self.kind) {
            (Check::Regex(_), _) if self.counts && varied && length >= LONG_BYTES => WORK_COUNTING,
            (Check::Regex(_), _) => WORK_PATTERN,
            // A pattern that is made while the request waits has to be compiled first.
            (Check::Macro, K::Rx | K::RxGlobal) => 5 * WORK_PATTERN,
            (Check::Phrases(_), _) => WORK_PHRASES,
            (Check::None, K::DetectSqli | K::DetectXss) => WORK_INJECTION,
            (Check::Everything | Check::Empty | Check::Number(_) | Check::Networks(_), _) => 0,
            _ => WORK_BYTES,
        };
        WORK_OPERATOR + work::of_bytes(length, each)
    }

    /// Whether the argument has to be expanded for each evaluation.
    pub fn needs_argument(&self) -> bool {
        matches!(self.check, Check::Macro)
    }

    /// Whether the argument is a pattern that has to be expanded and compiled first, with [`made_pattern`].
    pub(crate) fn makes_pattern(&self) -> bool {
        use OperatorKind as K;
        let by_pattern = matches!(
            self.kind,
            K::Rx | K::RxGlobal | K::VerifyCc | K::VerifySsn | K::VerifyCpf | K::VerifySvnr
        );
        by_pattern && self.needs_argument()
    }

    /// Whether the operator holds for a value (before negation).
    ///
    /// # Arguments
    /// * `value` - the transformed value.
    /// * `argument` - the expanded argument, if [`CompiledOperator::needs_argument`].
    /// * `captures` - where the captures are added; `None` when nothing wants them.
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
            // `geoLookup` is answered in `run::evaluate::link`, where the address has been looked up.
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
            made_pattern(argument).is_some_and(|regex| holds_regex(kind, &regex, value, captures))
        }
        K::ValidateByteRange => encoding::byte_ranges(&String::from_utf8_lossy(argument))
            .is_ok_and(|allowed| ByteSet::present(value).meets(allowed.complement())),
        _ => text::compare(kind, value, argument, captures),
    }
}

/// Compiles a pattern whose macros are filled in; `None` when it is no valid pattern, which never matches. It may
/// contain what clients send, so its limit is smaller than that of patterns in files.
pub(crate) fn made_pattern(text: &[u8]) -> Option<Regex> {
    pattern::compile_made(&String::from_utf8_lossy(text)).ok()
}

/// Whether an operator with a pattern holds.
pub(crate) fn holds_regex(
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
    if kind == OperatorKind::RxGlobal {
        // All matches share one list, and a group that took no part has no entry in it, as in `ModSecurity` v3.
        let found = regex.captures_iter(value).take(MAX_CAPTURES);
        let groups = found.flat_map(|found| {
            let groups = found
                .iter()
                .flatten()
                .map(|group| group.as_bytes().to_vec());
            groups.collect::<Vec<_>>()
        });
        captures.extend(groups.take(MAX_CAPTURES));
    } else if let Some(found) = regex.captures(value) {
        let groups = found.iter().take(MAX_CAPTURES);
        captures.extend(
            groups.map(|group| group.map_or_else(Vec::new, |group| group.as_bytes().to_vec())),
        );
    }
    !captures.is_empty()
}
