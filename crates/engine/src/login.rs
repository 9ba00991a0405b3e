//! A log-in as detection knows it: keyed hashes of the account name and the password, never their text.

use std::borrow::Cow;

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::engine::Engine;
use crate::http::Location;
use crate::signals::known::{Familiarity, LoginHashes};
use crate::transaction::Transaction;

/// Values of one log-in field that are hashed one by one. When there are more, these are the first ones and the last
/// one, because servers take either the first or the last.
const MAX_VALUES: usize = 8;

/// Keyed hashes of what a log-in was tried with; empty when the request is no log-in.
#[derive(Debug, Default)]
pub(crate) struct Login {
    /// Hashes of the account name in lower case. When the field came with several values, the first hash is of all of
    /// them together, and one hash of each value follows: nobody can tell which value the server takes, and a decoy
    /// beside the real value must not make every attempt look like one on the same account.
    pub(crate) accounts: Hashes,
    /// Hashes of the password, in the same order.
    pub(crate) passwords: Hashes,
}

type Hashes = SmallVec<[SmolStr; 1]>;

impl Login {
    /// What a log-in endpoint was tried with. An endpoint is a log-in when the catalogue names its fields; any reading
    /// of the path that leads to one counts.
    pub(crate) fn of(transaction: &Transaction, engine: &Engine) -> Self {
        let endpoint = transaction
            .found
            .every_match()
            .filter_map(|matched| engine.endpoint(matched.endpoint))
            .find(|endpoint| {
                endpoint.username_field.is_some() || endpoint.password_field.is_some()
            });
        let Some(endpoint) = endpoint else {
            return Self::default();
        };
        // Account names are compared without letter case, as most servers do; passwords are not.
        let account = |value| Cow::Owned(str::to_lowercase(value));
        let password = Cow::Borrowed;
        Self {
            accounts: hashes(
                &values(transaction, endpoint.username_field.as_deref(), account),
                engine,
            ),
            passwords: hashes(
                &values(transaction, endpoint.password_field.as_deref(), password),
                engine,
            ),
        }
    }

    /// How well the caller is known. A caller who names several accounts at once is a stranger: nobody can tell which
    /// one the server takes.
    pub(crate) fn familiarity(&self, transaction: &Transaction, engine: &Engine) -> Familiarity {
        self.remembered_by(transaction)
            .map(|hashes| hashes.familiarity(&engine.shared.known))
            .unwrap_or_default()
    }

    /// Remember a log-in that succeeded.
    pub(crate) fn remember(&self, transaction: &Transaction, engine: &Engine) {
        if let Some(hashes) = self.remembered_by(transaction) {
            engine.shared.known.insert(hashes.all());
        }
    }

    fn remembered_by(&self, transaction: &Transaction) -> Option<LoginHashes> {
        // Several hashes mean that the field came with several values.
        let [account] = &*self.accounts else {
            return None;
        };
        let client = &transaction.client;
        Some(LoginHashes::of(
            account,
            &client.home(),
            &client.network(),
            &client.fingerprint,
        ))
    }
}

/// The different values of a field, from the body and then from the query, at most [`MAX_VALUES`].
fn values<'t>(
    transaction: &'t Transaction,
    field: Option<&str>,
    normalized: impl Fn(&'t str) -> Cow<'t, str>,
) -> SmallVec<[Cow<'t, str>; 1]> {
    let mut values = SmallVec::<[Cow<'_, str>; 1]>::new();
    let Some(name) = field else {
        return values;
    };
    // The body first: where a log-in has both, servers read the body.
    let of = |location| transaction.parameters.all(location, name);
    let sent = of(Location::Body).chain(of(Location::Query));
    for value in sent.filter(|value| !value.is_empty()) {
        let value = normalized(value);
        if values.len() < MAX_VALUES && !values.contains(&value) {
            values.push(value);
        // Bounded, or one request could ask for a hash of 200,000 values.
        } else if let Some(last) = values.last_mut().filter(|last| **last != value) {
            *last = value;
        }
    }
    values
}

/// One hash of all values together, and one of each when there are several.
fn hashes(values: &[Cow<'_, str>], engine: &Engine) -> Hashes {
    let all: SmallVec<[&[u8]; 1]> = values.iter().map(|value| value.as_bytes()).collect();
    let mut hashes = Hashes::new();
    if !all.is_empty() {
        hashes.push(engine.hash.of(&all));
    }
    // Each value alone as well, because the server takes one of them.
    if all.len() > 1 {
        hashes.extend(all.iter().map(|value| engine.hash.of(&[value])));
    }
    hashes
}
