//! The operator `ipMatch`.

use std::net::IpAddr;

/// Networks of both address families, as address and mask.
#[derive(Debug, Default)]
pub(crate) struct Networks(Vec<(u128, u128)>);

/// An address as a number. IPv4 addresses are mapped to IPv6 (RFC 4291, section 2.5.5.2), so one comparison serves both
/// families.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

impl Networks {
    /// Reads addresses and networks, such as `192.0.2.1`, `192.0.2.0/24` and `2001:db8::/32`.
    pub(crate) fn new(texts: &[String]) -> Result<Self, String> {
        let parsed = texts.iter().map(|text| {
            parse(text.trim()).ok_or_else(|| format!("ipMatch: {text:?} is no address or network"))
        });
        Ok(Self(parsed.collect::<Result<_, _>>()?))
    }

    pub(crate) fn contains(&self, value: &[u8]) -> bool {
        let address = std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.trim().parse::<IpAddr>().ok());
        address.is_some_and(|address| {
            let number = number(address);
            self.0
                .iter()
                .any(|(network, mask)| number & mask == *network)
        })
    }
}

fn parse(text: &str) -> Option<(u128, u128)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    // In the mapped form, the mask of an IPv4 network begins after 96 bits.
    let (bits, offset) = if address.is_ipv4() {
        (32, 96)
    } else {
        (128, 0)
    };
    let length = length.unwrap_or(bits);
    if length > bits {
        return None;
    }
    // A shift by all 128 bits overflows; it is the network `::/0`, whose mask is 0.
    let mask = u128::MAX.checked_shl(128 - offset - length).unwrap_or(0);
    Some((number(address) & mask, mask))
}
