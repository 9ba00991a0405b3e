//! A transaction as policies see it, in each reading of its path.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::{HashMap, HashSet};

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::bundle::{Api, Field};
use crate::client::address;
use crate::endpoint::EndpointMatch;
use crate::engine::{Engine, Now};
use crate::headers::Headers;
use crate::http::{Location, Parameters};
use crate::policy::value::{Facts, Value, Values};
use crate::policy::{Scope, World};
use crate::signals::ActiveSignal;
use crate::transaction::Transaction;

/// Which API and endpoint is called, in each reading of the path. The first reading is the one that counts.
pub(crate) fn scopes(transaction: &Transaction, now: Now) -> SmallVec<[Scope; 1]> {
    let scope = |matched: &EndpointMatch, grants_only| Scope {
        api: matched.api,
        endpoint: matched.endpoint,
        grants_only,
        unix_s: now.unix_us / 1_000_000,
        monotonic_ns: now.monotonic_ns,
    };
    let found = &transaction.found;
    let also = found.also.iter();
    std::iter::once(scope(&found.matched, false))
        .chain(also.map(|seen| scope(&seen.matched, seen.grants_only)))
        .collect()
}

/// The request in each reading of its path.
pub(crate) fn worlds<'a>(
    transaction: &'a Transaction,
    engine: &'a Engine,
    now: Now,
) -> SmallVec<[World<View<'a>>; 1]> {
    let found = &transaction.found;
    // `None` is the reading that counts, which `scopes` has first too.
    let seen = std::iter::once(None).chain(found.also.iter().map(Some));
    scopes(transaction, now)
        .into_iter()
        .zip(seen)
        .map(|(scope, seen)| World {
            scope,
            facts: View {
                transaction,
                engine,
                path: seen.map_or(&found.path, |seen| &seen.path),
                matched: seen.map_or(&found.matched, |seen| &seen.matched),
                by_name: ByName::default(),
            },
        })
        .collect()
}

/// The location of the parameters that a field of policies is about.
fn location_of(field: Field) -> Option<Location> {
    match field {
        Field::RequestQuery => Some(Location::Query),
        Field::RequestCookies => Some(Location::Cookie),
        Field::RequestBody => Some(Location::Body),
        _ => None,
    }
}

/// A transaction as policies see it, in one reading of its path.
#[derive(Debug, Clone)]
pub(crate) struct View<'a> {
    transaction: &'a Transaction,
    engine: &'a Engine,
    path: &'a str,
    matched: &'a EndpointMatch,
    by_name: ByName<'a>,
}

/// Parameters by name. The index is made when it pays: a macro over a large body asks for each of its names, and going
/// through all parameters each time would be quadratic.
#[derive(Debug, Clone, Default)]
struct ByName<'a> {
    asked: Cell<u32>,
    index: OnceCell<HashMap<(Location, &'a str), SameName<'a>>>,
}

/// Values in the order of arrival.
type SameName<'a> = SmallVec<[&'a str; 1]>;

/// From how many parameters and how many questions on there is an index. Going through 100 parameters takes as long as
/// a look-up in the index, and making the index takes as long as going through them thirty times.
const INDEX_FROM: (usize, u32) = (100, 30);

impl<'a> ByName<'a> {
    /// The values of a name, in the order of arrival.
    fn values(&self, parameters: &'a Parameters, location: Location, name: &str) -> Values<'_> {
        let (size, asked) = INDEX_FROM;
        // A `Cell`, because conditions are evaluated through a shared reference, by one thread.
        self.asked.set(self.asked.get().saturating_add(1));
        if parameters.len() < size || self.asked.get() < asked {
            return parameters.all(location, name).map(Cow::Borrowed).collect();
        }
        let index = self.index.get_or_init(|| {
            let mut index: HashMap<_, SameName<'_>> = HashMap::new();
            for one in parameters.iter() {
                let values = index.entry((one.location, one.name)).or_default();
                values.push(one.value);
            }
            index
        });
        let values = index.get(&(location, name)).into_iter().flatten();
        values.map(|value| Cow::Borrowed(*value)).collect()
    }
}

impl View<'_> {
    fn signal(&self, index: u32) -> Option<&ActiveSignal> {
        let kind = self.engine.signal_kinds.get(index as usize)?;
        self.transaction
            .signals
            .iter()
            .find(|signal| &*signal.kind == kind.as_str())
    }

