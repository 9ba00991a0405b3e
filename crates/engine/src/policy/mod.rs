//! Policies: the only place where findings and signals become an action.
//!
//! First match by order. `tag`, `delay` and `mask` act and go on; the others end the list (a `limit` only when
//! exceeded). Observe-mode policies never act and never end the list: what they would have done is noted.
//!
//! Servers differ in how they read a path and in which of two values they take, so a policy is asked in each [`World`]
//! and over each value. All but `allow` hold if they hold in some of them, `allow` if it holds in all: nobody loses
//! a restriction or gains a permission by a spelling.

pub mod actions;
mod choices;
pub mod decision;
mod evaluate;
pub mod expression;
mod functions;
mod node;
pub mod outcomes;
mod trace;
pub mod value;
mod world;

use std::sync::Arc;

use actions::{CompileContext, CompiledAction, Due, Matched, Then};
use expression::{Expression, uses};
use outcomes::Outcomes;
use trace::Asked;
use value::{EvalError, Facts};

use crate::bundle::expression::Field;
use crate::bundle::{Bundle, Mode, Phase, Policy};
use crate::error::EngineError;
use crate::rate::RateTable;

pub use decision::{Answer, AnswerBody, CannedAnswer, Decision, MAX_DELAY_MS, Terminal};
pub use trace::PolicyTrace;
pub use world::{Scope, World};

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
    /// Its condition or its action needs the body of the response before the head may go out.
    reads_response_body: bool,
    /// The condition depends on the reading of the path.
    reads_place: bool,
}

impl Policies {
    /// Compile a bundle's policies.
    ///
    /// # Errors
    /// [`EngineError::BundleInvalid`] naming the policy.
    pub fn new(bundle: &Bundle) -> Result<Self, EngineError> {
        // Shared by all answers, so that a flood of them copies no body.
        let responses: Vec<Arc<CannedAnswer>> = bundle.responses.iter().map(canned).collect();
        let context = CompileContext {
            responses: &responses,
            lists: bundle.lists.len(),
        };
        let policies = bundle.policies.iter();
        let policies: Vec<CompiledPolicy> = policies
            .map(|policy| CompiledPolicy::compile(policy, &context))
            .collect::<Result<_, _>>()?;
        let set = policies.iter();
        let mut tag_headers: Vec<Box<str>> = set
            .filter_map(|policy| policy.action.sets_header())
            .map(Into::into)
            .collect();
        // Few names, asked once for each header of each request: sorted and without repeats they are found quickest.
        tag_headers.sort_unstable();
        tag_headers.dedup();
        Ok(Self {
            policies,
            tag_headers,
        })
    }

    /// Headers that some policy sets for upstreams, which therefore no client may set. The same name with underscores for
    /// hyphens counts too, because CGI and its heirs (WSGI, PHP) show both under one name.
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

