//! `TX`: the variables of a transaction.

use crate::rules::program::tx::{Names, TxValue, changed};
use crate::rules::wire::SetOp;

/// The most variables whose names are made while rules run. Further ones are not kept.
const MAX_DYNAMIC: usize = 4096;

/// All variables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tx {
    /// Variables that rules name, by their number in [`Names`].
    // An array, because nearly all rules read variables by number, and reading must not hash a name.
    placed: Vec<Option<TxValue>>,
    /// Other variables, by name (in lower case).
    // A list and not a map: few rules make names while they run, so it is nearly always empty.
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

    /// `setvar` on a numbered variable; `value` is the right side with its variables filled in.
    pub(crate) fn change_at(&mut self, place: u16, op: SetOp, value: &[u8]) {
        let old = self.at(place);
        let new = changed(old, op, value);
        self.set_at(place, new);
    }

    /// `setvar` by name (in lower case).
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
            // A name may contain what a client sent, so the number of names is limited.
            (None, Some(new)) if self.dynamic.len() < MAX_DYNAMIC => {
                self.dynamic.push((name.into(), new));
            }
            (None, _) => {}
        }
    }

    /// The names and values of the variables that a pattern selects.
    ///
    /// # Arguments
    /// * `places` - the numbers of the selected variables that rules name.
    /// * `selects` - the pattern, which is asked about all other names.
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

    /// The names and values of all variables that are set.
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
