//! Country and network of an address, from `MaxMind` databases.

use std::net::IpAddr;

use maxminddb::{LookupResult, PathElement, Reader};
use parking_lot::RwLock;
use smallvec::SmallVec;
use smol_str::{SmolStr, ToSmolStr};

use crate::error::EngineError;

/// How many addresses are remembered with their record, each in the one slot that its hash names: some 150 KB in all.
/// Clients call more than once, and a look-up walks through two databases of several megabytes.
const REMEMBERED: usize = 1024;

/// The databases. The host reads the files.
#[derive(Default)]
pub struct GeoDatabases {
    country: Option<Reader<Vec<u8>>>,
    asn: Option<Reader<Vec<u8>>>,
    memory: Box<[RwLock<Option<Remembered>>]>,
}

struct Remembered {
    address: IpAddr,
    text: SmolStr,
    record: GeoRecord,
}

impl std::fmt::Debug for GeoDatabases {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "GeoDatabases(country: {}, asn: {})",
            self.country.is_some(),
            self.asn.is_some()
        )
    }
}

/// The facts that the databases have about an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GeoRecord {
    /// ISO 3166-1 alpha-2, "" when unknown.
    pub country: SmolStr,
    /// `AF AN AS EU NA OC SA`, "" when unknown.
    pub continent: SmolStr,
    /// Autonomous system number, 0 when unknown.
    pub asn: u32,
    /// The organisation that the autonomous system belongs to.
    pub as_organization: SmolStr,
}

impl GeoDatabases {
    /// Open databases and verify their structure, so that a broken file is an error here and never at a request.
    ///
    /// # Errors
    /// [`EngineError::GeoDatabase`].
    pub fn open(country: Option<Vec<u8>>, asn: Option<Vec<u8>>) -> Result<Self, EngineError> {
        Ok(Self {
            country: open("country", country)?,
            asn: open("asn", asn)?,
            memory: (0..REMEMBERED).map(|_| RwLock::default()).collect(),
        })
    }

    /// An address as people write it, and its record; both are remembered.
    pub fn describe(&self, address: IpAddr) -> (SmolStr, GeoRecord) {
        let slot = self.memory.get(slot_of(address));
        // A slot may hold another address with the same hash, so the addresses are compared.
        if let Some(slot) = slot
            && let Some(known) = slot.read().as_ref().filter(|it| it.address == address)
        {
            return (known.text.clone(), known.record.clone());
        }
        let (text, record) = (address.to_smolstr(), self.look_up(address));
        // A worker that would have to wait for the slot leaves it to the next request.
        if let Some(mut slot) = slot.and_then(RwLock::try_write) {
            *slot = Some(Remembered {
                address,
                text: text.clone(),
                record: record.clone(),
            });
        }
        (text, record)
    }

    /// The record of an address. Facts that are unknown or cannot be read are empty.
    pub fn look_up(&self, address: IpAddr) -> GeoRecord {
        let mut record = GeoRecord::default();
        if let Some(found) = find_in(self.country.as_ref(), address) {
            record.country = text(&found, &["country", "iso_code"]);
            record.continent = text(&found, &["continent", "code"]);
        }
        if let Some(found) = find_in(self.asn.as_ref(), address) {
            record.asn = number(&found, "autonomous_system_number").unwrap_or_default();
            record.as_organization = text(&found, &["autonomous_system_organization"]);
        }
        record
    }
}

/// The entry of a database for an address.
type Found<'r> = LookupResult<'r, Vec<u8>>;

fn find_in(database: Option<&Reader<Vec<u8>>>, address: IpAddr) -> Option<Found<'_>> {
    // The file was verified when it was opened. An error is no reason to fail a request, so it counts as "unknown".
    database?.lookup(address).ok()
}

