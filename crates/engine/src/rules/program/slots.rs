//! Slots: where the values of a transaction are kept. They are known before there is a transaction, so compiled rules
//! name them.

use crate::rules::wire::Variable;

/// How many variables there are ([`Variable`] is numbered from 0).
pub(crate) const VARIABLES: usize = Variable::Xml as usize + 1;

/// The first slot that belongs to no variable.
const FIRST_PRIVATE: u8 = Variable::Xml as u8 + 1;

/// A place where members are kept: a variable's own, or one that several variables read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
// One byte is enough for all variables, and a slot is copied for every value that is asked.
pub(crate) struct Slot(pub(crate) u8);

impl Slot {
    /// The values of all attributes of an XML body, named by path.
    pub(crate) const XML_ATTRIBUTES: Self = Self(FIRST_PRIVATE);
    /// The text nodes of an XML body, named by path.
    pub(crate) const XML_TEXTS: Self = Self(FIRST_PRIVATE + 1);
    /// The members of `STARFORT_ARGS` that come from the body; those of the head are in the variable's own slot.
    pub(crate) const DECODED_BODY: Self = Self(FIRST_PRIVATE + 2);
    /// The members of `STARFORT_ARGS` that come from trailers.
    pub(crate) const TRAILERS: Self = Self(FIRST_PRIVATE + 3);
    /// The members of `ARGS_POST` whose names a client chooses. Values of XML elements and attributes, which follow
    /// them, have the names of a schema.
    pub(crate) const NAMED_ARGUMENTS: Self = Self(FIRST_PRIVATE + 4);
}

/// How many slots there are.
pub(crate) const SLOTS: usize = VARIABLES + 5;

impl From<Variable> for Slot {
    fn from(variable: Variable) -> Self {
        Self(variable as u8)
    }
}

/// A part of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Side {
    Name,
    Value,
}
