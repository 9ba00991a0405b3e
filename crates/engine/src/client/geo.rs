//! Country and network of an address, from `MaxMind` databases.

use std::net::IpAddr;

use maxminddb::{LookupResult, PathElement, Reader};
use parking_lot::RwLock;
use smol_str::{SmolStr, ToSmolStr};

use crate::error::EngineError;

/// Addresses that are remembered, each in the one slot that its hash names: some 150 KB. Clients call more than once,
/// and a look-up walks through two databases of megabytes.
const REMEMBERED: usize = 1024;

/// The databases; bytes are the host's to read.
#[derive(Default)]
pub struct GeoDatabases {
    country: Option<Reader<Vec<u8>>>,
    asn: Option<Reader<Vec<u8>>>,
    memory: Box<[RwLock<Option<Remembered>>]>,
}

struct Remembered {
    address: IpAddr,
    text: SmolStr,
    place: Place,
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

/// What is known of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// ISO 3166-1 alpha-2, "" unknown.
    pub country: SmolStr,
    /// `AF AN AS EU NA OC SA`, "" unknown.
    pub continent: SmolStr,
    /// Autonomous system number, 0 unknown.
    pub asn: u32,
    /// Its organisation.
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

    /// An address as people write it, and [`Self::place`]; remembered.
    pub fn describe(&self, address: IpAddr) -> (SmolStr, Place) {
        let slot = self.memory.get(slot_of(address));
        if let Some(slot) = slot
            && let Some(known) = slot.read().as_ref().filter(|it| it.address == address)
        {
            return (known.text.clone(), known.place.clone());
        }
        let (text, place) = (address.to_smolstr(), self.place(address));
        // Whoever would have to wait leaves it to the next request.
        if let Some(mut slot) = slot.and_then(RwLock::try_write) {
            *slot = Some(Remembered {
                address,
                text: text.clone(),
                place: place.clone(),
            });
        }
        (text, place)
    }

    /// Look an address up; unknown and unreadable entries leave fields empty.
    pub fn place(&self, address: IpAddr) -> Place {
        let mut place = Place::default();
        if let Some(found) = self
            .country
            .as_ref()
            .and_then(|reader| reader.lookup(address).ok())
        {
            let text = |path: &[PathElement<'_>]| {
                found
                    .decode_path::<&str>(path)
                    .ok()
                    .flatten()
                    .unwrap_or_default()
            };
            place.country =
                text(&[PathElement::Key("country"), PathElement::Key("iso_code")]).into();
            place.continent =
                text(&[PathElement::Key("continent"), PathElement::Key("code")]).into();
        }
        if let Some(found) = self
            .asn
            .as_ref()
            .and_then(|reader| reader.lookup(address).ok())
        {
            place.asn = number(&found, "autonomous_system_number").unwrap_or_default();
            place.as_organization = found
                .decode_path::<&str>(&[PathElement::Key("autonomous_system_organization")])
                .ok()
                .flatten()
                .unwrap_or_default()
                .into();
        }
        place
    }
}

/// Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4). Who chooses addresses that meet in one slot
/// has them looked up each time, as without a memory.
fn slot_of(address: IpAddr) -> usize {
    let number = match address {
        IpAddr::V4(four) => u64::from(u32::from(four)),
        IpAddr::V6(six) => {
            let (high, low) = (
                u128::from(six) >> 64,
                u128::from(six) & u128::from(u64::MAX),
            );
            u64::try_from(high ^ low).unwrap_or_default()
        }
    };
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(spread).unwrap_or_default() % REMEMBERED
}

/// An unsigned number, however wide the writer made it: MaxMind's are 32 bits, other writers take what fits.
fn number(found: &LookupResult<'_, Vec<u8>>, key: &str) -> Option<u32> {
    let path = [PathElement::Key(key)];
    let wide = || found.decode_path::<u64>(&path).ok().flatten();
    found
        .decode_path::<u32>(&path)
        .ok()
        .flatten()
        .or_else(|| {
            found
                .decode_path::<u16>(&path)
                .ok()
                .flatten()
                .map(u32::from)
        })
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

    fn corpus() -> Option<std::path::PathBuf> {
        let folder = std::env::var_os("STARFORT_CORPORA")
            .map_or_else(
                || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora").into(),
                std::path::PathBuf::from,
            )
            .join("geo");
        if !folder.is_dir() {
            eprintln!("skipped: no geo corpus at {}", folder.display());
            return None;
        }
        Some(folder)
    }

    #[test]
    fn addresses_of_the_test_databases_are_found() {
        let Some(folder) = corpus() else { return };
        let read = |name: &str| Some(std::fs::read(folder.join(name)).unwrap());
        let geo = GeoDatabases::open(
            read("GeoLite2-Country-Test.mmdb"),
            read("GeoLite2-ASN-Test.mmdb"),
        )
        .unwrap();
        let place = geo.place("81.2.69.142".parse().unwrap());
        assert_eq!(
            (place.country.as_str(), place.continent.as_str()),
            ("GB", "EU")
        );
        assert_eq!(geo.place("1.128.0.0".parse().unwrap()).asn, 1221);
        assert_eq!(geo.place("127.0.0.1".parse().unwrap()), Place::default());
    }

    #[test]
    fn what_is_remembered_is_what_a_look_up_says() {
        let Some(folder) = corpus() else { return };
        let read = |name: &str| Some(std::fs::read(folder.join(name)).unwrap());
        let geo = GeoDatabases::open(
            read("GeoLite2-Country-Test.mmdb"),
            read("GeoLite2-ASN-Test.mmdb"),
        )
        .unwrap();
        let addresses: Vec<IpAddr> = (0x5102_4500_u32..)
            .step_by(7)
            .take(3 * REMEMBERED)
            .map(|address| std::net::Ipv4Addr::from(address).into())
            .chain(["2001:218::1".parse().unwrap(), "::1".parse().unwrap()])
            .collect();
        for address in addresses.iter().flat_map(|address| [address, address]) {
            let (text, place) = geo.describe(*address);
            assert_eq!(
                (&*text, &place),
                (&*address.to_string(), &geo.place(*address))
            );
        }
        let filled = geo.memory.iter().filter(|slot| slot.read().is_some());
        assert!(filled.count() > REMEMBERED / 2);
    }

    #[test]
    fn broken_databases_never_panic() {
        let Some(folder) = corpus() else { return };
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
                geo.place("1.1.1.1".parse().unwrap());
                geo.place("2001:218::1".parse().unwrap());
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
