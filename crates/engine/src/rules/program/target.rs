//! Compiled targets: which slots a rule looks at, and which members of them.

use regex::bytes::Regex;
use smallvec::{SmallVec, smallvec};

use super::slots::{Side, Slot};
use super::tx::Names;
use super::xpath::XPath;
use crate::rules::wire::{Collection, Variable};

/// Where the values of a target come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ValueSource {
    /// Facts of the transaction.
    // No variable is read from more than three slots, so the list is stored in place.
    Facts(SmallVec<[(Slot, Side); 3]>),
    /// `TX`.
    Tx,
    /// `IP`, `GLOBAL`, …
    Stored(Collection),
    /// Anything that changes while rules run.
    Changing,
}

impl ValueSource {
    /// Whether two sources of one variable have values in common. Text and attributes of XML have none in common.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Facts(these), Self::Facts(those)) => {
                these.iter().any(|place| those.contains(place))
            }
            _ => self == other,
        }
    }
}

/// Which members a target selects.
#[derive(Debug, Clone)]
pub(crate) enum Members {
    All,
    /// By name, in lower case.
    Name(Box<[u8]>),
    /// A `TX` variable, by its number.
    Place(u16),
    Regex(Regex),
    /// `TX` variables by pattern: the numbers of the matching variables that rules name, and the pattern for all
    /// others.
    Places(Vec<u16>, Regex),
    Path(XPath),
}

/// A target that is ready to be read.
#[derive(Debug, Clone)]
pub(crate) struct CompiledTarget {
    pub(crate) variable: Variable,
    pub(crate) source: ValueSource,
    pub(crate) members: Members,
    pub(crate) count: bool,
}

impl CompiledTarget {
    /// Finds the variables of `TX` that the pattern of a target selects, so that the pattern is asked only about other
    /// names later.
    pub(crate) fn find_places(&mut self, names: &Names) {
        if self.source == ValueSource::Tx
            && let Members::Regex(regex) = &self.members
        {
            let places = (0..)
                .zip(&names.names)
                .filter(|(_, name)| regex.is_match(name))
                .map(|(place, _)| place);
            // The pattern is kept for variables whose names are made while rules run.
            self.members = Members::Places(places.collect(), regex.clone());
        }
    }

    /// Whether a member of this name (any case) is selected.
    pub(crate) fn selects(&self, name: &[u8]) -> bool {
        match &self.members {
            Members::All | Members::Place(_) => true,
            Members::Name(wanted) => name.eq_ignore_ascii_case(wanted),
            Members::Regex(regex) | Members::Places(_, regex) => regex.is_match(name),
            Members::Path(path) => path.selects(name),
        }
    }
}

/// Where a variable's values come from.
pub(crate) fn source_of(variable: Variable) -> ValueSource {
    use Variable as V;
    let one = |variable: V, side| ValueSource::Facts(smallvec![(variable.into(), side)]);
    match variable {
        // Most variables have a slot of their own. Some read slots that others fill, so that no value is kept twice.
        V::Args => ValueSource::Facts(smallvec![
            (V::ArgsGet.into(), Side::Value),
            (V::ArgsPost.into(), Side::Value),
        ]),
        V::StarfortArgs => ValueSource::Facts(smallvec![
            (V::StarfortArgs.into(), Side::Value),
            (Slot::DECODED_BODY, Side::Value),
            (Slot::TRAILERS, Side::Value),
        ]),
        V::StarfortArgsNames => ValueSource::Facts(smallvec![
            (V::StarfortArgs.into(), Side::Name),
            (Slot::DECODED_BODY, Side::Name),
            (Slot::TRAILERS, Side::Name),
        ]),
        V::ArgsNames => ValueSource::Facts(smallvec![
            (V::ArgsGet.into(), Side::Name),
            (Slot::NAMED_ARGUMENTS, Side::Name),
        ]),
        V::ArgsGetNames => one(V::ArgsGet, Side::Name),
        V::ArgsPostNames => ValueSource::Facts(smallvec![(Slot::NAMED_ARGUMENTS, Side::Name)]),
        V::RequestCookiesNames => one(V::RequestCookies, Side::Name),
        V::RequestHeadersNames => one(V::RequestHeaders, Side::Name),
        V::ResponseHeadersNames => one(V::ResponseHeaders, Side::Name),
        V::FilesNames | V::MultipartName => one(V::Files, Side::Name),
        V::MultipartFilename => one(V::Files, Side::Value),
        V::MultipartSemicolonMissing => one(V::MultipartMissingSemicolon, Side::Value),
        V::Tx => ValueSource::Tx,
        V::Ip => ValueSource::Stored(Collection::Ip),
        V::Global => ValueSource::Stored(Collection::Global),
        V::Session => ValueSource::Stored(Collection::Session),
        V::User => ValueSource::Stored(Collection::User),
        V::Resource => ValueSource::Stored(Collection::Resource),
        // These variables depend on the rules that ran before, so they are no facts.
        V::MatchedVar
        | V::MatchedVarName
        | V::MatchedVars
        | V::MatchedVarsNames
        | V::HighestSeverity
        | V::Duration
        | V::ReqbodyProcessor
        | V::Env
        | V::Geo
        | V::Rule
        | V::Sessionid
        | V::Userid => ValueSource::Changing,
        other => one(other, Side::Value),
    }
}
