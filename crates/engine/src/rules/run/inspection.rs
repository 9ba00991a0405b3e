//! Inspects one transaction by rules: facts come in, phases run, matches come out.
//!
//! The pipeline calls these functions in the order of the phases. A phase that is not reached does not run, except the
//! last one: rules use it to sum up.

use crate::client::geo::GeoRecord;
use crate::http::Anomalies;
use crate::http::body::Body;
use crate::http::listener::{Both, Listener};
use crate::rules::bytes::integer;
use crate::rules::program::Program;
use crate::rules::program::slots::Slot;
use crate::rules::run::collections::Collections;
use crate::rules::run::evaluate::{self, Context, State};
use crate::rules::run::facts::Facts;
use crate::rules::run::listener::BodyFacts;
use crate::rules::run::places;
use crate::rules::run::processor::Processor;
use crate::rules::run::report::{Hit, Interruption, MatchedRule, Refusal};
use crate::rules::run::request::{self, QueryFacts, Request, Response};
use crate::rules::run::values::{self, Kept};
use crate::rules::weigh::Fields;
use crate::rules::wire::{EngineMode, SetOp, Variable as V};
use crate::work::Work;

/// The prefix of the `TX` variables that the pipeline sets. The control plane knows this prefix too
/// (`seclang/constants.py`), and nothing that it works out depends on such variables.
const GIVEN: &[u8] = b"starfort_";

/// The state of a transaction.
#[derive(Debug)]
pub struct Inspection {
    facts: Facts,
    state: State,
    place: GeoRecord,
    exhaustive: bool,
    verbose: bool,
    /// Whether the request's body is over a limit of the rules.
    over_limit: bool,
    /// What phases 1 and 2 share; each other phase borrows its own.
    kept: Option<Kept>,
    /// The anomalies that decoders found.
    anomalies: Anomalies,
}

/// What the inspection needs besides the transaction itself.
#[derive(Debug, Clone, Copy)]
pub struct Environment<'a> {
    pub(crate) program: &'a Program,
    pub(crate) collections: &'a Collections,
    /// The time of day in Unix microseconds.
    pub(crate) now_us: u64,
    /// Which fields hold content that people write; `None`: every match counts.
    pub(crate) fields: Option<Fields<'a>>,
}

impl<'a> Environment<'a> {
    /// The listener that keeps the arguments of a query while the query is read for parameters; see
    /// [`QueryFacts::heard`].
    pub(crate) fn query_facts(self) -> Option<QueryFacts> {
        QueryFacts::heard(self.program)
    }

    /// The same environment, in which matches in fields where people write are weighed.
    pub(crate) fn weighing(self, fields: Option<Fields<'a>>) -> Self {
        Self { fields, ..self }
    }
}

impl Inspection {
    /// Begins with the head of a request.
    pub fn begin(
        environment: Environment<'_>,
        request: &Request<'_, '_>,
        place: GeoRecord,
    ) -> Self {
        Self::begin_with(environment, request, place, None)
    }

    /// Begins with the head of a request whose query was read before.
    ///
    /// # Arguments
    /// * `heard` - the query's arguments; `None`: the query is read here.
    pub(crate) fn begin_with(
        environment: Environment<'_>,
        request: &Request<'_, '_>,
        place: GeoRecord,
        heard: Option<QueryFacts>,
    ) -> Self {
        let program = environment.program;
        let (mut facts, heard) = match heard.map(QueryFacts::finish) {
            Some((facts, bad)) => (facts, Some(bad)),
            None => (Facts::default(), None),
        };
        request::enter(program, request, environment.now_us, &mut facts, heard);
        let anomalies = places::enter_head(program, request, &mut facts);
        let mut state = State::new(program, environment.now_us);
        let content_type = request::header(request.headers, b"content-type").unwrap_or_default();
        state.processor = Processor::of(content_type).map(|processor| processor.name().to_owned());
        let mut inspection = Self {
            facts,
            state,
            place,
            exhaustive: false,
            verbose: false,
            over_limit: false,
            kept: None,
            anomalies,
        };
        // A rule may read these variables before there is a body, and an unset variable matches nothing.
        for variable in [V::RequestBodyLength, V::InboundDataError] {
            if program.uses(variable) {
                inspection.facts.set(variable, b"0");
            }
        }
        inspection.facts.set(V::ReqbodyError, b"0");
        inspection.facts.set(V::ReqbodyProcessorError, b"0");
        inspection.combined_size();
        inspection
    }

