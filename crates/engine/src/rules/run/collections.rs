//! The collections `IP`, `GLOBAL`, `SESSION`, `USER` and `RESOURCE`: variables that outlive a transaction. All workers
//! share them.
//!
//! Memory is bounded. A record that has expired is dropped when its room is needed, and no new record is kept while all
//! are in use. A record keeps at most [`MAX_VARIABLES`] variables.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::rules::program::tx::{TxValue, changed};
use crate::rules::wire::{Collection, SetOp};

/// The most records at once: 50,000 records of a few hundred bytes are within the memory budget of a node.
const MAX_COLLECTIONS: usize = 50_000;
/// The most variables of a record.
const MAX_VARIABLES: usize = 64;
/// The most bytes of a value; a longer one is cut.
const MAX_VALUE_BYTES: usize = 1024;
/// The most bytes of a key; a longer one is cut.
const MAX_KEY_BYTES: usize = 256;

/// A collection, and the key of the record, such as an address.
type Key = (Collection, Box<[u8]>);

#[derive(Debug, Default)]
struct Record {
    expires_s: u64,
    // A list and not a map, because a record has at most 64 variables.
    variables: Vec<Stored>,
}

#[derive(Debug)]
struct Stored {
    name: Box<[u8]>,
    value: TxValue,
    expires_s: Option<u64>,
}

impl Stored {
    fn is_gone(&self, now_s: u64) -> bool {
        self.expires_s.is_some_and(|expires| expires <= now_s)
    }
}

impl Record {
    /// `setvar` on a variable of the record. An expired variable starts again without a value and without an end.
    fn change(&mut self, name: &[u8], op: SetOp, value: &[u8], now_s: u64) {
        let position = self
            .variables
            .iter()
            .position(|stored| *stored.name == *name);
        let old = position
            .and_then(|at| self.variables.get(at))
            .filter(|stored| !stored.is_gone(now_s))
            .map(|stored| &stored.value);
        match (position, changed(old, op, value)) {
            (Some(at), Some(new)) => {
                if let Some(stored) = self.variables.get_mut(at) {
                    // Without this, a counter that starts again would be expired at once.
                    if stored.is_gone(now_s) {
                        stored.expires_s = None;
                    }
                    stored.value = new;
                }
            }
            (Some(at), None) => {
                self.variables.remove(at);
            }
            (None, Some(value)) if self.variables.len() < MAX_VARIABLES => {
                self.variables.push(Stored {
                    name: name.into(),
                    value,
                    expires_s: None,
                });
            }
            (None, _) => {}
        }
    }
}

/// The records of all collections and keys.
#[derive(Debug, Default)]
pub struct Collections {
    // One lock for all: it is held for a look-up of a few variables, and only rules with `initcol` take it.
    records: Mutex<HashMap<Key, Record>>,
}

impl Collections {
    /// Opens the record of a key, or prolongs its life.
    pub(crate) fn touch(&self, collection: Collection, key: &[u8], now_s: u64, timeout_s: u64) {
        let mut records = self.records.lock();
        if records.len() >= MAX_COLLECTIONS {
            // Looking through all records is expensive, so it is done only when there is no room.
            records.retain(|_, record| record.expires_s > now_s);
            if records.len() >= MAX_COLLECTIONS {
                return;
            }
        }
        let record = records.entry((collection, cut(key))).or_default();
        // The record has expired, although the map still has it.
        if record.expires_s <= now_s {
            record.variables.clear();
        }
        record.expires_s = now_s.saturating_add(timeout_s);
    }

    /// `setvar`.
    pub(crate) fn change(
        &self,
        collection: Collection,
        key: &[u8],
        name: &[u8],
        op: SetOp,
        value: &[u8],
        now_s: u64,
    ) {
        let mut records = self.records.lock();
        let Some(record) = records.get_mut(&(collection, cut(key))) else {
            return;
        };
        // A value may contain what a client sent, and lives as long as the record.
        let value = value.get(..MAX_VALUE_BYTES).unwrap_or(value);
        record.change(name, op, value, now_s);
    }

    /// `expirevar`.
    pub(crate) fn expire(&self, collection: Collection, key: &[u8], name: &[u8], expires_s: u64) {
        let mut records = self.records.lock();
        let record = records.get_mut(&(collection, cut(key)));
        let stored = record.and_then(|record| {
            record
                .variables
                .iter_mut()
                .find(|stored| *stored.name == *name)
        });
        if let Some(stored) = stored {
            stored.expires_s = Some(expires_s);
        }
    }

    /// The names and values of a record that have not expired.
    pub(crate) fn read(
        &self,
        collection: Collection,
        key: &[u8],
        now_s: u64,
    ) -> Vec<(Box<[u8]>, TxValue)> {
        let records = self.records.lock();
        let Some(record) = records
            .get(&(collection, cut(key)))
            .filter(|record| record.expires_s > now_s)
        else {
            return Vec::new();
        };
        record
            .variables
            .iter()
            .filter(|stored| stored.expires_s.is_none_or(|expires| expires > now_s))
            .map(|stored| (stored.name.clone(), stored.value.clone()))
            .collect()
    }
}

fn cut(key: &[u8]) -> Box<[u8]> {
    key.get(..MAX_KEY_BYTES).unwrap_or(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_live_as_long_as_they_were_told() {
        let collections = Collections::default();
        let (ip, key) = (Collection::Ip, &b"192.0.2.1"[..]);
        let read = |now| {
            collections
                .read(ip, key, now)
                .iter()
                .map(|(_, value)| value.integer())
                .collect::<Vec<_>>()
        };
        collections.change(ip, key, b"count", SetOp::Add, b"1", 10);
        assert!(read(10).is_empty(), "not in use yet");
        collections.touch(ip, key, 10, 100);
        collections.change(ip, key, b"count", SetOp::Add, b"1", 10);
        collections.change(ip, key, b"count", SetOp::Add, b"2", 10);
        collections.expire(ip, key, b"count", 20);
        assert_eq!(read(19), [3]);
        assert!(read(20).is_empty(), "expired");
        collections.change(ip, key, b"count", SetOp::Add, b"5", 21);
        assert_eq!(read(22), [5], "counts from nothing again");
        assert!(read(110).is_empty(), "the collection's own time");
        collections.change(ip, key, b"count", SetOp::Unset, b"", 50);
        assert!(read(50).is_empty());
        assert!(collections.read(Collection::User, key, 22).is_empty());
    }
}
