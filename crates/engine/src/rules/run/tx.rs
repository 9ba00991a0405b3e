//! `TX`: the variables of a transaction.

use crate::rules::program::tx::{Names, TxValue, changed};
use crate::rules::wire::SetOp;

/// Variables whose names are made while rules run; more are not kept.
const MAX_DYNAMIC: usize = 4096;

/// All variables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tx {
    /// By place in [`Names`].
    placed: Vec<Option<TxValue>>,
    /// Others, by name (lower case).
    dynamic: Vec<(Box<[u8]>, TxValue)>,
}

impl Tx {
    pub(crate) fn new(names: &Names) -> Self {
        Self {
            placed: vec![None; names.names.len()],
            dynamic: Vec::new(),
        }
    }

    pub(crate) fn at(&self, place: u16) -> Option<&TxValue> {
        self.placed.get(usize::from(place))?.as_ref()
    }

    pub(crate) fn set_at(&mut self, place: u16, value: Option<TxValue>) {
        if let Some(slot) = self.placed.get_mut(usize::from(place)) {
            *slot = value;
        }
    }

    /// `setvar` on a place; `value` is the expanded right side.
    pub(crate) fn change_at(&mut self, place: u16, op: SetOp, value: &[u8]) {
        let old = self.at(place);
        let new = changed(old, op, value);
        self.set_at(place, new);
    }

    /// `setvar` by name (lower case).
    pub(crate) fn change(&mut self, names: &Names, name: &[u8], op: SetOp, value: &[u8]) {
        if let Some(place) = names.find(name) {
            return self.change_at(place, op, value);
        }
        let position = self.dynamic.iter().position(|(known, _)| **known == *name);
        let old = position
            .and_then(|position| self.dynamic.get(position))
            .map(|(_, value)| value);
        match (position, changed(old, op, value)) {
            (Some(position), Some(new)) => {
                if let Some((_, value)) = self.dynamic.get_mut(position) {
                    *value = new;
                }
            }
            (Some(position), None) => {
                self.dynamic.remove(position);
            }
            // Names that are made of what clients send must not fill the memory.
            (None, Some(new)) if self.dynamic.len() < MAX_DYNAMIC => {
                self.dynamic.push((name.into(), new));
            }
            (None, _) => {}
        }
    }

    /// Names and values of those that a pattern selects.
    ///
    /// # Arguments
    /// * `places` - where those are whose names rules know.
    /// * `selects` - asked of the others.
    pub(crate) fn selected<'a>(
        &'a self,
        names: &'a Names,
        places: &'a [u16],
        selects: impl Fn(&[u8]) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a [u8], &'a TxValue)> {
        let placed = places.iter().filter_map(|place| {
            let name = names.names.get(usize::from(*place))?;
            Some((&**name, self.at(*place)?))
        });
        let others = self.dynamic.iter().filter(move |(name, _)| selects(name));
        placed.chain(others.map(|(name, value)| (&**name, value)))
    }

    /// Names and values of all that are set.
    pub(crate) fn iter<'a>(
        &'a self,
        names: &'a Names,
    ) -> impl Iterator<Item = (&'a [u8], &'a TxValue)> {
        let placed = names
            .names
            .iter()
            .zip(&self.placed)
            .filter_map(|(name, value)| Some((&**name, value.as_ref()?)));
        placed.chain(self.dynamic.iter().map(|(name, value)| (&**name, value)))
    }
}