    /// The work that is left, and whether the work was not enough.
    pub(crate) fn work(&mut self) -> &mut Work {
        &mut self.state.work
    }

    /// Asks every rule instead of only those that can match. Tests compare both ways.
    pub fn exhaustively(&mut self) {
        self.exhaustive = true;
    }

    /// Reports rules that are not logged too, also those that are known to do nothing but set constants.
    pub fn verbosely(&mut self) {
        self.verbose = true;
        self.state.whole = true;
    }

    /// Sets a variable of `TX` before rules run. A variable whose name does not begin with `starfort_` may decide on
    /// rules that otherwise never run, so then all rules are asked.
    pub fn set_tx(&mut self, environment: Environment<'_>, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        self.state.whole |= !name.as_bytes().starts_with(GIVEN);
        self.state.tx.change(
            &environment.program.names,
            name.as_bytes(),
            SetOp::Set,
            value.as_bytes(),
        );
    }

    fn combined_size(&mut self) {
        // Arguments of XML are left out: `ModSecurity` has no such arguments, and rule sets limit this sum.
        let size: usize = [V::ArgsGet.into(), Slot::NAMED_ARGUMENTS]
            .into_iter()
            .flat_map(|slot: Slot| self.facts.members(slot))
            .map(|(name, value)| name.len() + value.len())
            .sum();
        self.facts
            .set_integer(V::ArgsCombinedSize, i64::try_from(size).unwrap_or(i64::MAX));
    }

    fn run(&mut self, environment: Environment<'_>, phase: u8) {
        self.state.now_us = environment.now_us;
        let context = Context {
            program: environment.program,
            facts: &self.facts,
            collections: environment.collections,
            place: &self.place,
            fields: environment.fields,
            exhaustive: self.exhaustive,
            verbose: self.verbose,
        };
        // After a refusal only the logging phase runs, as in ModSecurity.
        if self.state.interruption.is_none() || phase == 5 {
            // The phases of the response have another prefilter and mostly look at other values, so results of the
            // request phases do not help them.
            let mut kept = self
                .kept
                .take()
                .filter(|_| phase <= 2)
                .unwrap_or_else(values::borrow);
            evaluate::run(context, phase, &mut self.state, &mut kept);
            // Phase 2 looks at the same facts and more, with the same prefilter, so it gets what phase 1 computed.
            if phase == 1 {
                self.kept = Some(kept);
            } else {
                values::give_back(kept);
            }
        }
    }

    /// Phase 1: the request's head.
    pub fn request_headers(&mut self, environment: Environment<'_>) {
        self.run(environment, 1);
    }

    /// Whether rules want the request's body.
    pub fn wants_request_body(&self) -> bool {
        self.state.mode != EngineMode::Off && self.state.request_body_access
    }

    /// Whether rules want a body of any type: phase 1 chose a processor for it, or forced `REQUEST_BODY` (as CRS does
    /// for unknown types). Otherwise rules see only bodies that are read because of their type.
    pub fn wants_any_body(&self) -> bool {
        self.wants_request_body()
            && (self.state.processor.is_some() || self.state.force_request_body)
    }

    /// Enters the trailers that came after the body; called before phase 2.
    pub fn request_trailers(&mut self, environment: Environment<'_>, trailers: &[(&[u8], &[u8])]) {
        let found = places::enter_trailers(environment.program, trailers, &mut self.facts);
        self.anomalies.extend(found);
    }

