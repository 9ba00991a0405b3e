//! What rules found.

use crate::rules::program::macros::CompiledMacro;

/// A variable that matched, and its value after transformations. This is payload: it must be masked before anybody sees it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MatchedVar {
    /// `ARGS:id`.
    pub name: Vec<u8>,
    /// At most 8 KiB of it.
    pub value: Vec<u8>,
}

/// Values are payload.
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
    /// Index of the rule.
    pub(crate) rule: u32,
    pub(crate) msg: Vec<u8>,
    pub(crate) logdata: Vec<u8>,
    pub(crate) vars: Vec<MatchedVar>,
}

/// What an interrupting rule wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Refuse.
    Deny,
    /// Close the connection.
    Drop,
    /// Send the client there.
    Redirect(Vec<u8>),
    /// Let another server answer.
    Proxy(Vec<u8>),
}

/// A rule that would have ended the transaction. Nothing happens by itself: policies decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// Id of the rule; 0 when a body is over its limit (`SecRequestBodyLimitAction`, `SecResponseBodyLimitAction`).
    pub rule: u64,
    /// Its phase.
    pub phase: u8,
    /// The status that it asks for.
    pub status: u16,
    /// What it wants.
    pub refusal: Refusal,
}

/// A rule that matched, as it is shown.
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
    /// Worth a line in the log.
    pub log: bool,
    /// Worth an audit record.
    pub audit_log: bool,
    /// File that it is of.
    pub file: &'a str,
    /// Line in that file.
    pub line: u32,
    /// Message, variables expanded: it may quote payload.
    pub msg: &'a [u8],
    /// What the message was made of.
    pub(crate) template: Option<&'a CompiledMacro>,
    /// Log data, variables expanded. Payload.
    pub logdata: &'a [u8],
    /// What matched. Payload.
    pub vars: &'a [MatchedVar],
}
