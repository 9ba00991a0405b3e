//! Who succeeded before: a bounded memory of log-ins, so that nobody who succeeds is refused because of what others do.
//!
//! It holds 64-bit hashes of (account and address), (account, network and tool), (account), and (network and tool). The
//! control plane computes the same hashes from the store (`login_known`), so a new process begins with what days have
//! taught, and learns by itself from then on. The structure is a split-block Bloom filter that always takes 8 MiB. A
//! log-in that it was told is remembered until the next rebuild. A log-in that it was not told counts as known with a
//! chance of 0.1 % at 4 million entries (a million accounts), 0.6 % at 6 million and 3 % at 10 million. That lets as
//! many attempts of a campaign pass, and refuses nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use sha2::{Digest, Sha256};

/// 32-bit words of a block: one bit is set in each. Source: Apache Parquet, `BloomFilter.md`, with its constants.
const WORDS: usize = 8;
const SALTS: [u32; WORDS] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// Blocks of 32 bytes: 8 MiB.
const BLOCKS: usize = 1 << 18;

type Block = [AtomicU32; WORDS];

/// The filter. Readers and writers do not wait for each other.
struct Filter {
    blocks: Box<[Block]>,
}

impl Filter {
    fn new() -> Self {
        Self {
            blocks: (0..BLOCKS).map(|_| Block::default()).collect(),
        }
    }

    /// For each word of a block, the bit that belongs to a hash. The upper half of the hash chooses the block, the
    /// lower half the bits.
    fn bits(&self, hash: u64) -> impl Iterator<Item = (&AtomicU32, u32)> {
        // A product and a shift instead of a remainder, as in Parquet's specification.
        let block = ((hash >> 32).wrapping_mul(self.blocks.len() as u64) >> 32) as usize;
        let low = u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default();
        let words = self.blocks.get(block).into_iter().flatten();
        let bit = move |salt: &u32| 1_u32 << (low.wrapping_mul(*salt) >> 27);
        words.zip(SALTS.iter().map(bit))
    }

    fn insert(&self, hash: u64) {
        for (word, bit) in self.bits(hash) {
            // Bits are only ever set, so no order between them matters and nobody waits.
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    fn contains(&self, hash: u64) -> bool {
        self.bits(hash)
            .all(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }
}

/// The memory of log-ins. A process that never sees a log-in spends nothing on it.
#[derive(Default)]
pub struct KnownLogins {
    // Behind an `Arc`, so that a rebuild can replace the filter while a thread still writes to the old one.
    current: RwLock<Option<Arc<Filter>>>,
    /// The filter that a rebuild fills.
    next: Mutex<Option<Arc<Filter>>>,
    told: AtomicUsize,
}

impl std::fmt::Debug for KnownLogins {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "KnownLogins(told: {})", self.told())
    }
}

impl KnownLogins {
    /// Remember log-ins by their hashes.
    pub fn insert(&self, hashes: impl IntoIterator<Item = u64>) {
        let filter = self.current();
        // A log-in that succeeds during a rebuild belongs to the result of the rebuild too.
        let next = self.next.lock().clone();
        for hash in hashes {
            filter.insert(hash);
            if let Some(next) = &next {
                next.insert(hash);
            }
            self.told.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn current(&self) -> Arc<Filter> {
        if let Some(filter) = &*self.current.read() {
            return Arc::clone(filter);
        }
        let mut current = self.current.write();
        // Made at the first log-in: 8 MiB are not spent on an API that has none.
        Arc::clone(current.get_or_insert_with(|| Arc::new(Filter::new())))
    }

    /// Begin a rebuild: only what is told from here until [`Self::rebuilt`] will be known then.
    pub fn rebuild(&self) {
        *self.next.lock() = Some(Arc::new(Filter::new()));
    }

    /// End a rebuild: log-ins that were known before and not told again are forgotten.
    pub fn rebuilt(&self) {
        let next = self.next.lock().take();
        // An end without a beginning changes nothing.
        if next.is_some() {
            *self.current.write() = next;
        }
    }

    /// Whether a hash was told, or looks as if it had been (see the module).
    pub fn contains(&self, hash: u64) -> bool {
        let current = self.current.read();
        current.as_ref().is_some_and(|known| known.contains(hash))
    }

    /// How many hashes were told since the start; a hash that is told twice counts twice.
    pub fn told(&self) -> usize {
        self.told.load(Ordering::Relaxed)
    }
}

/// How well the caller of a log-in is known. No fact implies another, because each is remembered separately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts, each of which may hold without the others"
)]
pub struct Familiarity {
    /// This account succeeded from this address.
    pub address: bool,
    /// This account succeeded in this network with this tool.
    pub device: bool,
    /// This account succeeded from somewhere.
    pub account: bool,
    /// Somebody succeeded in this network with this tool.
    pub network: bool,
}

impl Familiarity {
    /// Whether the account is at home here.
    pub const fn is_known(self) -> bool {
        self.address || self.device
    }

