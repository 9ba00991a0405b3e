//! Enters the request line, the status line and the headers under SecLang's names.

use std::net::IpAddr;

use crate::http::listener::Listener;
use crate::http::pairs;
use crate::rules::program::Program;
use crate::rules::run::facts::{Entry, Facts, Span};
use crate::rules::wire::Variable as V;

/// A request, as it was received.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a, 'h> {
    /// Method.
    pub method: &'a [u8],
    /// The target as on the request line.
    pub uri: &'a [u8],
    /// `HTTP/1.1`.
    pub protocol: &'a [u8],
    /// Names and values in order, no pseudo headers.
    pub headers: &'h [(&'a [u8], &'a [u8])],
    /// Address of the client.
    pub remote_addr: IpAddr,
    /// The port of the client; 0 when it is not known.
    pub remote_port: u16,
    /// The address of the server, if it is known.
    pub server_addr: Option<IpAddr>,
    /// The port of the server; 0 when it is not known.
    pub server_port: u16,
    /// Id of the request.
    pub unique_id: &'a [u8],
}

/// A response's head.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a, 'h> {
    /// Status.
    pub status: u16,
    /// `HTTP/1.1`.
    pub protocol: &'a [u8],
    /// The reason phrase; "" when it is not known.
    pub reason: &'a [u8],
    /// Names and values in order, no pseudo headers.
    pub headers: &'h [(&'a [u8], &'a [u8])],
}

/// Enters the facts of a request's head.
///
/// # Arguments
/// * `heard` - see [`query`].
pub(crate) fn enter(
    program: &Program,
    request: &Request<'_, '_>,
    now_us: u64,
    facts: &mut Facts,
    heard: Option<bool>,
) {
    line(program, request, facts, heard);
    let mut members = facts.begin(V::RequestHeaders);
    for (name, value) in request.headers {
        members.push(name, value);
    }
    drop(members);
    cookies(program, request, facts);
    let address = facts.store(request.remote_addr.to_string().as_bytes());
    facts.set_span(V::RemoteAddr, address);
    // Host names are not looked up, because a request would then wait for a name server that its sender controls.
    facts.set_span(V::RemoteHost, address);
    facts.set(V::UniqueId, request.unique_id);
    // Only facts that a rule reads are entered, because each fact costs an entry.
    for (variable, value) in FIXED {
        if program.uses(variable) {
            facts.set(variable, value);
        }
    }
    if facts.arguments_left_out() && program.uses(V::ArgumentsLimitReached) {
        facts.set(V::ArgumentsLimitReached, b"1");
    }
    if program.uses(V::RemotePort) {
        facts.set_integer(V::RemotePort, request.remote_port.into());
    }
    if program.uses(V::ServerPort) {
        facts.set_integer(V::ServerPort, request.server_port.into());
    }
    if let Some(address) = request.server_addr.filter(|_| program.uses(V::ServerAddr)) {
        facts.set(V::ServerAddr, address.to_string().as_bytes());
    }
    if program.uses(V::ServerName) {
        facts.set(V::ServerName, server_name(request));
    }
    authorization(program, request, facts);
    if program.uses(V::Webappid) {
        facts.set(V::Webappid, program.settings.web_app_id.as_bytes());
    }
    time(program, now_us, facts);
}

/// The host that a request names, without its port. An IPv6 address has colons too, but in brackets.
fn server_name<'a>(request: &Request<'a, '_>) -> &'a [u8] {
    let host = header(request.headers, b"host").unwrap_or_default();
    let colon = host
        .iter()
        .rposition(|byte| *byte == b':')
        .filter(|at| !host.get(*at..).unwrap_or_default().contains(&b']'));
    host.get(..colon.unwrap_or(host.len())).unwrap_or(host)
}

/// Values that are the same for all requests: the version in `MODSEC_BUILD`; the PCRE limits, which are never exceeded
/// because patterns run in linear time; and variables that are 0 or empty until a body says otherwise, because a rule
/// may ask for just that.
const FIXED: [(V, &[u8]); 25] = [
    (V::ModsecBuild, b"030014000"),
    (V::MscPcreError, b"0"),
    (V::MscPcreLimitsExceeded, b"0"),
    (V::RequestBodyLength, b"0"),
    (V::InboundDataError, b"0"),
    (V::OutboundDataError, b"0"),
    (V::FilesCombinedSize, b"0"),
    (V::ArgumentsLimitReached, b"0"),
    (V::MultipartBoundaryQuoted, b"0"),
    (V::MultipartBoundaryWhitespace, b"0"),
    (V::MultipartCrlfLfLines, b"0"),
    (V::MultipartDataAfter, b"0"),
    (V::MultipartDataBefore, b"0"),
    (V::MultipartDuplicatePartHeader, b"0"),
    (V::MultipartFileLimitExceeded, b"0"),
    (V::MultipartHeaderFolding, b"0"),
    (V::MultipartInvalidHeaderFolding, b"0"),
    (V::MultipartInvalidPart, b"0"),
    (V::MultipartInvalidQuoting, b"0"),
    (V::MultipartLfLine, b"0"),
    (V::MultipartMissingSemicolon, b"0"),
    (V::MultipartStrictError, b"0"),
    (V::MultipartUnmatchedBoundary, b"0"),
    (V::ReqbodyErrorMsg, b""),
    (V::ReqbodyProcessorErrorMsg, b""),
];

