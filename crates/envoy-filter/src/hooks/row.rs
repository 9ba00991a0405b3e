//! The row of a request on which the engine failed before it knew anything.

use starfort_engine::event::EventRow;
use starfort_engine::{Engine, StreamEnd};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::clock::{monotonic_ns, now};

/// Says in `findings` that the row is not the engine's.
pub(crate) const FINDING: &str = "engine_failed";

/// What is known without the engine: nothing that would have to be masked or hashed.
#[derive(Debug)]
pub(crate) struct Substitute {
    time_us: u64,
    begin_ns: u64,
    node: String,
    bundle: String,
    address: Ipv6Addr,
    protocol: &'static str,
}

impl Substitute {
    /// Remember what there is.
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
        let mut row = empty();
        row.time_us = self.time_us;
        row.node = self.node;
        row.bundle = self.bundle;
        row.address = self.address;
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

fn empty() -> EventRow {
    EventRow {
        time_us: 0,
        id: String::new(),
        node: String::new(),
        bundle: String::new(),
        api: String::new(),
        endpoint_id: String::new(),
        method: String::new(),
        scheme: String::new(),
        host: String::new(),
        path: String::new(),
        template: String::new(),
        protocol: "",
        status: 0,
        upstream: String::new(),
        request_bytes: 0,
        response_bytes: 0,
        duration_us: 0,
        engine_us: 0,
        address: Ipv6Addr::UNSPECIFIED,
        country: String::new(),
        asn: 0,
        as_organization: String::new(),
        ja4: String::new(),
        fingerprint: String::new(),
        user_agent: String::new(),
        bot: "none",
        bot_name: String::new(),
        identity_kind: "none",
        identity_verified: false,
        subject: String::new(),
        subject_hash: String::new(),
        credential_hash: String::new(),
        identity_error: "",
        account_hash: String::new(),
        password_hash: String::new(),
        session_hash: String::new(),
        auth_seen: Vec::new(),
        content_type: String::new(),
        response_content_type: String::new(),
        parameters: Vec::new(),
        object_hash: String::new(),
        anomalies: Vec::new(),
        findings: Vec::new(),
        sensitive_request: Vec::new(),
        sensitive_response: Vec::new(),
        sensitive_response_count: 0,
        signals: Vec::new(),
        action: "allow",
        policy: String::new(),
        tags: Vec::new(),
        observed: Vec::new(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row with nothing but an id.
    pub(crate) fn row(id: &str) -> EventRow {
        EventRow {
            id: id.into(),
            ..empty()
        }
    }
}
