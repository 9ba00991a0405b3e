//! Policies: the only place where findings and signals become an action.
//!
//! First match by order. `tag`, `delay` and `mask` act and go on; the others end the list (a `limit` only when
//! exceeded). Observe-mode policies never act and never end the list: what they would have done is noted.
//!
//! Servers differ in how they read a path and in which of two values they take, so a policy is asked in each [`World`]
//! and over each value. All but `allow` hold if they hold in some of them, `allow` if it holds in all: nobody loses
//! a restriction or gains a permission by a spelling.

mod choices;
mod evaluate;
pub mod expression;
pub mod outcomes;
mod rates;
pub mod value;

use serde::Serialize;

use expression::{Expression, uses};
use outcomes::Outcomes;
use value::{EvalError, Facts};

use crate::bundle::{Action, Bundle, Field, Mode, Phase, Policy};
use crate::error::EngineError;
use crate::rate::{Limit, RateDecision, RateTable};

/// Longest `delay`.
pub const MAX_DELAY_MS: u64 = 30_000;

/// The policies of a bundle, compiled.
#[derive(Debug)]
pub struct Policies {
    policies: Vec<CompiledPolicy>,
    tag_headers: Vec<Box<str>>,
}

#[derive(Debug)]
struct CompiledPolicy {
    name: Box<str>,
    phase: Phase,
    apis: Option<Indexes>,
    endpoints: Option<Indexes>,
    when: Expression,
    action: CompiledAction,
    mode: Mode,
    expires_s: Option<u64>,
    reads_response_data: bool,
    /// The condition depends on the reading of the path.
    reads_place: bool,
}

#[derive(Debug)]
enum CompiledAction {
    Allow,
    Tag(Box<str>, Box<str>),
    Limit(Limit, Vec<Expression>, u32, u64),
    Block(u16, Option<Box<str>>, Box<str>),
    Divert(Box<str>),
    Deceive(u32),
    Delay(u64),
    Mask(Vec<Box<str>>),
}

impl CompiledAction {
    const fn code(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Tag(..) => "tag",
            Self::Limit(..) => "limit",
            Self::Block(..) => "block",
            Self::Divert(_) => "divert",
            Self::Deceive(_) => "deceive",
            Self::Delay(_) => "delay",
            Self::Mask(_) => "mask",
        }
    }
}

/// What ended the list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Terminal {
    /// Nothing, or `allow`.
    #[default]
    Allow,
    /// Rate exceeded; requests and period (ms) of the limit for the `RateLimit-Policy` field.
    Limit {
        /// What the counter said.
        decision: RateDecision,
        /// Requests per period.
        requests: u32,
        /// Period in milliseconds.
        period_ms: u64,
    },
    /// Refuse with this status, body and content type.
    Block(u16, Option<Box<str>>, Box<str>),
    /// Send to this upstream.
    Divert(Box<str>),
    /// Answer with this canned response (index in the bundle).
    Deceive(u32),
}

impl Terminal {
    /// As in events.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Limit { .. } => "limit",
            Self::Block(..) => "block",
            Self::Divert(_) => "divert",
            Self::Deceive(_) => "deceive",
        }
    }
}

/// What the policies of one phase say.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// What ended the list.
    pub terminal: Terminal,
    /// Name of the policy that did.
    pub policy: Box<str>,
    /// Request headers for the upstream.
    pub tags: Vec<(Box<str>, Box<str>)>,
    /// Sum of delays, at most [`MAX_DELAY_MS`].
    pub delay_ms: u64,
    /// Classes to mask; `Some` of an empty list: all.
    pub mask: Option<Vec<Box<str>>>,
    /// Non-terminal actions that were done, `action:policy`.
    pub done: Vec<String>,
    /// What observe-mode policies would have done, `action:policy`.
    pub observed: Vec<String>,
    /// Policies whose condition was an error.
    pub errors: u32,
}

/// What happened to one policy, for `starfort policy test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyTrace {
    /// Name.
    pub policy: String,
    /// When it is asked.
    pub phase: Phase,
    /// Whether it may act.
    pub mode: Mode,
    /// What its action is.
    pub action: &'static str,
    /// `expired`, `not_for_this_api`, `not_for_this_endpoint`, `no_match`, `error`, `within_limit`, `observed`,
    /// `applied`, `not_reached` (an earlier one ended the list) or `not_asked` (its phase did not come).
    pub outcome: &'static str,
    /// Whether the condition held; `None` when it was not asked or was an error.
    pub matched: Option<bool>,
    /// Why the condition was an error, "" when it was none: see [`value::EvalError::code`].
    pub error: &'static str,
}

