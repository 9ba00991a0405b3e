//! The signals that detection has set: a table that the control plane pushes and requests read.
//!
//! Many worker threads read, and one thread writes. While there are no signals, a look-up is one atomic load.

pub mod known;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use smallvec::SmallVec;

/// The most signals that are held; further ones are refused and counted. A campaign has thousands of members, not
/// millions.
pub const MAX_SIGNALS: usize = 1_000_000;

/// The type of the key that a signal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum KeyType {
    /// Client address, as text.
    Address,
    /// `asn:NUMBER`.
    Network,
    /// Header-order fingerprint.
    Fingerprint,
    /// TLS fingerprint.
    Ja4,
    /// Hash of the verified subject.
    Subject,
    /// Hash of the credential presented.
    Credential,
    /// Hash of the account name tried.
    Account,
    /// Hash of the password tried.
    Password,
    /// Hash of the session.
    Session,
    /// `fingerprint|ja4|network`.
    Campaign,
    /// `fingerprint|HASH` or `ja4|HASH` of a log-in by a stranger: its account never succeeded from there, and no other
    /// account succeeded from its network with its tool.
    Stranger,
}

impl KeyType {
    /// All types.
    pub const ALL: [Self; 11] = [
        Self::Address,
        Self::Network,
        Self::Fingerprint,
        Self::Ja4,
        Self::Subject,
        Self::Credential,
        Self::Account,
        Self::Password,
        Self::Session,
        Self::Campaign,
        Self::Stranger,
    ];

    /// The name in frames of the control socket.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Network => "network",
            Self::Fingerprint => "fingerprint",
            Self::Ja4 => "ja4",
            Self::Subject => "subject",
            Self::Credential => "credential",
            Self::Account => "account",
            Self::Password => "password",
            Self::Session => "session",
            Self::Campaign => "campaign",
            Self::Stranger => "stranger",
        }
    }

    /// The type with this name in frames of the control socket.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}

/// A signal that is active for a request.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveSignal {
    /// Kind, as detectors name it.
    pub kind: Box<str>,
    /// How sure the detector is, from 0 to 1.
    pub score: f64,
}

/// Which calls pass although there is a signal, so that nobody is locked out by what others do.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Passing {
    /// Share of calls, from 0 to 1, that pass as if there was no signal. Detectors learn from their outcome while all other
    /// calls are being stopped.
    pub probe: f64,
    /// Whether callers pass who log in as they did before: their account succeeded here (see
    /// [`known::Familiarity::is_known`]).
    pub spare_known: bool,
}

/// Why a signal that is active for a request's keys does not apply to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// The call belongs to the share that passes.
    Probe,
    /// The caller of the log-in is known.
    Known,
}

impl Passed {
    /// Prefix of the kind in an event's `signals`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Known => "spared",
        }
    }
}

/// The table's answer for a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    /// Signals that apply, with the highest score of each kind.
    pub active: Vec<ActiveSignal>,
    /// Kinds that do not apply, each with the reason.
    pub passed: SmallVec<[(Box<str>, Passed); 1]>,
}

#[derive(Debug, Clone)]
struct Entry {
    kind: Box<str>,
    score: f64,
    expires_ns: u64,
    passing: Passing,
}

type Keyed = HashMap<Box<str>, SmallVec<[Entry; 1]>>;

/// The table. Times are nanoseconds of the host's monotonic clock.
#[derive(Debug, Default)]
pub struct SignalTable {
    // Read without the lock, so that no request takes the lock while there are no signals.
    count: AtomicUsize,
    refused: AtomicUsize,
    keyed: RwLock<[Keyed; KeyType::ALL.len()]>,
}

impl SignalTable {
    /// Set or replace a signal that applies to all who have its key. Returns `false`, and counts it, when the table is
    /// full.
    pub fn set(
        &self,
        kind: &str,
        key_type: KeyType,
        key: &str,
        score: f64,
        expires_ns: u64,
    ) -> bool {
        let passing = Passing::default();
        self.set_passing(kind, key_type, key, score, expires_ns, passing)
    }

