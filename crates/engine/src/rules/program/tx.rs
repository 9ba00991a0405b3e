//! `TX` as far as it is known when rules load: the names that rules use, and constants.

use std::collections::HashMap;
use std::sync::Arc;

use crate::rules::bytes::{integer, push_integer};
use crate::rules::wire::{Constant, SetOp};

/// Places of `TX` variables that rules name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    places: HashMap<Box<[u8]>, u16>,
    pub(crate) names: Vec<Box<[u8]>>,
}

impl Names {
    /// The place of a name (lower case); a new one when it has none. Past 65,534 all share the last.
    pub(crate) fn place(&mut self, name: &[u8]) -> u16 {
        let name = name.to_ascii_lowercase();
        if let Some(place) = self.places.get(name.as_slice()) {
            return *place;
        }
        // A set with so many names is no ordinary one; it loads, and shares the last place.
        let place = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        self.names.push(name.as_slice().into());
        self.places.insert(name.into(), place);
        place
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<u16> {
        self.places.get(name).copied()
    }
}

/// A variable's value: what was counted stays a number.
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
        // Saturating: a rule that counts must not wrap around to a low score.
        SetOp::Add => Some(TxValue::Integer(number().saturating_add(integer(value)))),
        SetOp::Subtract => Some(TxValue::Integer(number().saturating_sub(integer(value)))),
        SetOp::Unset => None,
    }
}
