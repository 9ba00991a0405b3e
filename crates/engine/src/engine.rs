//! A bundle that was compiled for every stage, with the state that outlives bundles.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use smol_str::SmolStr;

use crate::bundle::{AddressList, Api, Bundle, Endpoint, Limits, OverLimit};
use crate::client::Clients;
use crate::client::address::AddressRanges;
use crate::client::bot::Bots;
use crate::client::geo::GeoDatabases;
use crate::contract::{Contracts, ContractsCache};
use crate::endpoint::{EndpointMatch, Found, Matcher};
use crate::error::EngineError;
use crate::hash::KeyedHash;
use crate::identity::Identities;
use crate::policy::Policies;
use crate::rate::RateTable;
use crate::response_traits::Errors;
use crate::rules::{Collections, FieldNames, Rules, RulesCache};
use crate::scan::Scanner;
use crate::sensitive::PathMask;
use crate::signals::SignalTable;
use crate::signals::known::KnownLogins;

/// Files that the host reads for the engine, which does no I/O.
#[derive(Default)]
pub struct Assets {
    /// `MaxMind` country database.
    pub country: Option<Vec<u8>>,
    /// `MaxMind` ASN database.
    pub asn: Option<Vec<u8>>,
}

/// State that a new bundle does not reset.
#[derive(Debug, Default)]
pub struct SharedState {
    /// The signals that detection has set.
    pub signals: SignalTable,
    /// The log-ins that succeeded before.
    pub known: KnownLogins,
    /// Rate counters.
    pub rates: RateTable,
    /// Collections of rules.
    pub collections: Collections,
    /// The schemas of the last bundle: a bundle with the same ones takes them over.
    pub contracts: ContractsCache,
    /// The rules of the last bundle: a bundle with the same ones takes them over.
    pub rules: RulesCache,
    /// What shapes have told lately.
    pub shapes: crate::shape::Memory,
    /// Conditions that were an error instead of true or false.
    pub policy_errors: AtomicU64,
    /// Requests and answers that broke a contract.
    pub contract_broken: AtomicU64,
    /// Those of them that were refused.
    pub contract_refused: AtomicU64,
}

/// The current instant, as the host's clocks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Wall clock, Unix microseconds.
    pub unix_us: u64,
    /// Monotonic clock, nanoseconds from any start.
    pub monotonic_ns: u64,
}

/// One bundle, ready to decide.
#[derive(Debug)]
pub struct Engine {
    /// Version of the bundle.
    pub version: SmolStr,
    /// Name of this node.
    pub node: SmolStr,
    /// Let requests pass when the engine itself fails.
    pub fail_open: bool,
    /// Connections that one client address may have at once; 0: any number.
    pub connections_per_address: u32,
    pub(crate) limits: Limits,
    pub(crate) scoped_limits: Vec<Limits>,
    /// The limits for reading a target before its endpoint is known: those of the longest target that any endpoint
    /// allows.
    pub(crate) target_limits: Limits,
    pub(crate) apis: Vec<Api>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) signal_kinds: Vec<String>,
    pub(crate) hash: KeyedHash,
    pub(crate) matcher: Matcher,
    pub(crate) clients: Clients,
    pub(crate) identities: Identities,
    pub(crate) lists: Vec<AddressRanges>,
    pub(crate) policies: Policies,
    pub(crate) scanner: Scanner,
    pub(crate) path_mask: PathMask,
    pub(crate) errors: Errors,
    /// Whether shapes are told.
    pub(crate) shapes: bool,
    // Shared with the cache in `SharedState`, so that the next bundle can take over the same rules.
    pub(crate) rules: Arc<Rules>,
    /// What the fields of each endpoint hold, which rules ask for.
    pub(crate) fields: FieldNames,
    /// What calls and answers are held to.
    pub(crate) contracts: Contracts,
    pub(crate) shared: Arc<SharedState>,
}