    /// Marks in an event's `signals`.
    pub fn marks(self) -> impl Iterator<Item = &'static str> {
        [
            (self.address, "known:address"),
            (self.device, "known:device"),
            (self.account, "known:account"),
            (self.network, "known:network"),
        ]
        .into_iter()
        .filter_map(|(holds, mark)| holds.then_some(mark))
    }
}

/// The hashes under which one log-in is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginHashes {
    address: u64,
    device: u64,
    account: u64,
    network: u64,
}

impl LoginHashes {
    /// The hashes of one log-in.
    ///
    /// # Arguments
    /// * `account` - the keyed hash of the account.
    /// * `address` - text of the address, for IPv6 of its /64.
    /// * `place` - the network, see [`crate::client::Client::network`].
    /// * `fingerprint` - fingerprint of the tool.
    pub fn of(account: &str, address: &str, place: &str, fingerprint: &str) -> Self {
        Self {
            // The first word keeps the hashes of different facts apart.
            address: hash(&["address", account, address]),
            device: hash(&["device", account, place, fingerprint]),
            account: hash(&["account", account]),
            network: hash(&["network", place, fingerprint]),
        }
    }

    /// How well the caller of this log-in is known.
    pub fn familiarity(self, known: &KnownLogins) -> Familiarity {
        Familiarity {
            address: known.contains(self.address),
            device: known.contains(self.device),
            account: known.contains(self.account),
            network: known.contains(self.network),
        }
    }

    /// All four hashes.
    pub fn all(self) -> [u64; 4] {
        [self.address, self.device, self.account, self.network]
    }
}

/// The first 8 bytes of the SHA-256 of the parts with `|` between them, little endian: what
/// `reinterpretAsUInt64(substring(SHA256(...), 1, 8))` is in the store. Account hashes are keyed, so nobody outside
/// can work out whom an entry is about, nor choose one.
fn hash(parts: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b"|");
        }
        hasher.update(part);
    }
    let digest = hasher.finalize();
    digest
        .first_chunk::<8>()
        .map_or(0, |first| u64::from_le_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_known_until_a_rebuild_leaves_it_out() {
        let known = KnownLogins::default();
        assert!(!known.contains(1 << 40));
        known.insert([1 << 40, 7]);
        assert!(known.contains(1 << 40));
        known.rebuild();
        known.insert([7, 9]);
        assert!(known.contains(1 << 40), "a rebuild that is not complete");
        known.rebuilt();
        assert!(!known.contains(1 << 40));
        assert!(known.contains(7) && known.contains(9));
    }

    #[test]
    fn strangers_are_taken_for_known_as_rarely_as_the_module_says() {
        let known = KnownLogins::default();
        // SplitMix64, because a million hashes take a debug build a minute.
        let entry = |number: u64| {
            let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        known.insert((0..4_000_000).map(entry));
        let asked = 200_000;
        let wrong = (0..asked)
            .filter(|number| known.contains(entry(1_000_000_000 + number)))
            .count();
        assert!(wrong < 600, "{wrong} of {asked}");
        assert!((0..1000).all(|number| known.contains(entry(number))));
    }

    #[test]
    fn each_way_of_being_known_stands_for_itself() {
        let known = KnownLogins::default();
        let at_home = LoginHashes::of("a1", "192.0.2.1", "asn:1", "chrome");
        known.insert(at_home.all());
        assert!(at_home.familiarity(&known).is_known());
        let elsewhere = LoginHashes::of("a1", "192.0.2.9", "asn:1", "chrome").familiarity(&known);
        assert!(elsewhere.device && !elsewhere.address);
        let far = LoginHashes::of("a1", "198.51.100.9", "asn:2", "chrome").familiarity(&known);
        assert!(far.account && !far.is_known() && !far.network);
        let other = LoginHashes::of("a2", "192.0.2.1", "asn:1", "chrome").familiarity(&known);
        assert!(other.network && !other.is_known() && !other.account);
    }

    #[test]
    fn hashes_are_those_of_the_store() {
        // SELECT reinterpretAsUInt64(substring(SHA256('account|0123456789abcdef'), 1, 8))
        assert_eq!(
            hash(&["account", "0123456789abcdef"]),
            14_860_796_673_772_582_796
        );
    }
}