/// The text under a path of keys, "" when there is none.
fn text(found: &Found<'_>, keys: &[&str]) -> SmolStr {
    let path: SmallVec<[PathElement<'_>; 2]> =
        keys.iter().map(|key| PathElement::Key(key)).collect();
    let text = found.decode_path::<&str>(&path).ok().flatten();
    text.unwrap_or_default().into()
}

/// Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4). An attacker who chooses addresses that meet in
/// one slot has each of them looked up, as it would be without the memory.
fn slot_of(address: IpAddr) -> usize {
    let number = match address {
        IpAddr::V4(four) => u64::from(u32::from(four)),
        IpAddr::V6(six) => {
            let (high, low) = (
                u128::from(six) >> 64,
                u128::from(six) & u128::from(u64::MAX),
            );
            // Folded, so that both the network part and the host part of an address choose the slot.
            u64::try_from(high ^ low).unwrap_or_default()
        }
    };
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(spread).unwrap_or_default() % REMEMBERED
}

/// An unsigned number, however wide the writer made it: `MaxMind` writes 32 bits, other writers the narrowest that fits.
fn number(found: &Found<'_>, key: &str) -> Option<u32> {
    let path = [PathElement::Key(key)];
    // The reader does not convert between widths, and answers with an error when it is asked for another one.
    let wide = || found.decode_path::<u64>(&path).ok().flatten();
    let short = || found.decode_path::<u16>(&path).ok().flatten();
    (found.decode_path::<u32>(&path).ok().flatten())
        .or_else(|| short().map(u32::from))
        .or_else(|| wide().and_then(|number| u32::try_from(number).ok()))
}

fn open(
    which: &'static str,
    bytes: Option<Vec<u8>>,
) -> Result<Option<Reader<Vec<u8>>>, EngineError> {
    let Some(bytes) = bytes else { return Ok(None) };
    let broken = |error: maxminddb::MaxMindDbError| EngineError::GeoDatabase {
        which,
        detail: error.to_string(),
    };
    let reader = Reader::from_source(bytes).map_err(broken)?;
    reader.verify().map_err(broken)?;
    Ok(Some(reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The networks of the demo (`tests/data/README.md`).
    fn own_databases() -> GeoDatabases {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/geo/");
        let read = |name: &str| Some(std::fs::read(format!("{folder}{name}.mmdb")).unwrap());
        GeoDatabases::open(read("country"), read("asn")).unwrap()
    }

    /// The folder with the databases that others made for tests.
    fn public() -> Option<std::path::PathBuf> {
        let root = std::env::var_os("STARFORT_CORPORA").map(std::path::PathBuf::from);
        let folder = root.map(|root| root.join("geo"));
        if folder.is_none() {
            eprintln!("skipped: set STARFORT_CORPORA to a folder that has geo");
        }
        folder
    }

    /// The country and ASN databases that `MaxMind` publishes for tests.
    fn databases() -> Option<GeoDatabases> {
        let folder = public()?;
        let read = |name: &str| Some(std::fs::read(folder.join(name)).unwrap());
        let (country, asn) = ("GeoLite2-Country-Test.mmdb", "GeoLite2-ASN-Test.mmdb");
        Some(GeoDatabases::open(read(country), read(asn)).unwrap())
    }

    #[test]
    fn addresses_are_found() {
        let geo = own_databases();
        let record = geo.look_up("192.0.2.7".parse().unwrap());
        assert_eq!(
            (record.country.as_str(), record.continent.as_str()),
            ("DE", "EU")
        );
        assert_eq!(record.asn, 64_497);
        assert_eq!(geo.look_up("198.19.1.2".parse().unwrap()).asn, 64_500);
        assert_eq!(
            geo.look_up("127.0.0.1".parse().unwrap()),
            GeoRecord::default()
        );
    }

    #[test]
    fn addresses_of_the_test_databases_are_found() {
        let Some(geo) = databases() else { return };
        let record = geo.look_up("81.2.69.142".parse().unwrap());
        assert_eq!(
            (record.country.as_str(), record.continent.as_str()),
            ("GB", "EU")
        );
        assert_eq!(geo.look_up("1.128.0.0".parse().unwrap()).asn, 1221);
        assert_eq!(
            geo.look_up("127.0.0.1".parse().unwrap()),
            GeoRecord::default()
        );
    }

    #[test]
    fn what_is_remembered_is_what_a_look_up_says() {
        let geo = databases().unwrap_or_else(own_databases);
        let addresses: Vec<IpAddr> = (0x5102_4500_u32..)
            .step_by(7)
            .take(3 * REMEMBERED)
            .map(|address| std::net::Ipv4Addr::from(address).into())
            .chain(["2001:218::1".parse().unwrap(), "::1".parse().unwrap()])
            .collect();
        for address in addresses.iter().flat_map(|address| [address, address]) {
            let (text, record) = geo.describe(*address);
            assert_eq!(
                (&*text, &record),
                (&*address.to_string(), &geo.look_up(*address))
            );
        }
        let filled = geo.memory.iter().filter(|slot| slot.read().is_some());
        assert!(filled.count() > REMEMBERED / 2);
    }

    #[test]
    fn broken_databases_never_panic() {
        let Some(folder) = public() else { return };
        let mut stack = vec![folder.join("bad-data")];
        let mut files = 0;
        while let Some(path) = stack.pop() {
            if path.is_dir() {
                stack.extend(
                    std::fs::read_dir(path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            } else if let Ok(geo) = GeoDatabases::open(Some(std::fs::read(&path).unwrap()), None) {
                geo.look_up("1.1.1.1".parse().unwrap());
                geo.look_up("2001:218::1".parse().unwrap());
            }
            files += 1;
        }
        assert!(files > 3);
    }

    #[test]
    fn bytes_that_are_no_database_are_refused() {
        assert_eq!(
            GeoDatabases::open(Some(vec![0; 100]), None)
                .unwrap_err()
                .code(),
            "geo_database"
        );
    }
}