impl Engine {
    /// Compile a bundle.
    ///
    /// # Errors
    /// [`EngineError`], which names the part of the bundle, or the database, that is wrong. No half-made engine
    /// remains.
    pub fn new(
        bundle: Bundle,
        assets: Assets,
        shared: Arc<SharedState>,
    ) -> Result<Self, EngineError> {
        let list = |list: &AddressList| {
            AddressRanges::from_packed(&format!("list {}", list.name), &list.ranges)
        };
        let lists = bundle.lists.iter().map(list).collect::<Result<_, _>>()?;
        // The dearest part (CRS takes some 100 ms), which is kept when a bundle has the same rules as the last one.
        let rules = shared.rules.load(&bundle.rules)?;
        Ok(Self {
            hash: KeyedHash::new(&bundle.hash_key)?,
            matcher: Matcher::new(&bundle.apis, &bundle.endpoints)?,
            clients: clients(&bundle, assets)?,
            identities: Identities::new(&bundle.identity)?,
            lists,
            policies: Policies::new(&bundle)?,
            scanner: Scanner::new(&bundle.sensitive_classes)?,
            path_mask: PathMask::default(),
            errors: Errors::default(),
            rules,
            contracts: Contracts::compile(&bundle.contracts, &shared.contracts)?,
            fields: FieldNames::new(&bundle.content, &bundle.endpoints),
            shared,
            target_limits: longest_target(&bundle),
            version: bundle.version.into(),
            node: bundle.node.into(),
            fail_open: bundle.fail_open,
            shapes: bundle.shapes,
            connections_per_address: bundle.connections_per_address,
            limits: bundle.limits,
            scoped_limits: bundle.scoped_limits,
            apis: bundle.apis,
            endpoints: bundle.endpoints,
            signal_kinds: bundle.signal_kinds,
        })
    }

    /// State shared by all bundles.
    pub fn shared(&self) -> &SharedState {
        &self.shared
    }

    /// Whether an address is one of the trusted proxies.
    pub fn is_trusted_proxy(&self, address: std::net::IpAddr) -> bool {
        self.clients.trusted_proxies.contains(address)
    }

    /// The limits of the endpoint, or else of its API, or else those of the whole configuration.
    pub(crate) fn limits_of(&self, matched: EndpointMatch) -> &Limits {
        let own = self
            .endpoint(matched.endpoint)
            .and_then(|endpoint| endpoint.limits);
        let index = own.or_else(|| self.api(matched.api).and_then(|api| api.limits));
        index
            .and_then(|index| self.scoped_limits.get(index as usize))
            .unwrap_or(&self.limits)
    }

    /// The limits of a request. When servers could read it as calls of several endpoints, the strictest limits hold:
    /// those that refuse what is over them before those that let it pass, then those that inspect more.
    pub(crate) fn limits_of_call(&self, found: &Found) -> &Limits {
        let laxity = |limits: &&Limits| {
            (
                limits.over_limit == OverLimit::Pass,
                limits.over_limit_files == OverLimit::Pass,
                // Reversed: limits that inspect more are stricter, so they sort first.
                std::cmp::Reverse(limits.request_body_bytes),
            )
        };
        let others = found.also.iter().map(|seen| self.limits_of(seen.matched));
        others.fold(self.limits_of(found.matched), |one, other| {
            if laxity(&other) < laxity(&one) {
                other
            } else {
                one
            }
        })
    }

    pub(crate) fn api(&self, index: Option<u32>) -> Option<&Api> {
        self.apis.get(index? as usize)
    }

    pub(crate) fn endpoint(&self, index: Option<u32>) -> Option<&Endpoint> {
        self.endpoints.get(index? as usize)
    }
}

fn clients(bundle: &Bundle, assets: Assets) -> Result<Clients, EngineError> {
    let proxies = &bundle.trusted_proxies;
    Ok(Clients {
        trusted_proxies: AddressRanges::from_packed("trusted_proxies", proxies)?,
        geo: GeoDatabases::open(assets.country, assets.asn)?,
        bots: Bots::new(&bundle.bots)?,
    })
}

/// The general limits, with the longest target that any API or endpoint allows.
fn longest_target(bundle: &Bundle) -> Limits {
    let scoped = bundle.scoped_limits.iter().map(|limits| limits.uri_bytes);
    Limits {
        uri_bytes: scoped.fold(bundle.limits.uri_bytes, u32::max),
        ..bundle.limits.clone()
    }
}
