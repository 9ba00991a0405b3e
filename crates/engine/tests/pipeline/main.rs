//! Whole requests through the pipeline: what attackers and accidents send, what is spelled so that it is taken for
//! something else, and what is over a limit.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot read its input must fail"
)]

mod bad_input;
mod evasion;
mod events;
mod limits;
#[path = "../support/mod.rs"]
mod support;

use std::net::{IpAddr, Ipv4Addr};

use starfort_engine::bundle::Bundle;
use starfort_engine::{Assets, Engine, Now};

const NOW: Now = Now {
    unix_us: 1_700_000_000_000_000,
    monotonic_ns: 1_000_000_000,
};

/// A client outside every list and every trusted range.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

fn engine(bundle: Bundle) -> Engine {
    Engine::new(bundle, Assets::default(), std::sync::Arc::default()).unwrap()
}