/// For which request the policies are asked, in one reading of its path.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// Index of the API.
    pub api: Option<u32>,
    /// Index of the endpoint.
    pub endpoint: Option<u32>,
    /// Only `allow` is asked about it.
    pub grants_only: bool,
    /// Wall clock, for expiry.
    pub unix_s: u64,
    /// Monotonic clock, for rates.
    pub monotonic_ns: u64,
}

/// A request in one reading of its path: where it is, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct World<F> {
    /// Where it is.
    pub scope: Scope,
    /// What is known of it.
    pub facts: F,
}

impl Policies {
    /// Compile a bundle's policies.
    ///
    /// # Errors
    /// [`EngineError::BundleInvalid`] naming the policy.
    pub fn new(bundle: &Bundle) -> Result<Self, EngineError> {
        let policies = bundle
            .policies
            .iter()
            .map(|policy| compile(policy, bundle))
            .collect::<Result<_, _>>()?;
        let mut tag_headers: Vec<Box<str>> = bundle
            .policies
            .iter()
            .filter_map(|policy| match &policy.action {
                Action::Tag { header, .. } => Some(header.as_str().into()),
                _ => None,
            })
            .collect();
        tag_headers.sort_unstable();
        tag_headers.dedup();
        Ok(Self {
            policies,
            tag_headers,
        })
    }

    /// Headers that some policy sets for upstreams, which therefore no client may set; nor one with underscores
    /// for hyphens, for CGI and its heirs (WSGI, PHP) show both under one name.
    pub fn sets_header(&self, name: &[u8]) -> bool {
        let hyphen = |byte: u8| if byte == b'_' { b'-' } else { byte };
        self.tag_headers.iter().any(|header| {
            header.len() == name.len()
                && header
                    .bytes()
                    .zip(name)
                    .all(|(own, other)| hyphen(own) == hyphen(*other))
        })
    }

    /// Whether any policy that could apply to this response needs its body before the head goes out.
    pub fn need_response_body(&self, scopes: &[Scope]) -> bool {
        self.policies.iter().any(|policy| {
            policy.phase == Phase::Response
                && policy.mode == Mode::Enforce
                && policy.reads_response_data
                && policy.is_for(scopes)
        })
    }

    /// Whether any policy is asked in the response phase.
    pub fn ask_responses(&self, scopes: &[Scope]) -> bool {
        self.policies
            .iter()
            .any(|policy| policy.phase == Phase::Response && policy.is_for(scopes))
    }

    /// Ask the policies of a phase, in order, about a request in each of its worlds. The first world is the one that
    /// events and answers are about.
    pub fn decide<F: Facts>(
        &self,
        phase: Phase,
        worlds: &[World<F>],
        rates: &RateTable,
        mut trace: Option<&mut Vec<PolicyTrace>>,
    ) -> Decision {
        let mut decision = Decision::default();
        let mut ended = false;
        for policy in &self.policies {
            let outcome = if ended {
                Outcome::Skipped("not_reached")
            } else if let Some(reason) = policy.skipped(phase, worlds) {
                Outcome::Skipped(reason)
            } else {
                let (outcome, ends) = policy.ask(worlds, rates, &mut decision);
                ended = ends;
                outcome
            };
            match &mut trace {
                Some(trace) if policy.phase == phase => trace.push(policy.traced(outcome)),
                None if ended => break,
                _ => {}
            }
        }
        decision
    }

    /// One trace a policy, in order: the last of those that were noted.
    pub(crate) fn summary(&self, noted: &[PolicyTrace]) -> Vec<PolicyTrace> {
        let last = |policy: &CompiledPolicy| {
            let of_it = noted.iter().rfind(|trace| *trace.policy == *policy.name);
            of_it.cloned()
        };
        let policies = self.policies.iter();
        policies
            .map(|policy| {
                last(policy).unwrap_or_else(|| policy.traced(Outcome::Skipped("not_asked")))
            })
            .collect()
    }
}

/// Sorted: a policy names few, and a search among few is quicker than a hash.
type Indexes = Box<[u32]>;

fn sorted(indexes: &[u32]) -> Indexes {
    let mut indexes = indexes.to_vec();
    indexes.sort_unstable();
    indexes.into()
}

/// Whether a policy is for what was found; one that names nothing is for everything.
fn contain(wanted: Option<&Indexes>, found: Option<u32>) -> bool {
    wanted.is_none_or(|wanted| found.is_some_and(|found| wanted.binary_search(&found).is_ok()))
}

