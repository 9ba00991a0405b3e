//! The report of what rules found.

use crate::rules::program::macros::CompiledMacro;

/// A variable that matched, and its value after transformations. The value is payload, so it must be masked before
/// anybody sees it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MatchedVar {
    /// The name, such as `ARGS:id`.
    pub name: Vec<u8>,
    /// At most 8 KiB of the value.
    pub value: Vec<u8>,
}

/// Values are payload, so only their size is shown.
impl std::fmt::Debug for MatchedVar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "MatchedVar({}, {} bytes)",
            String::from_utf8_lossy(&self.name),
            self.value.len()
        )
    }
}

/// A rule whose whole chain matched.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hit {
    /// The index of the rule.
    pub(crate) rule: u32,
    pub(crate) msg: Vec<u8>,
    pub(crate) logdata: Vec<u8>,
    pub(crate) vars: Vec<MatchedVar>,
}

/// What an interrupting rule asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Refuse.
    Deny,
    /// Close the connection.
    Drop,
    /// Send the client to this location.
    Redirect(Vec<u8>),
    /// Let this server answer instead.
    Proxy(Vec<u8>),
}

/// A rule that asks to end the transaction. This alone has no effect: policies decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// The id of the rule; 0 when a body is over its limit (`SecRequestBodyLimitAction`, `SecResponseBodyLimitAction`).
    pub rule: u64,
    /// The phase of the rule.
    pub phase: u8,
    /// The status that the rule asks for.
    pub status: u16,
    /// What the rule asks for.
    pub refusal: Refusal,
}

/// A rule that matched, with what reports show of it.
#[derive(Debug, Clone)]
pub struct MatchedRule<'a> {
    /// Id.
    pub id: u64,
    /// Phase, 1 to 5.
    pub phase: u8,
    /// 0 (emergency) to 7 (debug).
    pub severity: Option<u8>,
    /// Tags.
    pub tags: &'a [String],
    /// Revision.
    pub rev: &'a str,
    /// Version.
    pub ver: &'a str,
    /// Whether the match is a finding.
    pub log: bool,
    /// Whether the finding shows what matched.
    pub audit_log: bool,
    /// The file of the rule.
    pub file: &'a str,
    /// The line in that file.
    pub line: u32,
    /// The message with its variables filled in. It may quote payload.
    pub msg: &'a [u8],
    /// The text from which the message was made.
    pub(crate) template: Option<&'a CompiledMacro>,
    /// The log data with its variables filled in. This is payload.
    pub logdata: &'a [u8],
    /// The variables that matched. Their values are payload.
    // Borrowed from the inspection, because most matches are only counted.
    pub vars: &'a [MatchedVar],
}