    /// Whether any policy that could apply to this response needs its body before the head goes out. Observing ones do not:
    /// they look at what passed, so that observing costs no client the time of a held response.
    pub fn need_response_body(&self, scopes: &[Scope]) -> bool {
        self.policies.iter().any(|policy| {
            policy.phase == Phase::Response
                && policy.mode == Mode::Enforce
                && policy.reads_response_body
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
                Asked::Skipped("not_reached")
            } else if let Some(reason) = policy.skipped(phase, worlds) {
                Asked::Skipped(reason)
            } else {
                let (outcome, ends) = policy.ask(worlds, rates, &mut decision);
                ended = ends;
                outcome
            };
            // A trace names every policy, even those behind the policy that ended the list.
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
            // The last one, because a request may be decided on twice.
            let of_it = noted.iter().rfind(|trace| *trace.policy == *policy.name);
            of_it.cloned()
        };
        let policies = self.policies.iter();
        policies
            .map(|policy| {
                last(policy).unwrap_or_else(|| policy.traced(Asked::Skipped("not_asked")))
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

/// Whether a policy is for an API or endpoint. A policy that names none is for all of them.
fn contain(wanted: Option<&Indexes>, found: Option<u32>) -> bool {
    wanted.is_none_or(|wanted| found.is_some_and(|found| wanted.binary_search(&found).is_ok()))
}

/// A canned response that answers can share.
fn canned(response: &crate::bundle::CannedResponse) -> Arc<CannedAnswer> {
    Arc::new(CannedAnswer {
        status: response.status,
        headers: response.headers.clone(),
        body: response.body.clone(),
    })
}

impl CompiledPolicy {
    /// Whether the policy is for a request in some reading of it or, if the policy lets pass, in every reading.
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

    fn lets_pass(&self) -> bool {
        self.action.lets_pass()
    }

    fn is_expired(&self, scope: &Scope) -> bool {
        self.expires_s
            .is_some_and(|expires| expires <= scope.unix_s)
    }

    fn traced(&self, asked: Asked) -> PolicyTrace {
        let (outcome, matched, error) = asked.told();
        PolicyTrace {
            policy: self.name.to_string(),
            phase: self.phase,
            mode: self.mode,
            action: self.action.word(),
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
        // Before the scope, because expiry is the same in each reading.
        if self.expires_s.is_some() && scopes.clone().any(|scope| self.is_expired(scope)) {
            return Some("expired");
        }
        // One reading's reason is given: that of the first reading that the policy is not for.
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
                        // Readings differ only in the path and in what is found by it, so any other condition has the
                        // same result in each.
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

    /// Ask the policy, do what its action says, and return whether that ended the list.
    fn ask<F: Facts>(
        &self,
        worlds: &[World<F>],
        rates: &RateTable,
        decision: &mut Decision,
    ) -> (Asked, bool) {
        match self.holds(worlds) {
            Ok(true) => {}
            Ok(false) => return (Asked::NoMatch, false),
            Err(error) => return failed(error, decision),
        }
        // A limit counts in observe mode too: otherwise it could not tell what enforcing it would do.
        let due = match self.due(worlds, rates) {
            Ok(Due::No) => return (Asked::WithinLimit, false),
            Ok(due) => due,
            Err(error) => return failed(error, decision),
        };
        // Made only for policies that match: allocating one for each policy that is asked would cost every request.
        let label = format!("{}:{}", self.action.word(), self.name);
        if self.mode == Mode::Observe {
            decision.observed.push(label);
            return (Asked::Observed, false);
        }
        match self.action.act(&self.name, due, decision) {
            Then::GoOn => {
                decision.done.push(label);
                (Asked::Applied, false)
            }
            Then::End(terminal) => {
                (decision.terminal, decision.policy) = (terminal, self.name.clone());
                (Asked::Applied, true)
            }
        }
    }

    /// Whether the policy's action is to be done, now that its condition held in some world.
    fn due<F: Facts>(&self, worlds: &[World<F>], rates: &RateTable) -> Result<Due, EvalError> {
        self.action.due(&Matched {
            policy: &self.name,
            worlds,
            holds_in: &|world| {
                self.restricts(&world.scope)
                    && self.when.outcomes(&world.facts).for_some() == Ok(true)
            },
            rates,
        })
    }

    fn compile(policy: &Policy, context: &CompileContext<'_>) -> Result<Self, EngineError> {
        let wrong =
            |detail: String| EngineError::invalid(format!("policy {}", policy.name), detail);
        let when = Expression::compile(&policy.when, context.lists);
        let action = CompiledAction::compile(&policy.action, context).map_err(wrong)?;
        Ok(Self {
            name: policy.name.as_str().into(),
            phase: policy.phase,
            apis: policy.apis.as_deref().map(sorted),
            endpoints: policy.endpoints.as_deref().map(sorted),
            when: when.map_err(|error| wrong(error.to_string()))?,
            // Other conditions on the response need its head alone, so the body need not be held for them.
            reads_response_body: action.reads_response_body()
                || uses(&policy.when, &|field| {
                    matches!(
                        field,
                        Field::SensitiveResponse
                            | Field::RulesOutboundScore
                            | Field::ContractResponseValid
                    )
                }),
            action,
            mode: policy.mode,
            expires_s: policy.expires_s,
            reads_place: uses(&policy.when, &depends_on_reading),
        })
    }
}

fn failed(error: EvalError, decision: &mut Decision) -> (Asked, bool) {
    decision.errors += 1;
    (Asked::Failed(error), false)
}

/// Whether a field can differ from one reading of a path to another.
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