/// What asking one policy came to.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Skipped(&'static str),
    NoMatch,
    Failed(EvalError),
    WithinLimit,
    Observed,
    Applied,
}

impl CompiledPolicy {
    /// Whether it is for a request: for some reading of it, or, where it lets pass, for every one.
    fn is_for(&self, scopes: &[Scope]) -> bool {
        let mut scopes = scopes.iter();
        if self.lets_pass() {
            scopes.all(|scope| self.covers(scope))
        } else {
            scopes.any(|scope| self.restricts(scope))
        }
    }

    fn covers(&self, scope: &Scope) -> bool {
        contain(self.apis.as_ref(), scope.api)
            && contain(self.endpoints.as_ref(), scope.endpoint)
            && !self.is_expired(scope)
    }

    const fn lets_pass(&self) -> bool {
        matches!(self.action, CompiledAction::Allow)
    }

    fn is_expired(&self, scope: &Scope) -> bool {
        self.expires_s
            .is_some_and(|expires| expires <= scope.unix_s)
    }

    fn traced(&self, outcome: Outcome) -> PolicyTrace {
        let (outcome, matched, error) = match outcome {
            Outcome::Skipped(reason) => (reason, None, ""),
            Outcome::NoMatch => ("no_match", Some(false), ""),
            Outcome::Failed(error) => ("error", None, error.code()),
            Outcome::WithinLimit => ("within_limit", Some(true), ""),
            Outcome::Observed => ("observed", Some(true), ""),
            Outcome::Applied => ("applied", Some(true), ""),
        };
        PolicyTrace {
            policy: self.name.to_string(),
            phase: self.phase,
            mode: self.mode,
            action: self.action.code(),
            outcome,
            matched,
            error,
        }
    }

    fn skipped<F>(&self, phase: Phase, worlds: &[World<F>]) -> Option<&'static str> {
        if self.phase != phase {
            return Some("other_phase");
        }
        let mut scopes = worlds.iter().map(|world| &world.scope);
        if self.expires_s.is_some() && scopes.clone().any(|scope| self.is_expired(scope)) {
            return Some("expired");
        }
        let outside = if self.lets_pass() {
            scopes.find(|scope| !self.covers(scope))
        } else {
            let mut asked = scopes.filter(|scope| !scope.grants_only);
            let first = asked.clone().next();
            first.filter(|_| !asked.any(|scope| self.covers(scope)))
        };
        outside.map(|scope| {
            if contain(self.apis.as_ref(), scope.api) {
                "not_for_this_endpoint"
            } else {
                "not_for_this_api"
            }
        })
    }

    /// Whether the condition holds: in some world that the policy covers with some values, or, where it lets pass, in
    /// every world with all values.
    fn holds<F: Facts>(&self, worlds: &[World<F>]) -> Result<bool, EvalError> {
        // Nearly every request has one reading, and `skipped` has looked at its scope.
        let all = match worlds {
            [world] => self.when.outcomes(&world.facts),
            worlds => {
                let mut all = Outcomes::default();
                for world in worlds {
                    if self.lets_pass() || self.restricts(&world.scope) {
                        all = all.or_else(self.when.outcomes(&world.facts));
                        if !self.reads_place {
                            break;
                        }
                    }
                }
                all
            }
        };
        if self.lets_pass() {
            all.for_all()
        } else {
            all.for_some()
        }
    }

    fn restricts(&self, scope: &Scope) -> bool {
        !scope.grants_only && self.covers(scope)
    }

    fn ask<F: Facts>(
        &self,
        worlds: &[World<F>],
        rates: &RateTable,
        decision: &mut Decision,
    ) -> (Outcome, bool) {
        match self.holds(worlds) {
            Ok(true) => {}
            Ok(false) => return (Outcome::NoMatch, false),
            Err(error) => return failed(error, decision),
        }
        let mut limited = None;
        if let CompiledAction::Limit(limit, key, requests, period_ms) = &self.action {
            match self.rate(limit, key, worlds, rates) {
                Ok(found) if found.allowed => return (Outcome::WithinLimit, false),
                Ok(found) => {
                    limited = Some(Terminal::Limit {
                        decision: found,
                        requests: *requests,
                        period_ms: *period_ms,
                    });
                }
                Err(error) => return failed(error, decision),
            }
        }
        let label = format!("{}:{}", self.action.code(), self.name);
        if self.mode == Mode::Observe {
            decision.observed.push(label);
            return (Outcome::Observed, false);
        }
        let terminal = match &self.action {
            CompiledAction::Tag(header, value) => {
                decision.tags.push((header.clone(), value.clone()));
                None
            }
            CompiledAction::Delay(duration_ms) => {
                decision.delay_ms = (decision.delay_ms + duration_ms).min(MAX_DELAY_MS);
                None
            }
            CompiledAction::Mask(classes) => {
                merge_mask(&mut decision.mask, classes);
                None
            }
            CompiledAction::Allow => Some(Terminal::Allow),
            CompiledAction::Limit(..) => limited,
            CompiledAction::Block(status, body, kind) => {
                Some(Terminal::Block(*status, body.clone(), kind.clone()))
            }
            CompiledAction::Divert(upstream) => Some(Terminal::Divert(upstream.clone())),
            CompiledAction::Deceive(response) => Some(Terminal::Deceive(*response)),
        };
        match terminal {
            Some(terminal) => (decision.terminal, decision.policy) = (terminal, self.name.clone()),
            None => {
                decision.done.push(label);
                return (Outcome::Applied, false);
            }
        }
        (Outcome::Applied, true)
    }
}

