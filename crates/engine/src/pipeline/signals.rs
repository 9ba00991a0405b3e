//! The signals stage: what detection says of a caller now, asked for each key that the caller has.

use smallvec::SmallVec;

use crate::engine::{Engine, Now};
use crate::login::Login;
use crate::signals::KeyType;
use crate::signals::known::Familiarity;
use crate::transaction::Transaction;

/// How long the draw of a log-in stays the same, in microseconds: tried again within this time, it is a probe again or
/// stopped again.
const PROBE_PERIOD_US: u64 = 30_000_000;

/// signals: what detection says of this address, network, tool, account and session.
pub(super) fn ask(engine: &Engine, transaction: &mut Transaction, now: Now) {
    let table = &engine.shared.signals;
    // Nothing is wrong most of the time, and then no key needs to be made.
    if table.is_empty() {
        return;
    }
    let login = Login::of(transaction, engine);
    let familiarity = login.familiarity(transaction, engine);
    let texts = Texts::of(transaction, &login, familiarity);
    let keys = keys(transaction, &texts, &login);
    let draw = |kind: &str| draw(engine, transaction, &login, kind);
    let asked = table.ask(&keys, now.monotonic_ns, familiarity.is_known(), draw);
    drop(keys);
    (transaction.signals, transaction.passed) = (asked.active, asked.passed);
}

/// Keys that are put together from several facts. Those that do not apply are empty, and no signal has an empty key.
struct Texts {
    network: String,
    campaign: String,
    /// The campaign in a network without a number: how the address begins tells such networks apart.
    nameless: String,
    strangers: [String; 2],
}

impl Texts {
    fn of(transaction: &Transaction, login: &Login, familiarity: Familiarity) -> Self {
        let client = &transaction.client;
        let (fingerprint, ja4, asn) = (&client.fingerprint, &client.ja4, client.geo.asn);
        let is_stranger =
            !familiarity.is_known() && !familiarity.network && !login.accounts.is_empty();
        Self {
            network: format!("asn:{asn}"),
            campaign: format!("{fingerprint}|{ja4}|{asn}"),
            nameless: if asn == 0 {
                format!("{fingerprint}|{ja4}|{}", client.network())
            } else {
                String::new()
            },
            strangers: if is_stranger {
                [format!("fingerprint|{fingerprint}"), format!("ja4|{ja4}")]
            } else {
                [String::new(), String::new()]
            },
        }
    }
}

/// Every key of a request, with its type.
fn keys<'k>(
    transaction: &'k Transaction,
    texts: &'k Texts,
    login: &'k Login,
) -> SmallVec<[(KeyType, &'k str); 16]> {
    let (client, identity) = (&transaction.client, &transaction.identity);
    // More than a request has, unless a log-in came with several values.
    let mut keys: SmallVec<[(KeyType, &str); 16]> = SmallVec::new();
    keys.extend([
        (KeyType::Address, &*client.address_text),
        (KeyType::Network, &*texts.network),
        (KeyType::Fingerprint, &*client.fingerprint),
        (KeyType::Ja4, &*client.ja4),
        (KeyType::Subject, &*identity.subject_hash),
        (KeyType::Credential, &*identity.credential_hash),
        (KeyType::Session, &*identity.session_hash),
        (KeyType::Campaign, &*texts.campaign),
        (KeyType::Campaign, &*texts.nameless),
    ]);
    let accounts = login.accounts.iter();
    keys.extend(accounts.map(|hash| (KeyType::Account, &**hash)));
    let passwords = login.passwords.iter();
    keys.extend(passwords.map(|hash| (KeyType::Password, &**hash)));
    let strangers = texts.strangers.iter();
    keys.extend(strangers.map(|key| (KeyType::Stranger, &**key)));
    keys
}

/// A number from 0 to 1 that decides whether a log-in under a signal passes as a probe.
///
/// A caller who tries again at once draws the same number, so that trying again and again is no way through. Neither the
/// account's hash nor the number can be worked out without the bundle's key.
fn draw(engine: &Engine, transaction: &Transaction, login: &Login, kind: &str) -> f64 {
    let period = transaction.started.unix_us / PROBE_PERIOD_US;
    let account = login.accounts.first().map_or("", |hash| &**hash);
    engine.hash.draw(&[
        b"probe",
        kind.as_bytes(),
        account.as_bytes(),
        transaction.client.address_text.as_bytes(),
        &period.to_be_bytes(),
    ])
}