    fn api(&self) -> Option<&Api> {
        self.engine.api(self.matched.api)
    }

    /// The endpoint's template; the path itself when it belongs to none.
    fn endpoint_path(&self) -> &str {
        let endpoint = self.engine.endpoint(self.matched.endpoint);
        endpoint.map_or(self.path, |endpoint| &endpoint.path)
    }

    /// The value of a field about the caller: of the client or of the identity.
    fn caller(&self, field: Field) -> Value<'_> {
        let (client, identity) = (&self.transaction.client, &self.transaction.identity);
        match field {
            Field::ClientAddress => text(&client.address_text),
            Field::ClientCountry => text(&client.geo.country),
            Field::ClientContinent => text(&client.geo.continent),
            Field::ClientAsn => Value::Int(client.geo.asn.into()),
            Field::ClientAsOrganization => text(&client.geo.as_organization),
            Field::ClientJa4 => text(&client.ja4),
            Field::ClientFingerprint => text(&client.fingerprint),
            Field::ClientBot => text(client.bot.code()),
            Field::ClientBotName => text(&client.bot_name),
            Field::ClientUserAgent => text(&client.user_agent),
            Field::IdentityKind => text(identity.kind.code()),
            Field::IdentityVerified => Value::Bool(identity.verified()),
            Field::IdentitySubject => text(&identity.subject),
            Field::IdentityIssuer => text(&identity.issuer),
            Field::IdentityError => text(identity.error),
            // Collections never come here (`is_collection`).
            _ => Value::Null,
        }
    }

    /// Labels of the API and of the endpoint.
    fn labels(&self) -> impl Iterator<Item = &str> {
        // One reading of a request belongs to one API and one endpoint, and a label of either counts.
        let api = self.api().map(|api| &api.labels);
        let endpoint = self.engine.endpoint(self.matched.endpoint);
        let of_both = api
            .into_iter()
            .chain(endpoint.map(|endpoint| &endpoint.labels));
        of_both.flatten().map(String::as_str)
    }
}

