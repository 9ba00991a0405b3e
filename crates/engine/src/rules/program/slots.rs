//! Where the values of a transaction are kept, known before there is one: rules that are ready name slots.

use crate::rules::wire::Variable;

/// How many variables there are ([`Variable`] is numbered from 0).
pub(crate) const VARIABLES: usize = Variable::Xml as usize + 1;

/// The first slot that is no variable's.
const FIRST_PRIVATE: u8 = Variable::Xml as u8 + 1;

/// Where members are kept: a variable's own place, or one of those that several variables read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Slot(pub(crate) u8);

impl Slot {
    /// Values of all attributes of an XML body, named by path.
    pub(crate) const XML_ATTRIBUTES: Self = Self(FIRST_PRIVATE);
    /// Text nodes of an XML body, named by path.
    pub(crate) const XML_TEXTS: Self = Self(FIRST_PRIVATE + 1);
    /// Members of `STARFORT_ARGS` that come of the body; those of the head are in the variable's own place.
    pub(crate) const DECODED_BODY: Self = Self(FIRST_PRIVATE + 2);
    /// Those that come of trailers.
    pub(crate) const TRAILERS: Self = Self(FIRST_PRIVATE + 3);
    /// Those members of `ARGS_POST` whose names are a client's: values of elements and attributes of XML, which follow
    /// them, are named by a schema.
    pub(crate) const NAMED_ARGUMENTS: Self = Self(FIRST_PRIVATE + 4);
}

/// How many slots there are.
pub(crate) const SLOTS: usize = VARIABLES + 5;

impl From<Variable> for Slot {
    fn from(variable: Variable) -> Self {
        Self(variable as u8)
    }
}

/// Which part of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Side {
    Name,
    Value,
}
