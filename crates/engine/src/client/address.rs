//! Which address a request comes from, and which address lists it is on.

use std::net::{IpAddr, Ipv6Addr};

use crate::error::EngineError;

/// The most entries of `X-Forwarded-For` that are read, from the right. Chains of proxies are short, and the client
/// wrote what is beyond.
const MAX_FORWARDED: usize = 32;

/// Sorted, merged ranges of addresses, both ends included, as 128-bit numbers (IPv4 mapped to IPv6).
#[derive(Debug, Default)]
pub struct AddressRanges(Vec<(u128, u128)>);

impl AddressRanges {
    /// Read packed ranges (see [`crate::bundle::AddressList::ranges`]).
    ///
    /// # Errors
    /// [`EngineError::BundleInvalid`] when the length is no multiple of 32 or the ranges are not sorted and apart.
    pub fn from_packed(part: &str, packed: &[u8]) -> Result<Self, EngineError> {
        let (chunks, rest) = packed.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(EngineError::invalid(
                part,
                format!("{} bytes are no multiple of 32", packed.len()),
            ));
        }
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte))
        };
        let ranges: Vec<_> = chunks
            .iter()
            .map(|chunk| {
                let (first, last) = chunk.split_at(16);
                (number(first), number(last))
            })
            .collect();
        // Checked once, here, because a binary search gives wrong answers when ranges overlap.
        let upright = ranges.iter().all(|(first, last)| first <= last);
        let sorted = ranges
            .iter()
            .zip(ranges.iter().skip(1))
            .all(|(one, next)| one.1 < next.0);
        if !upright || !sorted {
            return Err(EngineError::invalid(
                part,
                "the address ranges are not sorted and apart",
            ));
        }
        Ok(Self(ranges))
    }

    /// Whether the address is in one of the ranges, by a binary search.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = number(address);
        // The last range that begins at or before the address is the only one that can hold it.
        let after = self.0.partition_point(|(first, _)| *first <= address);
        after
            .checked_sub(1)
            .and_then(|index| self.0.get(index))
            .is_some_and(|(_, last)| address <= *last)
    }
}

/// The address as a 128-bit number, IPv4 mapped.
pub fn number(address: IpAddr) -> u128 {
    u128::from(mapped(address))
}

/// The address as IPv6, IPv4 mapped (RFC 4291, 2.5.5.2).
pub fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped(),
        IpAddr::V6(six) => six,
    }
}

/// Parse `address`, `address:port` or `[address]:port`; a mapped IPv6 address comes back as IPv4.
pub fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let parsed = text.parse::<IpAddr>().ok().or_else(|| {
        if let Some(bracketed) = text.strip_prefix('[') {
            return bracketed
                .split_once(']')
                .and_then(|(inside, _)| inside.parse().ok());
        }
        // An IPv6 address has colons too, but without brackets it was parsed as a whole above.
        let (address, port) = text.rsplit_once(':')?;
        port.parse::<u16>().ok()?;
        address.parse().ok()
    })?;
    // One form for both, because lists and counters must not treat a client as two.
    Some(parsed.to_canonical())
}

/// The client's address behind trusted proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress {
    /// The client: the direct peer, or the rightmost address of `X-Forwarded-For` that no trusted proxy has.
    pub address: IpAddr,
    /// `X-Forwarded-For` came from a peer that is not trusted, so it was ignored.
    pub forged: bool,
    /// An entry that a trusted proxy passed on is not an address, so the entry to its right was used.
    pub malformed: bool,
}