    /// Set or replace a signal.
    pub fn set_passing(
        &self,
        kind: &str,
        key_type: KeyType,
        key: &str,
        score: f64,
        expires_ns: u64,
        passing: Passing,
    ) -> bool {
        let mut keyed = self.keyed.write();
        // Under the write lock, so the count cannot change meanwhile.
        if self.count.load(Ordering::Relaxed) >= MAX_SIGNALS {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let Some(map) = keyed.get_mut(key_type as usize) else {
            return false;
        };
        let entries = map.entry(key.into()).or_default();
        match entries.iter_mut().find(|entry| &*entry.kind == kind) {
            Some(entry) => {
                (entry.score, entry.expires_ns) = (score, expires_ns);
                entry.passing = passing;
            }
            None => {
                entries.push(Entry {
                    kind: kind.into(),
                    score,
                    expires_ns,
                    passing,
                });
                // Readers that see the count also see the entry: `is_empty` is asked without the lock.
                self.count.fetch_add(1, Ordering::Release);
            }
        }
        true
    }

    /// Remove a signal, if it is there.
    pub fn clear(&self, kind: &str, key_type: KeyType, key: &str) {
        let mut keyed = self.keyed.write();
        let Some(map) = keyed.get_mut(key_type as usize) else {
            return;
        };
        if let Some(entries) = map.get_mut(key) {
            let before = entries.len();
            entries.retain(|entry| &*entry.kind != kind);
            self.count
                .fetch_sub(before - entries.len(), Ordering::Release);
            if entries.is_empty() {
                // Otherwise the map would keep every key that ever had a signal.
                map.remove(key);
            }
        }
    }

    /// Remove all signals, before a full table is set.
    pub fn clear_all(&self) {
        let mut keyed = self.keyed.write();
        keyed.iter_mut().for_each(HashMap::clear);
        self.count.store(0, Ordering::Release);
    }

    /// Remove expired signals. The host calls this every few seconds.
    pub fn expire(&self, now_ns: u64) {
        // Without signals no request has to wait for the write lock.
        if self.is_empty() {
            return;
        }
        let mut keyed = self.keyed.write();
        let mut left = 0;
        for map in keyed.iter_mut() {
            map.retain(|_, entries| {
                entries.retain(|entry| entry.expires_ns > now_ns);
                // Counted anew in the same pass, because entries go one by one.
                left += entries.len();
                !entries.is_empty()
            });
        }
        self.count.store(left, Ordering::Release);
    }

    /// How many signals are held.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Whether there are no signals.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many signals were refused because the table was full.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// The signals that are active for any of the keys, with the highest score of each kind.
    pub fn active(&self, keys: &[(KeyType, &str)], now_ns: u64) -> Vec<ActiveSignal> {
        self.ask(keys, now_ns, false, |_| 1.0).active
    }

    /// The signals that apply to a request with these keys, and those that do not although it has their keys.
    ///
    /// # Arguments
    /// * `is_known` - the caller of the log-in succeeded here before.
    /// * `draw` - the request's number from 0 to 1 for a kind of signal. The request passes when it is below the signal's
    ///   share of probes. All keys of a kind have the same number, so the smallest share among them holds, however many
    ///   keys are signalled.
    pub fn ask(
        &self,
        keys: &[(KeyType, &str)],
        now_ns: u64,
        is_known: bool,
        draw: impl Fn(&str) -> f64,
    ) -> Asked {
        let mut asked = Asked::default();
        if self.is_empty() {
            return asked;
        }
        let keyed = self.keyed.read();
        let entries = keys
            .iter()
            // Keys that a request does not have are empty, and no signal is about all of them.
            .filter(|(_, key)| !key.is_empty())
            .filter_map(|(key_type, key)| keyed.get(*key_type as usize)?.get(*key))
            .flatten()
            // Expired entries are removed every few seconds; until then they must not apply.
            .filter(|entry| entry.expires_ns > now_ns);
        for entry in entries {
            match entry.passes(is_known, &draw) {
                Some(why) => asked.passed.push((entry.kind.clone(), why)),
                None => asked.apply(entry),
            }
        }
        asked.settle();
        asked
    }
}

impl Entry {
    /// The reason why a request passes although it has the signal's key. `None`: the signal applies.
    fn passes(&self, is_known: bool, draw: impl Fn(&str) -> f64) -> Option<Passed> {
        if self.passing.spare_known && is_known {
            return Some(Passed::Known);
        }
        // Most signals have no probes, and drawing costs a keyed hash.
        let is_probe = self.passing.probe > 0.0 && draw(&self.kind) < self.passing.probe;
        is_probe.then_some(Passed::Probe)
    }
}

impl Asked {
    fn apply(&mut self, entry: &Entry) {
        let mut active = self.active.iter_mut();
        match active.find(|signal| signal.kind == entry.kind) {
            // The strongest key counts: scores of one kind do not add up.
            Some(signal) => signal.score = signal.score.max(entry.score),
            None => self.active.push(ActiveSignal {
                kind: entry.kind.clone(),
                score: entry.score,
            }),
        }
    }