/// The first header of a name (lower case).
pub(crate) fn header<'a>(headers: &[(&'a [u8], &'a [u8])], name: &[u8]) -> Option<&'a [u8]> {
    headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value)
}

/// Enters the request line and what is read from its target.
fn line(program: &Program, request: &Request<'_, '_>, facts: &mut Facts, heard: Option<bool>) {
    facts.set(V::RequestMethod, request.method);
    facts.set(V::RequestProtocol, request.protocol);
    let raw = facts.store(request.uri);
    facts.set_span(V::RequestUriRaw, raw);
    let parts = [request.method, b" ", request.uri, b" ", request.protocol];
    let line = facts.store_with(|pool| parts.iter().for_each(|part| pool.extend_from_slice(part)));
    facts.set_span(V::RequestLine, line);
    let start = path_start(request.uri);
    // A fragment is not part of a request (RFC 9112, section 3.2), and Envoy refuses targets with one.
    // `REQUEST_URI_RAW` still has it.
    let relative = request.uri.get(start..).unwrap_or_default();
    let relative = memchr::memchr(b'#', relative)
        .map_or(relative, |end| relative.get(..end).unwrap_or_default());
    let question = memchr::memchr(b'?', relative);
    let (path, rest) = relative.split_at(question.unwrap_or(relative.len()));
    // `ModSecurity` decodes only percent escapes, once: a `+` stays. The path ends at the first `?` that was sent
    // unescaped, because servers split a target before they decode it.
    let mut path_length = path.len();
    let decoded = if memchr::memchr(b'%', relative).is_some() {
        facts.store_with(|pool| {
            let before = pool.len();
            percent_decode(path, pool);
            path_length = pool.len() - before;
            percent_decode(rest, pool);
        })
    } else {
        Facts::part(raw, start..start + relative.len())
    };
    facts.set_span(V::RequestUri, decoded);
    file_name(facts, Facts::part(decoded, 0..path_length));
    if program.uses(V::UriParseError) {
        let bad = crate::rules::operators::bad_url_encoding(path);
        facts.set(V::UriParseError, if bad { b"1" } else { b"0" });
    }
    query(
        program,
        question.and_then(|at| relative.get(at + 1..)),
        facts,
        heard,
    );
}

/// Enters `REQUEST_FILENAME` and the variables that are a part of it.
fn file_name(facts: &mut Facts, path: Span) {
    facts.set_span(V::RequestFilename, path);
    facts.set_span(V::PathInfo, path);
    let name = facts.bytes(path);
    let base = name
        .iter()
        .rposition(|byte| matches!(byte, b'/' | b'\\'))
        .map_or(0, |at| at + 1);
    let base = Facts::part(path, base..name.len());
    facts.set_span(V::RequestBasename, base);
}

/// Enters `QUERY_STRING` and the arguments in it.
///
/// # Arguments
/// * `heard` - whether an escape was wrong, if the arguments are among the facts already; `None`: they are read here.
fn query(program: &Program, query: Option<&[u8]>, facts: &mut Facts, heard: Option<bool>) {
    let query = query.unwrap_or_default();
    facts.set(V::QueryString, query);
    let bad = heard.unwrap_or_else(|| {
        let mut arguments = QueryFacts::new(program, std::mem::take(facts));
        // The same reader as for parameters, so that policies and rules see the same arguments.
        let bad = pairs::read(query, separator(program), &mut arguments);
        (*facts, _) = arguments.finish();
        bad
    });
    if program.uses(V::UrlencodedError) {
        facts.set(V::UrlencodedError, if bad { b"1" } else { b"0" });
    }
}