    /// Phase 2: the request's body, or the part of it that is held. Returns what is odd about the body.
    ///
    /// # Arguments
    /// * `body` - the body without content encodings.
    /// * `truncated` - whether the body goes on after `body`.
    pub fn request_body(
        &mut self,
        environment: Environment<'_>,
        body: &[u8],
        truncated: bool,
    ) -> Anomalies {
        let mut anomalies = Anomalies::NONE;
        if !body.is_empty() {
            let content_type = self.facts.member(V::RequestHeaders, b"content-type");
            // The header is copied, because reading the body changes the facts that contain it.
            let content_type = content_type.unwrap_or_default().to_vec();
            let content_type = std::str::from_utf8(&content_type).ok();
            let body = Body::plain(
                content_type.filter(|text| !text.is_empty()),
                body,
                truncated,
            );
            self.read_body(environment, &body, &mut anomalies);
            anomalies.extend(body.anomalies);
        }
        self.run_request_body(environment);
        anomalies
    }

    /// Reads the request's body, for rules (if they want it) and for another listener.
    pub(crate) fn read_body<L: Listener>(
        &mut self,
        environment: Environment<'_>,
        body: &Body<'_, '_>,
        other: &mut L,
    ) {
        let program = environment.program;
        let processor = self.state.processor.as_deref().and_then(Processor::named);
        let chosen = processor.map(Processor::format);
        if !self.wants_request_body() || body.content.is_empty() {
            // The other listener needs the body anyway: it collects the parameters for policies.
            return body.read(chosen, b'&', other);
        }
        let within = within(&body.content, program.settings.request_body_limit_bytes);
        let limit = within.len();
        let separator = u8::try_from(program.settings.argument_separator).unwrap_or(b'&');
        let is_whole = limit == body.content.len();
        self.over_limit = !is_whole;
        let truncated = body.is_truncated() || !is_whole;
        self.enter_body(program, processor, within, truncated);
        let facts = BodyFacts::new(program, processor, &mut self.facts);
        let mut facts = facts.of_beginning(truncated);
        if is_whole && separator == b'&' {
            // This is the usual case: the body is read once for both listeners.
            body.read(chosen, separator, &mut Both(other, &mut facts));
        } else {
            // Rules see less of the body, or split it at another separator, so it is read once more for them.
            body.read(chosen, b'&', other);
            body.read_start(limit, chosen, separator, &mut facts);
        }
        if let Some(message) = facts.finish() {
            set_error(&mut self.facts, &message);
        }
        self.enter_arguments(program, within);
    }

    /// Enters what depends on all arguments of the body.
    fn enter_arguments(&mut self, program: &Program, within: &[u8]) {
        let found = places::enter_body(program, &mut self.facts);
        self.anomalies.extend(found);
        self.combined_size();
        if self.facts.arguments_left_out() {
            self.facts.set(V::ArgumentsLimitReached, b"1");
        }
        if let Some(most) = program.settings.request_body_no_files_limit_bytes
            && without_files(within, &self.facts) > most
        {
            self.over_limit = true;
            let message = "The body without its files is over SecRequestBodyNoFilesLimit.";
            set_error(&mut self.facts, message);
        }
    }

    /// Enters what rules see of the body as a whole.
    fn enter_body(
        &mut self,
        program: &Program,
        processor: Option<Processor>,
        content: &[u8],
        truncated: bool,
    ) {
        let length = i64::try_from(content.len()).unwrap_or(i64::MAX);
        self.facts.set_integer(V::RequestBodyLength, length);
        if self.state.force_request_body || processor == Some(Processor::UrlEncoded) {
            self.facts.set(V::RequestBody, content);
        }
        full_request(program, content, &mut self.facts);
        if truncated {
            self.facts.set(V::InboundDataError, b"1");
        }
    }

    /// Runs phase 2 over the body that was read.
    pub(crate) fn run_request_body(&mut self, environment: Environment<'_>) {
        // Rules see an error, because a request that is not inspected as a whole must not look clean.
        if self.facts.overflowed() {
            set_error(&mut self.facts, "The request is too large to be inspected.");
        }
        if self.facts.range(V::FullRequest).is_empty() {
            full_request(environment.program, b"", &mut self.facts);
        }
        self.run(environment, 2);
        if self.over_limit && environment.program.settings.request_body_limit_reject {
            self.refuse(2, 413);
        }
    }