    /// Name each kind once: when a kind applies because of one key, no other key makes it pass.
    fn settle(&mut self) {
        let Self { active, passed } = self;
        // In place, because there is seldom more than one.
        let mut told = 0;
        while let Some((kind, _)) = passed.get(told) {
            let applies = active.iter().any(|signal| signal.kind == *kind);
            let again = passed.iter().take(told).any(|(other, _)| other == kind);
            if applies || again {
                passed.remove(told);
            } else {
                told += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_score_of_a_kind_counts_until_it_expires() {
        let table = SignalTable::default();
        assert!(table.active(&[(KeyType::Address, "a")], 0).is_empty());
        table.set("stuffing", KeyType::Address, "a", 0.5, 100);
        table.set("stuffing", KeyType::Ja4, "j", 0.9, 50);
        let keys = [(KeyType::Address, "a"), (KeyType::Ja4, "j")];
        assert_eq!(
            table.active(&keys, 10),
            [ActiveSignal {
                kind: "stuffing".into(),
                score: 0.9
            }]
        );
        assert!((table.active(&keys, 60)[0].score - 0.5).abs() < 1e-9);
        table.expire(60);
        assert_eq!(table.len(), 1);
        table.clear("stuffing", KeyType::Address, "a");
        assert!(table.is_empty());
    }

    #[test]
    fn a_share_passes_as_a_probe_and_is_told() {
        let table = SignalTable::default();
        let passing = Passing {
            probe: 0.05,
            spare_known: true,
        };
        table.set_passing("stuffing", KeyType::Address, "a", 0.9, 100, passing);
        let ask = |known, draw: f64| table.ask(&[(KeyType::Address, "a")], 1, known, move |_| draw);
        assert_eq!(ask(false, 0.05).active.len(), 1);
        let probe = ask(false, 0.0499);
        assert!(probe.active.is_empty());
        assert_eq!(*probe.passed, [("stuffing".into(), Passed::Probe)]);
        let known = ask(true, 0.9);
        assert!(known.active.is_empty());
        assert_eq!(*known.passed, [("stuffing".into(), Passed::Known)]);
    }

    #[test]
    fn a_key_that_lets_nobody_pass_applies_whatever_the_others_let_pass() {
        let table = SignalTable::default();
        let passing = Passing {
            probe: 0.5,
            spare_known: true,
        };
        table.set_passing("stuffing", KeyType::Address, "a", 0.9, 100, passing);
        table.set("stuffing", KeyType::Ja4, "j", 0.4, 100);
        let keys = [(KeyType::Address, "a"), (KeyType::Ja4, "j")];
        let asked = table.ask(&keys, 1, true, |_| 0.0);
        assert_eq!(asked.active.len(), 1);
        assert!(asked.passed.is_empty());
    }

    #[test]
    fn empty_keys_match_nothing() {
        let table = SignalTable::default();
        table.set("stuffing", KeyType::Ja4, "", 0.5, 100);
        assert!(table.active(&[(KeyType::Ja4, "")], 0).is_empty());
    }

    #[test]
    fn names_on_the_wire_read_back() {
        for key_type in KeyType::ALL {
            assert_eq!(KeyType::from_code(key_type.code()), Some(key_type));
        }
    }
}