/// Decodes percent escapes and nothing else, because a `+` in a path is a plus. `ModSecurity` decodes
/// `REQUEST_FILENAME` in the same way.
pub(crate) fn percent_decode(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        if let [b'%', high, low, tail @ ..] = rest
            && let Some(byte) = crate::rules::bytes::hex_byte(*high, *low)
        {
            out.push(byte);
            rest = tail;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
}

/// The path of a target, without decoding.
pub(crate) fn path_of(uri: &[u8]) -> &[u8] {
    let relative = uri.get(path_start(uri)..).unwrap_or_default();
    let end = memchr::memchr(b'?', relative).unwrap_or(relative.len());
    relative.get(..end).unwrap_or(relative)
}

/// Where the path begins in an absolute target (`http://host/path`).
fn path_start(uri: &[u8]) -> usize {
    let Some(scheme) = memchr::memmem::find(uri, b"://") else {
        return 0;
    };
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    // A `://` in a query does not follow a scheme: `/go?to=https://…`.
    if scheme == 0 || !uri.get(..scheme).unwrap_or_default().iter().all(plain) {
        return 0;
    }
    let after = scheme + 3;
    let authority = uri.get(after..).unwrap_or_default();
    after
        + authority
            .iter()
            .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
            .unwrap_or(authority.len())
}

/// The listener that keeps a query's arguments as facts.
///
/// The pipeline reads a query once, for parameters and for rules, and hands the facts over to
/// [`crate::rules::Inspection::begin_with`].
#[derive(Debug)]
pub(crate) struct QueryFacts {
    facts: Facts,
    /// Where the arguments begin among the entries.
    mark: u32,
    room: usize,
    is_over: bool,
    /// Whether a `%` was not followed by two hexadecimal digits.
    bad: bool,
}

impl QueryFacts {
    /// A listener that adds arguments to `facts`.
    fn new(program: &Program, facts: Facts) -> Self {
        Self {
            mark: facts.mark(),
            facts,
            room: program.settings.arguments_limit as usize,
            is_over: false,
            bad: false,
        }
    }

    /// A listener for a query that is read for parameters; `None` when rules use another separator than the WHATWG URL
    /// standard, so that they have to read the query by themselves.
    pub(crate) fn heard(program: &Program) -> Option<Self> {
        (separator(program) == b'&').then(|| Self::new(program, Facts::default()))
    }

    /// Notes whether an escape was wrong, which the reader says at its end.
    pub(crate) fn note_bad_escape(&mut self, bad: bool) {
        self.bad |= bad;
    }

    /// The facts, and whether an escape was wrong.
    pub(crate) fn finish(mut self) -> (Facts, bool) {
        self.facts.close(V::ArgsGet, self.mark);
        if self.is_over {
            self.facts.leave_out_arguments();
        }
        (self.facts, self.bad)
    }
}

impl Listener for QueryFacts {
    fn pair(&mut self, name: &[u8], value: &[u8]) {
        if self.room == 0 {
            self.is_over = true;
            return;
        }
        self.room -= 1;
        let entry = Entry {
            name: self.facts.store(name),
            value: self.facts.store(value),
        };
        self.facts.add(entry);
    }
}

fn separator(program: &Program) -> u8 {
    u8::try_from(program.settings.argument_separator).unwrap_or(b'&')
}

fn cookies(program: &Program, request: &Request<'_, '_>, facts: &mut Facts) {
    let mut members = facts.begin(V::RequestCookies);
    // A comma separates only version 1 cookies (RFC 2109, section 4.3.4).
    let separators: &[u8] = if program.settings.cookie_v1 {
        b";,"
    } else {
        b";"
    };
    for (name, value) in request.headers {
        if !name.eq_ignore_ascii_case(b"cookie") {
            continue;
        }
        // Blanks at the very end belong to the header (RFC 9110, section 5.5); blanks before a semicolon belong to the
        // value.
        for pair in value
            .trim_ascii_end()
            .split(|byte| separators.contains(byte))
        {
            let pair = pair.trim_ascii_start();
            let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
            let (name, value) = (
                pair.get(..equals).unwrap_or_default(),
                pair.get(equals + 1..).unwrap_or_default(),
            );
            // An empty pair is no cookie: `a=1;;b=2` has two cookies.
            if !name.is_empty() || !value.is_empty() {
                members.push(name, value);
            }
        }
    }
}

fn authorization(program: &Program, request: &Request<'_, '_>, facts: &mut Facts) {
    if !program.uses(V::AuthType) && !program.uses(V::RemoteUser) {
        return;
    }
    let Some(value) = header(request.headers, b"authorization") else {
        return;
    };
    let space = memchr::memchr(b' ', value).unwrap_or(value.len());
    let (scheme, rest) = value.split_at(space);
    facts.set(V::AuthType, scheme);
    if scheme.eq_ignore_ascii_case(b"basic") {
        let mut decoded = Vec::new();
        let encoded = rest.trim_ascii();
        crate::rules::transformations::apply(
            crate::rules::wire::Transformation::Base64Decode,
            encoded,
            &[],
            &mut decoded,
        );
        let user = decoded
            .split(|byte| *byte == b':')
            .next()
            .unwrap_or_default();
        facts.set(V::RemoteUser, user);
    }
}

/// Enters the `TIME…` variables in UTC.
fn time(program: &Program, now_us: u64, facts: &mut Facts) {
    let seconds = now_us / 1_000_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let mut set = |variable: V, value: u64| {
        if program.uses(variable) {
            facts.set_integer(variable, i64::try_from(value).unwrap_or(i64::MAX));
        }
    };
    set(V::TimeEpoch, seconds);
    set(V::TimeYear, year);
    // From 0, as in C's `struct tm`.
    set(V::TimeMon, month - 1);
    set(V::TimeDay, day);
    // 1 January 1970 was a Thursday.
    set(V::TimeWday, (days + 4) % 7);
    set(V::TimeHour, second / 3600);
    set(V::TimeMin, second / 60 % 60);
    set(V::TimeSec, second % 60);
    if program.uses(V::Time) {
        let text = format!(
            "{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        );
        facts.set(V::Time, text.as_bytes());
    }
}

/// Year, month and day of a day since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    // 719,468 days lie between 1 March of the year 0 and 1970; 400 years have 146,097 days.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    // Here years begin in March, so that the leap day is the last day of a year.
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// Enters the facts of a response's head.
pub(crate) fn enter_response(program: &Program, response: &Response<'_, '_>, facts: &mut Facts) {
    facts.set_integer(V::ResponseStatus, response.status.into());
    facts.set(V::ResponseProtocol, response.protocol);
    if program.uses(V::StatusLine) {
        let mut line = response.protocol.to_vec();
        line.extend_from_slice(format!(" {}", response.status).as_bytes());
        // HTTP/2 and HTTP/3 have no reason phrase (RFC 9113, section 8.3.2).
        if !response.reason.is_empty() {
            line.push(b' ');
            line.extend_from_slice(response.reason);
        }
        facts.set(V::StatusLine, &line);
    }
    let mut members = facts.begin(V::ResponseHeaders);
    for (name, value) in response.headers {
        members.push(name, value);
    }
    drop(members);
    let content_type = header(response.headers, b"content-type").unwrap_or_default();
    let essence = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    facts.set(V::ResponseContentType, essence);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::{Anomaly, Limits, Parameters, query as reader};
    use crate::rules::wire::{Constants, FORMAT, RuleSet, Settings};

    fn program(separator: char, limit: u32) -> Program {
        let set = RuleSet {
            format: FORMAT,
            signatures: Vec::new(),
            settings: Settings {
                argument_separator: separator,
                arguments_limit: limit,
                ..Settings::default()
            },
            files: Vec::new(),
            rules: Vec::new(),
            reads_earlier: true,
            constants: Constants::default(),
        };
        crate::rules::load::program(&rmp_serde::to_vec_named(&set).unwrap()).unwrap()
    }

    fn members(facts: &Facts) -> Vec<(Vec<u8>, Vec<u8>)> {
        let all = facts.members(V::ArgsGet);
        all.map(|(name, value)| (name.to_vec(), value.to_vec()))
            .collect()
    }

    proptest! {
        /// What rules hear while a query is read for parameters is what they would read by themselves.
        #[test]
        fn a_query_that_is_heard_is_the_query_that_is_read(raw in "[ab%24=&+;\\x{ff}]{0,40}") {
            let program = program('&', 3);
            let mut read = Facts::default();
            let mut alone = QueryFacts::new(&program, std::mem::take(&mut read));
            let bad = pairs::read(raw.as_bytes(), b'&', &mut alone);
            (read, _) = alone.finish();
            let mut heard = QueryFacts::heard(&program);
            let mut parameters = Parameters::new(1);
            let odd = reader::read(raw.as_bytes(), &Limits::default(), &mut parameters, &mut heard);
            let mut heard = heard.unwrap();
            heard.note_bad_escape(odd.contains(Anomaly::QueryBadEscape));
            let (facts, is_bad) = heard.finish();
            prop_assert_eq!(members(&facts), members(&read));
            prop_assert_eq!(is_bad, bad);
            prop_assert_eq!(facts.arguments_left_out(), read.arguments_left_out());
        }
    }

    #[test]
    fn rules_with_another_separator_read_queries_by_themselves() {
        assert!(QueryFacts::heard(&program(';', 3)).is_none());
    }

    #[test]
    fn absolute_targets() {
        for (uri, path) in [
            ("/a?b", "/a?b"),
            ("http://h:1/a", "/a"),
            ("http://h", ""),
            ("/x?u=http://h/", "/x?u=http://h/"),
            ("*", "*"),
        ] {
            assert_eq!(&uri[path_start(uri.as_bytes())..], path, "{uri}");
        }
    }

    #[test]
    fn dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_454), (2026, 1, 1));
    }
}