    /// Asks for a refusal of a body over its limit, as the manual says. Rules have seen the part within the limit
    /// before. Policies decide, so nothing is refused where they only observe.
    fn refuse(&mut self, phase: u8, status: u16) {
        if self.state.mode == EngineMode::On && self.state.interruption.is_none() {
            self.state.interruption = Some(Interruption {
                rule: 0,
                phase,
                status,
                refusal: Refusal::Deny,
            });
        }
    }

    /// Phase 3: the response's head.
    pub fn response_headers(&mut self, environment: Environment<'_>, response: &Response<'_, '_>) {
        request::enter_response(environment.program, response, &mut self.facts);
        self.run(environment, 3);
    }

    /// Whether rules want the response's body.
    pub fn wants_response_body(&self, environment: Environment<'_>) -> bool {
        let content_type = self
            .facts
            .scalar(V::ResponseContentType)
            .unwrap_or_default();
        let types = &environment.program.settings.response_body_mime_types;
        self.state.mode != EngineMode::Off
            && self.state.response_body_access
            && types
                .iter()
                .any(|known| known.as_bytes().eq_ignore_ascii_case(content_type))
    }

    /// Phase 4: the response's body.
    ///
    /// # Arguments
    /// * `body` - the body without content encodings; `None` when it was not read.
    pub fn response_body(&mut self, environment: Environment<'_>, body: Option<&[u8]>) {
        let length = body.map_or(0, <[u8]>::len);
        let mut over = false;
        self.facts.set_integer(
            V::ResponseContentLength,
            i64::try_from(length).unwrap_or(i64::MAX),
        );
        if let Some(body) = body.filter(|_| self.wants_response_body(environment)) {
            let within = within(body, environment.program.settings.response_body_limit_bytes);
            over = within.len() < body.len();
            self.facts.set(V::ResponseBody, within);
            if over {
                self.facts.set(V::OutboundDataError, b"1");
            }
        }
        self.run(environment, 4);
        // The size is known only now, so phase 4 has already seen the part within the limit.
        if over && environment.program.settings.response_body_limit_reject {
            self.refuse(4, 500);
        }
    }

    /// Phase 5: logging, after the transaction.
    pub fn finish(&mut self, environment: Environment<'_>) {
        self.run(environment, 5);
    }

    /// The rules that matched, in the order in which they matched.
    pub fn matched<'a>(
        &'a self,
        environment: Environment<'a>,
    ) -> impl Iterator<Item = MatchedRule<'a>> {
        told(environment.program, &self.state.hits)
    }

    /// The rules that matched in fields where people write, in values that do not break out of their field. These
    /// matches score nothing.
    pub(crate) fn weighed<'a>(
        &'a self,
        environment: Environment<'a>,
    ) -> impl Iterator<Item = MatchedRule<'a>> {
        told(environment.program, &self.state.weighed)
    }

    /// What the first interrupting rule asked for.
    pub fn interruption(&self) -> Option<&Interruption> {
        self.state.interruption.as_ref()
    }

    /// The names and values of all `TX` variables.
    pub fn tx(&self, environment: Environment<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let variables = self.state.tx.iter(&environment.program.names);
        variables
            .map(|(name, value)| {
                let mut text = Vec::new();
                value.push(&mut text);
                (name.to_vec(), text)
            })
            .collect()
    }

    /// The anomaly score of the request that counts for blocking, as the Core Rule Set keeps it.
    pub fn score(&self, environment: Environment<'_>) -> i64 {
        self.number(environment.program.score)
    }

    /// The anomaly score of the response that counts for blocking, as the Core Rule Set keeps it.
    pub fn outbound_score(&self, environment: Environment<'_>) -> i64 {
        self.number(environment.program.outbound_score)
    }

    /// A variable of `TX` as a number, 0 when there is none.
    fn number(&self, place: Option<u16>) -> i64 {
        place
            .and_then(|place| self.state.tx.at(place))
            .map_or(0, crate::rules::program::tx::TxValue::integer)
    }

    /// The severity of the most severe rule that matched, 0 (emergency) to 7 (debug).
    pub fn severity(&self) -> Option<u8> {
        self.state.highest_severity
    }

    /// The body processor that was chosen, "" for none.
    pub fn processor(&self) -> &str {
        self.state.processor.as_deref().unwrap_or_default()
    }

    /// The anomalies that decoders have found in the request so far.
    pub fn anomalies(&self) -> Anomalies {
        self.anomalies
    }

    /// The reason why the body could not be read; `None` when it could.
    pub fn body_error(&self) -> Option<&[u8]> {
        let failed = self
            .facts
            .scalar(V::ReqbodyError)
            .is_some_and(|text| integer(text) != 0);
        failed.then(|| self.facts.scalar(V::ReqbodyErrorMsg).unwrap_or_default())
    }
}

