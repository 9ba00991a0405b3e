//! The state of one request while it passes through the stages; what stages learn is written here.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::{HashMap, HashSet};

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::bundle::{Field, Limits};
use crate::client::Client;
use crate::client::address;
use crate::endpoint::{EndpointMatch, Seen};
use crate::engine::{Engine, Now};
use crate::headers::Headers;
use crate::http::upload::Upload;
use crate::http::{Anomalies, Location, Parameters};
use crate::identity::Identity;
use crate::policy::value::{Facts, Value, Values};
use crate::policy::{Decision, PolicyTrace, Scope, World};
use crate::rules::{Inspection, RulesOutcome};
use crate::signals::{ActiveSignal, Passed};
use crate::work::Work;

/// One request and its response.
#[derive(Debug)]
pub struct Transaction {
    pub(crate) started: Now,
    pub(crate) id: SmolStr,
    pub(crate) method: SmolStr,
    pub(crate) scheme: SmolStr,
    pub(crate) host: SmolStr,
    pub(crate) path: String,
    pub(crate) protocol: &'static str,
    pub(crate) headers: Headers,
    pub(crate) parameters: Parameters,
    pub(crate) anomalies: Anomalies,
    pub(crate) content_type: SmolStr,
    pub(crate) request_bytes: u64,
    pub(crate) work: Work,
    /// What is watched of a body that passes.
    pub(crate) watch: Watch,
    /// It is decided on for the second time, with what came late.
    pub(crate) is_late: bool,
    pub(crate) matched: EndpointMatch,
    /// Other readings of the path; none for nearly every request.
    pub(crate) also: Vec<Seen>,
    pub(crate) client: Client,
    pub(crate) identity: Identity,
    pub(crate) signals: Vec<ActiveSignal>,
    /// Kinds of signals that do not apply although a key has them.
    pub(crate) passed: SmallVec<[(Box<str>, Passed); 1]>,
    pub(crate) findings: Vec<Cow<'static, str>>,
    /// What rules know of it; `None` without rules.
    pub(crate) inspection: Option<Box<Inspection>>,
    pub(crate) rules: RulesOutcome,
    pub(crate) sensitive_request: Vec<&'static str>,
    pub(crate) decision: Decision,
    pub(crate) response: ResponseState,
    /// Filled when the caller wants to know what each policy said.
    pub(crate) trace: Option<Vec<PolicyTrace>>,
}

/// What is watched of a request's body that passes because it is too long to be held.
#[derive(Debug)]
pub(crate) enum Watch {
    /// Nothing.
    Nothing,
    /// How many more bytes it may have.
    Length(u64),
    /// Its parts; so many had begun when the first bytes went out.
    Parts(Box<Upload>, u64),
}

/// What is known of the response.
#[derive(Debug, Default)]
pub(crate) struct ResponseState {
    pub(crate) status: u16,
    pub(crate) upstream: SmolStr,
    pub(crate) headers: Headers,
    pub(crate) content_type: SmolStr,
    pub(crate) sensitive: Vec<&'static str>,
    pub(crate) sensitive_count: u32,
    pub(crate) decision: Decision,
    /// Collected for a scan at the end of the stream, at most the limit.
    pub(crate) collected: Vec<u8>,
    pub(crate) collect: bool,
}

impl Transaction {
    /// Where the request is, in each reading of its path; the first one counts.
    pub(crate) fn scopes(&self, now: Now) -> SmallVec<[Scope; 1]> {
        let scope = |matched: &EndpointMatch, grants_only| Scope {
            api: matched.api,
            endpoint: matched.endpoint,
            grants_only,
            unix_s: now.unix_us / 1_000_000,
            monotonic_ns: now.monotonic_ns,
        };
        let also = self.also.iter();
        std::iter::once(scope(&self.matched, false))
            .chain(also.map(|seen| scope(&seen.matched, seen.grants_only)))
            .collect()
    }

    /// The request in each reading of its path, as policies see it.
    pub(crate) fn worlds<'a>(
        &'a self,
        engine: &'a Engine,
        now: Now,
    ) -> SmallVec<[World<View<'a>>; 1]> {
        let seen = std::iter::once(None).chain(self.also.iter().map(Some));
        self.scopes(now)
            .into_iter()
            .zip(seen)
            .map(|(scope, seen)| World {
                scope,
                facts: View {
                    transaction: self,
                    engine,
                    path: seen.map_or(&self.path, |seen| &seen.path),
                    matched: seen.map_or(&self.matched, |seen| &seen.matched),
                    by_name: ByName::default(),
                },
            })
            .collect()
    }

    /// The limits that hold for it.
    pub(crate) fn limits<'e>(&self, engine: &'e Engine) -> &'e Limits {
        engine.limits_of_any(&self.matched, self.also.iter().map(|seen| &seen.matched))
    }

    /// The endpoint that it calls in every reading of its path: what exempts an endpoint from something asks this.
    pub(crate) fn only_endpoint(&self) -> Option<u32> {
        let endpoint = self.matched.endpoint;
        let mut others = self.also.iter();
        endpoint.filter(|_| others.all(|seen| seen.matched.endpoint == endpoint))
    }

    /// What the request was matched to, in each reading of its path.
    pub(crate) fn every_match(&self) -> impl Iterator<Item = &EndpointMatch> {
        let also = self.also.iter().map(|seen| &seen.matched);
        std::iter::once(&self.matched).chain(also)
    }

    pub(crate) fn find(&mut self, finding: &'static str) {
        if !self.findings.iter().any(|known| known == finding) {
            self.findings.push(Cow::Borrowed(finding));
        }
    }

    fn location_of(field: Field) -> Option<Location> {
        match field {
            Field::RequestQuery => Some(Location::Query),
            Field::RequestCookies => Some(Location::Cookie),
            Field::RequestBody => Some(Location::Body),
            _ => None,
        }
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

/// Parameters by name, made when it pays: a macro over a large body asks for each of its names, and going through all
/// of them each time would be quadratic.
#[derive(Debug, Clone, Default)]
struct ByName<'a> {
    asked: Cell<u32>,
    index: OnceCell<HashMap<(Location, &'a str), SameName<'a>>>,
}

/// Values in the order of arrival.
type SameName<'a> = SmallVec<[&'a str; 1]>;

