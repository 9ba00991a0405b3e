//! The row of a request on which the engine failed before it knew anything.

use starfort_engine::event::{EventRow, MappedAddress};
use starfort_engine::{Engine, SmolStr, StreamEnd};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::clock::{monotonic_ns, now};

/// Says in `findings` that the row is not the engine's.
pub(crate) const FINDING: &str = "engine_failed";

/// What is known without the engine. Path and headers are not in it, so nothing in it has to be masked or hashed.
#[derive(Debug)]
pub(crate) struct Substitute {
    time_us: u64,
    begin_ns: u64,
    node: SmolStr,
    bundle: SmolStr,
    address: Ipv6Addr,
    protocol: &'static str,
}

impl Substitute {
    /// Remember what is known of the request.
    pub(crate) fn new(engine: &Engine, peer: Option<IpAddr>, protocol: &'static str) -> Self {
        Self {
            time_us: now().unix_us,
            begin_ns: monotonic_ns(),
            node: engine.node.clone(),
            bundle: engine.version.clone(),
            address: match peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            },
            protocol,
        }
    }

    /// The row.
    pub(crate) fn row(self, end: StreamEnd, status: u16) -> Box<EventRow> {
        let elapsed_us = monotonic_ns().saturating_sub(self.begin_ns) / 1000;
        // Detectors and people see that the engine failed here, and no other value that could be wrong.
        let mut row = EventRow::empty();
        row.time_us = self.time_us;
        row.node = self.node;
        row.bundle = self.bundle;
        row.address = MappedAddress(self.address);
        row.protocol = self.protocol;
        row.status = status;
        row.request_bytes = end.request_bytes;
        row.response_bytes = end.response_bytes;
        row.engine_us = end.engine_us;
        row.duration_us = u32::try_from(elapsed_us).unwrap_or(u32::MAX);
        row.findings = vec![FINDING.into()];
        Box::new(row)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row with nothing but an id.
    pub(crate) fn row(id: &str) -> EventRow {
        EventRow {
            id: id.into(),
            ..EventRow::empty()
        }
    }
}
