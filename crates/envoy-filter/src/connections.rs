//! Counts the connections that each client address has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

/// Connections by the address that they count for. There is one entry for each address that has a connection, so there are
/// never more entries than Envoy has connections.
// One lock for all addresses: it is taken twice in the life of a connection, beside system calls that cost far more.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<HashMap<Ipv6Addr, u32>>);

/// An open connection; it counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Open {
    connections: Arc<Connections>,
    whose: Ipv6Addr,
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.connections.0.lock().entry(self.whose) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                // Otherwise the map would grow with every address that ever connected.
                entry.remove();
            }
        }
    }
}

impl Connections {
    /// Count one more connection from `address`. Returns `None` when the address has `most` already.
    pub(crate) fn open(self: &Arc<Self>, address: IpAddr, most: u32) -> Option<Open> {
        let whose = whose(address);
        let mut counts = self.0.lock();
        let count = counts.entry(whose).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Open {
            connections: Arc::clone(self),
            whose,
        })
    }
}

/// What an address counts as: IPv4 as itself, IPv6 as its network of 64 bits, because a single customer has at least that
/// much (RFC 6177, 2; RFC 7421) and could take another address for each connection.
fn whose(address: IpAddr) -> Ipv6Addr {
    match address.to_canonical() {
        IpAddr::V4(four) => four.to_ipv6_mapped(),
        IpAddr::V6(six) => Ipv6Addr::from(u128::from(six) >> 64 << 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_connections_and_others_have_theirs() {
        let connections = Arc::new(Connections::default());
        let open = |text| connections.open(address(text), 2);
        let (one, two) = (open("192.0.2.1"), open("::ffff:192.0.2.1"));
        assert!(one.is_some() && two.is_some());
        assert!(open("192.0.2.1").is_none(), "the mapped form is the same");
        assert!(open("192.0.2.2").is_some());
        drop(one);
        assert!(open("192.0.2.1").is_some());
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let connections = Arc::new(Connections::default());
        let open = |text| connections.open(address(text), 1);
        let _kept = open("2001:db8:0:1::1");
        assert!(open("2001:db8:0:1:ffff::2").is_none());
        assert!(open("2001:db8:0:2::1").is_some());
    }

    #[test]
    fn closed_connections_take_no_memory() {
        let connections = Arc::new(Connections::default());
        for last in 0..=255 {
            drop(connections.open(IpAddr::from([192, 0, 2, last]), 1));
        }
        assert!(connections.0.lock().is_empty());
    }
}