/// The client's address: `peer` unless it is a trusted proxy, else the rightmost entry of the
/// `X-Forwarded-For` values that is not a trusted proxy itself.
pub fn client<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusted: &AddressRanges,
) -> ClientAddress {
    // Empty elements of a list do not count (RFC 9110, 5.6.1.2): `203.0.113.9,` has one address.
    let mut forwarded = forwarded
        .rev()
        .flat_map(|value| value.rsplit(|byte| *byte == b','))
        .filter(|entry| !entry.trim_ascii().is_empty())
        .peekable();
    // A listener for both address families sees IPv4 clients as mapped IPv6 addresses.
    let peer = peer.to_canonical();
    let is_trusted = trusted.contains(peer);
    let mut found = ClientAddress {
        address: peer,
        forged: !is_trusted && forwarded.peek().is_some(),
        malformed: false,
    };
    if !is_trusted {
        return found;
    }
    // From the right: each proxy appends the peer it saw, so only what trusted proxies wrote is believed.
    for entry in forwarded.take(MAX_FORWARDED) {
        match std::str::from_utf8(entry).ok().and_then(parse) {
            None => {
                // It passed through a proxy that writes something else, so nothing before it is believed.
                found.malformed = true;
                break;
            }
            Some(address) => {
                found.address = address;
                if !trusted.contains(address) {
                    break;
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &[(&str, &str)]) -> AddressRanges {
        let mut packed = Vec::new();
        for (first, last) in text {
            packed.extend(mapped(first.parse().unwrap()).octets());
            packed.extend(mapped(last.parse().unwrap()).octets());
        }
        AddressRanges::from_packed("test", &packed).unwrap()
    }

    fn seen(peer: &str, forwarded: &[&str]) -> ClientAddress {
        let trusted = ranges(&[("10.0.0.0", "10.255.255.255")]);
        client(
            peer.parse().unwrap(),
            forwarded.iter().map(|value| value.as_bytes()),
            &trusted,
        )
    }

    #[test]
    fn ranges_include_both_ends() {
        let ranges = ranges(&[("10.0.0.0", "10.0.0.9"), ("10.0.1.0", "10.0.1.0")]);
        for (address, inside) in [
            ("10.0.0.0", true),
            ("10.0.0.9", true),
            ("10.0.0.10", false),
            ("10.0.1.0", true),
            ("9.255.255.255", false),
            ("::ffff:10.0.0.3", true),
            ("::1", false),
        ] {
            assert_eq!(
                ranges.contains(address.parse().unwrap()),
                inside,
                "{address}"
            );
        }
    }

    #[test]
    fn unsorted_ranges_are_refused() {
        assert!(AddressRanges::from_packed("x", &[0; 31]).is_err());
        let mut packed = vec![1; 32];
        packed.extend([0; 32]);
        assert!(AddressRanges::from_packed("x", &packed).is_err());
    }

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_claims() {
        let found = seen("203.0.113.5", &["1.2.3.4"]);
        assert_eq!(found.address.to_string(), "203.0.113.5");
        assert!(found.forged);
        assert!(!seen("203.0.113.5", &[]).forged);
    }

    #[test]
    fn the_rightmost_untrusted_entry_is_the_client() {
        let found = seen("10.1.1.1", &["6.6.6.6, 203.0.113.9", " 10.2.2.2"]);
        assert_eq!(found.address.to_string(), "203.0.113.9");
        assert!(!found.forged && !found.malformed);
        assert_eq!(
            seen("10.1.1.1", &["10.3.3.3"]).address.to_string(),
            "10.3.3.3"
        );
    }

    #[test]
    fn empty_elements_are_ignored() {
        for forwarded in [
            &["203.0.113.9,"][..],
            &["203.0.113.9, ,\t,"],
            &[",203.0.113.9", ""],
            &["6.6.6.6,,203.0.113.9,, 10.2.2.2 ,"],
        ] {
            let found = seen("10.1.1.1", forwarded);
            assert_eq!(found.address.to_string(), "203.0.113.9", "{forwarded:?}");
            assert!(!found.malformed, "{forwarded:?}");
        }
        let none = seen("10.1.1.1", &["", " , ,"]);
        assert_eq!(none.address.to_string(), "10.1.1.1");
        assert!(!none.malformed);
        assert!(!seen("203.0.113.5", &[", ,"]).forged, "nothing is claimed");
    }

    #[test]
    fn empty_elements_do_not_hide_the_client_behind_the_bound() {
        let hidden = format!("203.0.113.9{}", ",".repeat(10 * MAX_FORWARDED));
        assert_eq!(
            seen("10.1.1.1", &[&hidden]).address.to_string(),
            "203.0.113.9"
        );
    }

    #[test]
    fn an_entry_that_is_no_address_ends_the_chain() {
        let found = seen("10.1.1.1", &["1.1.1.1, unknown, 10.2.2.2"]);
        assert_eq!(found.address.to_string(), "10.2.2.2");
        assert!(found.malformed);
    }

    #[test]
    fn addresses_come_with_and_without_ports() {
        for (text, address) in [
            ("1.2.3.4:80", "1.2.3.4"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            (" ::ffff:1.2.3.4", "1.2.3.4"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), address);
        }
        for text in ["", "1.2.3", "1.2.3.4:99999", "[::1", "a"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
