//! Who is calling, as far as the network and the way of calling show it.

pub mod address;
pub mod bot;
pub mod fingerprint;
pub mod geo;

use std::net::{IpAddr, Ipv6Addr};

use address::AddressRanges;
use bot::{BotClass, Bots};
use geo::{GeoDatabases, GeoRecord};
use smol_str::{SmolStr, ToSmolStr, format_smolstr};

use crate::headers::{Headers, lossy};

/// The client of a request.
#[derive(Debug, Clone)]
pub struct Client {
    /// Address behind trusted proxies.
    pub address: IpAddr,
    /// The address as text.
    pub address_text: SmolStr,
    /// `X-Forwarded-For` came from a peer that is not trusted.
    pub forged_forwarding: bool,
    /// A trusted proxy passed on an entry that is no address.
    pub malformed_forwarding: bool,
    /// Country and network.
    pub geo: GeoRecord,
    /// TLS fingerprint that Envoy made, "" without TLS.
    pub ja4: SmolStr,
    /// See [`fingerprint`].
    pub fingerprint: SmolStr,
    /// User agent, at most [`bot::MAX_USER_AGENT_BYTES`], invalid UTF-8 replaced.
    pub user_agent: SmolStr,
    /// Kind of caller.
    pub bot: BotClass,
    /// Name of the known bot.
    pub bot_name: SmolStr,
}

/// What the bundle brings for this stage.
#[derive(Debug)]
pub struct Clients {
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: AddressRanges,
    /// Country and network.
    pub geo: GeoDatabases,
    /// Known bots.
    pub bots: Bots,
}

impl Client {
    /// The network that the client comes from: `asn:64500`, or where that is not known the /24 of an IPv4 address, the /48 of
    /// an IPv6 address. The store's rollups of log-ins have the same text, so both must change together.
    pub fn network(&self) -> SmolStr {
        if self.geo.asn != 0 {
            return format_smolstr!("asn:{}", self.geo.asn);
        }
        match self.address.to_canonical() {
            IpAddr::V4(four) => {
                let [a, b, c, _] = four.octets();
                format_smolstr!("{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(six) => format_smolstr!("{}/48", begins(six, 48)),
        }
    }

    /// The address by which log-ins are remembered. For IPv6 it is the /64, because hosts choose the rest anew each day
    /// (RFC 8981).
    pub fn home(&self) -> SmolStr {
        match self.address.to_canonical() {
            IpAddr::V4(_) => self.address_text.clone(),
            IpAddr::V6(six) => begins(six, 64).to_smolstr(),
        }
    }
}

/// The first bits of an address, the rest zero.
fn begins(address: Ipv6Addr, bits: u32) -> Ipv6Addr {
    let rest = u128::MAX.checked_shr(bits).unwrap_or_default();
    Ipv6Addr::from(u128::from(address) & !rest)
}

impl Clients {
    /// Work out the client of a request. `peer`: the direct remote address.
    pub fn identify(&self, peer: IpAddr, protocol: &str, headers: &Headers) -> Client {
        // All of the headers: a proxy may add one of its own instead of extending the first (RFC 9110, 5.3).
        let forwarded: smallvec::SmallVec<[&[u8]; 4]> = headers
            .iter()
            .filter(|(name, _)| *name == b"x-forwarded-for")
            .map(|(_, value)| value)
            .collect();
        let found = address::client(peer, forwarded.into_iter(), &self.trusted_proxies);
        let user_agent = lossy(headers.get("user-agent").unwrap_or_default());
        let user_agent = bot::truncate(&user_agent, bot::MAX_USER_AGENT_BYTES);
        let (bot, bot_name) = self.bots.classify(user_agent);
        let (address_text, geo) = self.geo.describe(found.address);
        Client {
            address: found.address,
            address_text,
            forged_forwarding: found.forged,
            malformed_forwarding: found.malformed,
            geo,
            ja4: headers
                .text("x-starfort-ja4")
                // Envoy writes `-` for what is not there (a connection without TLS).
                .filter(|ja4| *ja4 != "-")
                .unwrap_or_default()
                .into(),
            fingerprint: fingerprint::of(protocol, headers),
            user_agent: user_agent.into(),
            bot,
            bot_name: bot_name.into(),
        }
    }
}