impl Facts for View<'_> {
    fn has_element(&self, field: Field, text: &str) -> bool {
        match field {
            Field::EndpointLabels => self.labels().any(|label| label == text),
            Field::SensitiveResponse => self.transaction.response.sensitive.contains(&text),
            // Asked one by one: collecting the whole list for each question would allocate.
            Field::RequestAnomalies => self.transaction.anomalies.codes().any(|code| code == text),
            _ => self.elements(field).contains(&text),
        }
    }

    fn scalar(&self, field: Field) -> Value<'_> {
        let transaction = self.transaction;
        let (response, rules) = (&transaction.response, &transaction.rules);
        let endpoint = self.engine.endpoint(self.matched.endpoint);
        match field {
            Field::RequestMethod => text(&transaction.method),
            Field::RequestScheme => text(&transaction.scheme),
            Field::RequestHost => text(&transaction.host),
            Field::RequestPath => text(self.path),
            Field::RequestProtocol => text(transaction.protocol),
            Field::RequestContentType => text(&transaction.content_type),
            Field::RequestBodyBytes => {
                Value::Int(i64::try_from(transaction.request_bytes).unwrap_or(i64::MAX))
            }
            Field::EndpointApi => text(self.api().map_or("", |api| &api.name)),
            Field::EndpointId => text(endpoint.map_or("", |endpoint| &endpoint.id)),
            Field::EndpointPath => text(self.endpoint_path()),
            Field::EndpointKnown => Value::Bool(endpoint.is_some()),
            Field::EndpointDocumented => {
                Value::Bool(endpoint.is_some_and(|endpoint| endpoint.documented))
            }
            Field::SignalScore(index) => {
                Value::Double(self.signal(index).map_or(0.0, |signal| signal.score))
            }
            Field::SignalActive(index) => Value::Bool(self.signal(index).is_some()),
            Field::ResponseStatus => Value::Int(response.status.into()),
            Field::ResponseContentType => text(&response.content_type),
            Field::RulesScore => Value::Int(rules.score),
            Field::RulesOutboundScore => Value::Int(rules.outbound_score),
            Field::RulesInterrupted => Value::Bool(rules.interrupted),
            // Severities of SecLang count down from 255 (none) to 0 (emergency).
            Field::ContractRequestValid => Value::Bool(!transaction.contract.request),
            Field::ContractResponseValid => Value::Bool(!transaction.contract.response),
            Field::RulesSeverity => Value::Int(rules.severity.map_or(255, i64::from)),
            _ => self.caller(field),
        }
    }

    fn elements(&self, field: Field) -> SmallVec<[&str; 8]> {
        let transaction = self.transaction;
        let identity = &transaction.identity;
        match field {
            Field::RequestAnomalies => transaction.anomalies.codes().map(shorter).collect(),
            Field::EndpointLabels => self.labels().collect(),
            Field::IdentityScopes => identity.scopes.iter().map(String::as_str).collect(),
            Field::Findings => transaction.findings.iter().collect(),
            Field::RulesMatched => {
                let matched = transaction.rules.matched.iter();
                matched.map(String::as_str).collect()
            }
            Field::ContractViolations => {
                let violations = transaction.contract.violations.iter();
                violations.map(SmolStr::as_str).collect()
            }
            Field::SensitiveRequest => classes(&transaction.sensitive_request),
            Field::SensitiveResponse => classes(&transaction.response.sensitive),
            Field::IdentityClaims => {
                let claims = identity.claims.iter();
                claims.map(|(name, _)| name.as_str()).collect()
            }
            Field::RequestHeaders => names(&transaction.headers),
            Field::ResponseHeaders => names(&transaction.response.headers),
            _ => {
                let location = location_of(field);
                let parameters = transaction.parameters.iter();
                once_each(
                    parameters
                        .filter(|parameter| Some(parameter.location) == location)
                        .map(|parameter| parameter.name),
                )
            }
        }
    }

    fn has_key(&self, field: Field, key: &str) -> bool {
        match field {
            Field::RequestHeaders | Field::ResponseHeaders if is_hidden(key.as_bytes()) => false,
            Field::RequestHeaders => self.transaction.headers.get(key).is_some(),
            Field::ResponseHeaders => self.transaction.response.headers.get(key).is_some(),
            Field::IdentityClaims => {
                let mut claims = self.transaction.identity.claims.iter();
                claims.any(|(name, _)| name == key)
            }
            _ => !self.values(field, key).is_empty(),
        }
    }

    fn values(&self, field: Field, key: &str) -> Values<'_> {
        let transaction = self.transaction;
        match field {
            // Pseudo and internal headers are no request headers to a policy.
            Field::RequestHeaders | Field::ResponseHeaders if is_hidden(key.as_bytes()) => {
                Values::new()
            }
            Field::RequestHeaders => transaction.headers.each(key),
            Field::ResponseHeaders => transaction.response.headers.each(key),
            Field::IdentityClaims => {
                let claims = transaction.identity.claims.iter();
                claims
                    .filter(|(name, _)| name == key)
                    .map(|(_, value)| Cow::Borrowed(value.as_str()))
                    .collect()
            }
            _ => match location_of(field) {
                Some(location) => self.by_name.values(&transaction.parameters, location, key),
                None => Values::new(),
            },
        }
    }

    fn on_list(&self, text: &str, list: usize) -> bool {
        let Some(list) = self.engine.lists.get(list) else {
            return false;
        };
        // By far the most common question, which needs no parsing.
        if text == self.transaction.client.address_text {
            return list.contains(self.transaction.client.address);
        }
        address::parse(text).is_some_and(|address| list.contains(address))
    }
}

const fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn classes<'a>(codes: &[&'static str]) -> SmallVec<[&'a str; 8]> {
    codes.iter().copied().map(shorter).collect()
}

/// `SmallVec` is invariant, so its elements' lifetime has to be shortened one by one.
fn shorter<'a>(code: &'static str) -> &'a str {
    code
}

fn names(headers: &Headers) -> SmallVec<[&str; 8]> {
    once_each(
        headers
            .iter()
            .filter(|(name, _)| !is_hidden(name))
            .filter_map(|(name, _)| std::str::from_utf8(name).ok()),
    )
}

/// Each name once, in the order of arrival: a map's keys.
fn once_each<'a>(names: impl Iterator<Item = &'a str>) -> SmallVec<[&'a str; 8]> {
    // A set, because a large body has so many names that comparing each with all others would be quadratic.
    let mut seen = HashSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b":") || name.starts_with(b"x-starfort-")
}