/// Going through 100 parameters takes as long as a look-up in the index; making that takes as long as going through
/// them thirty times.
const INDEX_FROM: (usize, u32) = (100, 30);

impl<'a> ByName<'a> {
    /// The values of a name, in the order of arrival.
    fn values(&self, parameters: &'a Parameters, location: Location, name: &str) -> Values<'_> {
        let (size, asked) = INDEX_FROM;
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

    fn endpoint_path(&self) -> &str {
        let endpoint = self.engine.endpoint(self.matched.endpoint);
        endpoint.map_or(self.path, |endpoint| &endpoint.path)
    }
}

impl View<'_> {
    /// Labels of the API and of the endpoint.
    fn labels(&self) -> impl Iterator<Item = &str> {
        let (engine, matched) = (self.engine, self.matched);
        let api = engine.api(matched.api).map(|api| &api.labels);
        let endpoint = engine.endpoint(matched.endpoint);
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
            Field::RequestAnomalies => self.transaction.anomalies.codes().any(|code| code == text),
            _ => self.elements(field).contains(&text),
        }
    }

    fn scalar(&self, field: Field) -> Value<'_> {
        let Self {
            transaction,
            engine,
            path,
            matched,
            ..
        } = self;
        let (client, identity, response) = (
            &transaction.client,
            &transaction.identity,
            &transaction.response,
        );
        let endpoint = engine.endpoint(matched.endpoint);
        let text = |text| Value::Text(Cow::Borrowed(text));
        match field {
            Field::RequestMethod => text(&transaction.method),
            Field::RequestScheme => text(&transaction.scheme),
            Field::RequestHost => text(&transaction.host),
            Field::RequestPath => text(path),
            Field::RequestProtocol => text(transaction.protocol),
            Field::RequestContentType => text(&transaction.content_type),
            Field::RequestBodyBytes => {
                Value::Int(i64::try_from(transaction.request_bytes).unwrap_or(i64::MAX))
            }
            Field::EndpointApi => text(engine.api(matched.api).map_or("", |api| &api.name)),
            Field::EndpointId => text(endpoint.map_or("", |endpoint| &endpoint.id)),
            Field::EndpointPath => text(self.endpoint_path()),
            Field::EndpointKnown => Value::Bool(endpoint.is_some()),
            Field::EndpointDocumented => {
                Value::Bool(endpoint.is_some_and(|endpoint| endpoint.documented))
            }
            Field::ClientAddress => text(&client.address_text),
            Field::ClientCountry => text(&client.place.country),
            Field::ClientContinent => text(&client.place.continent),
            Field::ClientAsn => Value::Int(client.place.asn.into()),
            Field::ClientAsOrganization => text(&client.place.as_organization),
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
            Field::SignalScore(index) => {
                Value::Double(self.signal(index).map_or(0.0, |signal| signal.score))
            }
            Field::SignalActive(index) => Value::Bool(self.signal(index).is_some()),
            Field::ResponseStatus => Value::Int(response.status.into()),
            Field::ResponseContentType => text(&response.content_type),
            Field::RulesScore => Value::Int(transaction.rules.score),
            Field::RulesOutboundScore => Value::Int(transaction.rules.outbound_score),
            Field::RulesInterrupted => Value::Bool(transaction.rules.interrupted),
            Field::RulesSeverity => Value::Int(transaction.rules.severity.map_or(255, i64::from)),
            // Collections never come here (`is_collection`).
            _ => Value::Null,
        }
    }

    fn elements(&self, field: Field) -> SmallVec<[&str; 8]> {
        let transaction = self.transaction;
        match field {
            Field::RequestAnomalies => transaction.anomalies.codes().map(shorter).collect(),
            Field::EndpointLabels => self.labels().collect(),
            Field::IdentityScopes => transaction
                .identity
                .scopes
                .iter()
                .map(String::as_str)
                .collect(),
            Field::Findings => transaction.findings.iter().map(|code| &**code).collect(),
            Field::RulesMatched => transaction
                .rules
                .matched
                .iter()
                .map(String::as_str)
                .collect(),
            Field::SensitiveRequest => transaction
                .sensitive_request
                .iter()
                .copied()
                .map(shorter)
                .collect(),
            Field::SensitiveResponse => transaction
                .response
                .sensitive
                .iter()
                .copied()
                .map(shorter)
                .collect(),
            Field::IdentityClaims => transaction
                .identity
                .claims
                .iter()
                .map(|(name, _)| name.as_str())
                .collect(),
            Field::RequestHeaders => names(&transaction.headers),
            Field::ResponseHeaders => names(&transaction.response.headers),
            _ => {
                let location = Transaction::location_of(field);
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
            _ => match Transaction::location_of(field) {
                Some(location) => self.by_name.values(&transaction.parameters, location, key),
                None => Values::new(),
            },
        }
    }

    fn on_list(&self, text: &str, list: usize) -> bool {
        let Some(list) = self.engine.lists.get(list) else {
            return false;
        };
        if text == self.transaction.client.address_text {
            return list.contains(self.transaction.client.address);
        }
        address::parse(text).is_some_and(|address| list.contains(address))
    }
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
    let mut seen = HashSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b":") || name.starts_with(b"x-starfort-")
}