fn told<'a>(program: &'a Program, hits: &'a [Hit]) -> impl Iterator<Item = MatchedRule<'a>> {
    hits.iter().filter_map(move |hit| {
        let rule = program.rules.get(hit.rule as usize)?;
        Some(MatchedRule {
            id: rule.id,
            phase: rule.phase,
            severity: rule.severity,
            tags: &rule.tags,
            rev: &rule.rev,
            ver: &rule.ver,
            log: rule.log,
            audit_log: rule.audit_log,
            file: program
                .files
                .get(rule.file as usize)
                .map_or("", String::as_str),
            line: rule.line,
            msg: &hit.msg,
            template: rule.links.iter().rev().find_map(|link| link.msg.as_ref()),
            logdata: &hit.logdata,
            vars: &hit.vars,
        })
    })
}

/// Sets the variables that tell rules of a body that cannot be read.
fn set_error(facts: &mut Facts, message: &str) {
    // Rule sets read one pair of variables or the other; both say the same.
    for variable in [V::ReqbodyError, V::ReqbodyProcessorError] {
        facts.set(variable, b"1");
    }
    for variable in [V::ReqbodyErrorMsg, V::ReqbodyProcessorErrorMsg] {
        facts.set(variable, message.as_bytes());
    }
}

/// Sets `FULL_REQUEST` and its length, if rules read them. It is a copy of the whole request.
fn full_request(program: &Program, body: &[u8], facts: &mut Facts) {
    if !program.uses(V::FullRequest) && !program.uses(V::FullRequestLength) {
        return;
    }
    let mut whole = facts.scalar(V::RequestLine).unwrap_or_default().to_vec();
    whole.extend_from_slice(b"\n");
    for (name, value) in facts.members(V::RequestHeaders) {
        for part in [name, b": ", value, b"\n"] {
            whole.extend_from_slice(part);
        }
    }
    whole.extend_from_slice(b"\n");
    whole.extend_from_slice(body);
    facts.set_integer(
        V::FullRequestLength,
        i64::try_from(whole.len()).unwrap_or(i64::MAX),
    );
    facts.set(V::FullRequest, &whole);
}

/// The part of a body that its limit allows.
fn within(body: &[u8], limit_bytes: u64) -> &[u8] {
    let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    body.get(..limit).unwrap_or(body)
}

/// How many bytes of a body count for `SecRequestBodyNoFilesLimit`: all bytes, or for a multipart body, as in
/// `ModSecurity`, the headers of its parts and the contents of the parts that are no files.
fn without_files(body: &[u8], facts: &Facts) -> u64 {
    const LINE_END: usize = 2;
    let parts = facts.range(V::ArgsPost).len() + facts.range(V::Files).len();
    let length = if facts.range(V::MultipartPartHeaders).is_empty() {
        body.len()
    } else {
        let sum = |variable: V, each: usize| {
            facts
                .members(variable)
                .map(|(_, value)| value.len() + each)
                .sum::<usize>()
        };
        sum(V::MultipartPartHeaders, LINE_END) + sum(V::ArgsPost, 0) + parts * LINE_END
    };
    u64::try_from(length).unwrap_or(u64::MAX)
}