fn failed(error: EvalError, decision: &mut Decision) -> (Outcome, bool) {
    decision.errors += 1;
    (Outcome::Failed(error), false)
}

fn merge_mask(mask: &mut Option<Vec<Box<str>>>, classes: &[Box<str>]) {
    match mask {
        Some(known) if known.is_empty() => {}
        Some(known) if !classes.is_empty() => known.extend_from_slice(classes),
        _ => *mask = Some(classes.to_vec()),
    }
}

fn compile(policy: &Policy, bundle: &Bundle) -> Result<CompiledPolicy, EngineError> {
    let lists = bundle.lists.len();
    let named = |error: EngineError| {
        EngineError::invalid(format!("policy {}", policy.name), error.to_string())
    };
    let wrong = |detail: &str| EngineError::invalid(format!("policy {}", policy.name), detail);
    let action = match &policy.action {
        Action::Allow => CompiledAction::Allow,
        Action::Tag { header, value } => {
            CompiledAction::Tag(header.as_str().into(), value.as_str().into())
        }
        Action::Limit {
            requests,
            period_ms,
            burst,
            key,
        } => {
            let key = key
                .iter()
                .map(|part| Expression::compile(part, lists))
                .collect::<Result<_, _>>()
                .map_err(named)?;
            CompiledAction::Limit(
                Limit::new(*requests, *period_ms, *burst),
                key,
                *requests,
                *period_ms,
            )
        }
        Action::Block {
            status,
            body,
            content_type,
        } => {
            if !(200..600).contains(status) {
                return Err(wrong("a block's status must be 200 to 599"));
            }
            let kind = content_type
                .as_deref()
                .unwrap_or("text/plain; charset=utf-8");
            CompiledAction::Block(*status, body.as_deref().map(Into::into), kind.into())
        }
        Action::Divert { upstream } => CompiledAction::Divert(upstream.as_str().into()),
        Action::Deceive { response } if (*response as usize) < bundle.responses.len() => {
            CompiledAction::Deceive(*response)
        }
        Action::Deceive { .. } => return Err(wrong("deceive: no such canned response")),
        Action::Delay { duration_ms } => CompiledAction::Delay((*duration_ms).min(MAX_DELAY_MS)),
        Action::Mask { classes } => {
            CompiledAction::Mask(classes.iter().map(|class| class.as_str().into()).collect())
        }
    };
    let reads_response_data = matches!(action, CompiledAction::Mask(_))
        || uses(&policy.when, &|field| {
            matches!(field, Field::SensitiveResponse | Field::RulesOutboundScore)
        });
    Ok(CompiledPolicy {
        name: policy.name.as_str().into(),
        phase: policy.phase,
        apis: policy.apis.as_deref().map(sorted),
        endpoints: policy.endpoints.as_deref().map(sorted),
        when: Expression::compile(&policy.when, lists).map_err(named)?,
        action,
        mode: policy.mode,
        expires_s: policy.expires_s,
        reads_response_data,
        reads_place: uses(&policy.when, &depends_on_reading),
    })
}

/// What differs from one reading of a path to another.
const fn depends_on_reading(field: Field) -> bool {
    matches!(
        field,
        Field::RequestPath
            | Field::EndpointApi
            | Field::EndpointId
            | Field::EndpointPath
            | Field::EndpointKnown
            | Field::EndpointDocumented
            | Field::EndpointLabels
    )
}
