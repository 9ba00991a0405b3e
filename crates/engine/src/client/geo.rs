//! Country and network of an address, from `MaxMind` databases.

use std::net::IpAddr;

use maxminddb::{LookupResult, PathElement, Reader};
use smol_str::SmolStr;

use crate::error::EngineError;

/// The databases; bytes are the host's to read.
#[derive(Default)]
pub struct GeoDatabases {
    country: Option<Reader<Vec<u8>>>,
    asn: Option<Reader<Vec<u8>>>,
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
        })
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
