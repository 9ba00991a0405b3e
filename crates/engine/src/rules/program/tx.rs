//! What is known of `TX` when rules load: the names that rules use, and constants.

use std::collections::HashMap;
use std::sync::Arc;

use crate::rules::bytes::{integer, push_integer};
use crate::rules::wire::{Constant, SetOp};

/// The numbers of the `TX` variables that rules name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    places: HashMap<Box<[u8]>, u16>,
    pub(crate) names: Vec<Box<[u8]>>,
}

impl Names {
    /// The number of a name (in lower case); a new number when the name has none. Names after the 65,535th share the
    /// last number.
    pub(crate) fn place(&mut self, name: &[u8]) -> u16 {
        let name = name.to_ascii_lowercase();
        if let Some(place) = self.places.get(name.as_slice()) {
            return *place;
        }
        // A set with so many names is not an ordinary one. It still loads, and those names share the last number.
        let place = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        self.names.push(name.as_slice().into());
        self.places.insert(name.into(), place);
        place
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<u16> {
        self.places.get(name).copied()
    }
}

/// The value of a variable. A sum stays a number, so that adding to a score makes no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TxValue {
    Integer(i64),
    Text(Arc<[u8]>),
}

impl From<Constant> for TxValue {
    fn from(constant: Constant) -> Self {
        match constant {
            Constant::Integer(value) => Self::Integer(value),
            Constant::Text(text) => Self::Text(text.as_bytes().into()),
        }
    }
}

impl TxValue {
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        match self {
            Self::Integer(value) => push_integer(*value, out),
            Self::Text(text) => out.extend_from_slice(text),
        }
    }

    pub(crate) fn integer(&self) -> i64 {
        match self {
            Self::Integer(value) => *value,
            Self::Text(text) => integer(text),
        }
    }
}

/// What `setvar` makes of a variable.
pub(crate) fn changed(old: Option<&TxValue>, op: SetOp, value: &[u8]) -> Option<TxValue> {
    let number = || old.map_or(0, TxValue::integer);
    match op {
        SetOp::Set => Some(TxValue::Text(value.into())),
        // Saturating, because a score must not wrap around to a low number.
        SetOp::Add => Some(TxValue::Integer(number().saturating_add(integer(value)))),
        SetOp::Subtract => Some(TxValue::Integer(number().saturating_sub(integer(value)))),
        SetOp::Unset => None,
    }
}
