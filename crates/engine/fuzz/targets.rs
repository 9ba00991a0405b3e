//! What is fuzzed, as functions on bytes. `fuzz_targets/` gives them to libFuzzer (nightly, `cargo fuzz run
//! NAME`), `tests/fuzz_targets.rs` runs them on stable over the seeds and some mutations of each.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};
use starfort_engine::bundle::{Bundle, FORMAT, MAGIC};
use starfort_engine::bundle::{Identity as IdentityBundle, JwtProvider};
use starfort_engine::client::geo::{GeoDatabases, GeoRecord};
use starfort_engine::explain::{Described, DescribedResponse, explain};
use starfort_engine::hash::KeyedHash;
use starfort_engine::headers::Headers;
use starfort_engine::http::body::{Body, BodyKind};
use starfort_engine::http::collect::Collect;
use starfort_engine::http::listener::{Both, Listener};
use starfort_engine::http::multipart::Part as BodyPart;
use starfort_engine::http::{
    Anomalies, Anomaly, Limits, MAX_NAME_BYTES, Parameters, body, cookies, decompress, form,
    headers, json, path, query, readings, xml,
};
use starfort_engine::identity::{Identities, Offered};
use starfort_engine::rules::wire::{
    Constants, Ctl, Disruptive, Link, Operator, OperatorKind, Part, Rule, RuleAction, RuleSet,
    Selector, Settings, Target as Look, Transformation, Variable,
};
use starfort_engine::rules::{Collections, Inspection, Request, Rules};
use starfort_engine::sensitive::{ClassSet, Detectors, mask_json};
use starfort_engine::{Assets, Engine, Now};

#[path = "contract.rs"]
mod contract;

pub(crate) use contract::{fuzz_contract, fuzz_contract_schema};

/// Name (of the binary, the seeds' folder and the dictionary) and function of a target.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// Every target.
pub(crate) const TARGETS: &[Target] = &[
    ("json", fuzz_json),
    ("form", fuzz_form),
    ("multipart", fuzz_multipart),
    ("xml", fuzz_xml),
    ("query_cookies_path", fuzz_query_cookies_path),
    ("body_decompress", fuzz_body_decompress),
    ("mask_json", fuzz_mask_json),
    ("bundle_file", fuzz_bundle_file),
    ("rules", fuzz_rules),
    ("geo_database", fuzz_geo_database),
    ("jwt", fuzz_jwt),
    ("contract", fuzz_contract),
    ("contract_schema", fuzz_contract_schema),
];

fn limits() -> Limits {
    Limits {
        depth: 16,
        body_parameters: 200,
        decompressed_bytes: 1 << 18,
        ..Limits::default()
    }
}

/// Nothing kept is larger than the input allows: one U+FFFD for each odd byte at most.
fn assert_bounded(parameters: &Parameters, input: usize, readers: usize) {
    let values: usize = parameters
        .iter()
        .map(|parameter| parameter.value.len())
        .sum();
    assert!(
        values <= readers * (3 * input + 16),
        "{values} bytes of values from {input}"
    );
    for parameter in parameters.iter() {
        assert!(parameter.name.len() <= MAX_NAME_BYTES);
        let _ = parameter.kind();
    }
    assert!(parameters.len() <= limits().body_parameters as usize);
}

/// What a reader tells, as parameters; another listener hears it too.
fn collected<L: Listener>(
    format: BodyKind,
    other: &mut L,
    read: impl FnOnce(&mut Both<&mut Collect<'_>, &mut L>),
) -> (Parameters, Anomalies) {
    let mut parameters = Parameters::new(limits().body_parameters);
    let mut collect = Collect::new(&mut parameters, &limits());
    let mut both = Both(&mut collect, other);
    both.begin(format);
    read(&mut both);
    both.end();
    let anomalies = collect.anomalies();
    (parameters, anomalies)
}

/// JSON: bounded, and malformed exactly when `serde_json` says so (within what it reads, and of one document).
pub(crate) fn fuzz_json(data: &[u8]) {
    for documents in [json::Documents::One, json::Documents::Many] {
        for truncated in [false, true] {
            let (parameters, found) =
                collected(BodyKind::Json, &mut Anomalies::default(), |both| {
                    json::read(data, truncated, documents, both);
                });
            assert_bounded(&parameters, data.len(), 1);
            let comparable = documents == json::Documents::One
                && !truncated
                && std::str::from_utf8(data).is_ok();
            if comparable
                && !found.contains(Anomaly::DepthOverLimit)
                && !found.contains(Anomaly::InvalidUtf8)
                && !found.contains(Anomaly::ContentTypeMismatch)
            {
                let valid = serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok();
                assert_eq!(!found.contains(Anomaly::MalformedJson), valid);
            }
        }
    }
}

/// Forms.
pub(crate) fn fuzz_form(data: &[u8]) {
    let (parameters, _) = collected(BodyKind::Form, &mut Anomalies::default(), |both| {
        form::read(data, b'&', both);
    });
    assert_bounded(&parameters, data.len(), 1);
}

/// Counts the bytes of parts.
struct Contents(usize);

impl Listener for Contents {
    fn part(&mut self, part: &BodyPart<'_>) {
        self.0 += part.content.len();
    }
}

/// Multipart: the content type is the first line; contents are no more than the body.
pub(crate) fn fuzz_multipart(data: &[u8]) {
    let (boundary, content) =
        data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(0));
    let boundary = String::from_utf8_lossy(boundary);
    for kind in ["form-data", "mixed"] {
        let content_type = format!("multipart/{kind}; boundary={boundary}");
        let mut contents = Contents(0);
        let (parameters, _) = collected(BodyKind::Multipart, &mut contents, |both| {
            Body::plain(Some(&content_type), content, false).read(None, b'&', both);
        });
        // Each value under each of a part's names, as sent and decoded.
        assert_bounded(&parameters, content.len(), 64);
        assert!(contents.0 <= content.len());
    }
}

/// XML and SGML; entities make at most a megabyte more of a body.
pub(crate) fn fuzz_xml(data: &[u8]) {
    for dialect in [xml::Dialect::Xml, xml::Dialect::Sgml] {
        let (parameters, _) = collected(BodyKind::Xml, &mut Anomalies::default(), |both| {
            xml::read(data, false, dialect, both);
        });
        assert_bounded(&parameters, data.len() + (1 << 20), 1);
    }
    let _ = xml::declared_charset(data);
}

/// The request's head: a rooted path without dot segments that normalises to itself, and few other readings of it;
/// query, cookies, headers.
pub(crate) fn fuzz_query_cookies_path(data: &[u8]) {
    let mut parameters = Parameters::new(limits().body_parameters);
    let target = path::split(data, &limits());
    assert!(target.path.starts_with('/') || target.path == "*");
    assert!(
        target
            .path
            .split('/')
            .all(|segment| segment != "." && segment != "..")
    );
    if !target.anomalies.contains(Anomaly::PathDoubleEncoding) && target.path != "*" {
        let again = path::normalize(
            target.path.as_bytes(),
            &Limits {
                uri_bytes: u32::MAX,
                ..limits()
            },
        );
        assert_eq!(again.path, target.path);
    }
    assert!(target.others.len() <= readings::MAX_READINGS);
    for reading in &target.others {
        assert!(reading.path.starts_with('/') && reading.path != target.path);
    }
    let _ = query::parse(target.query.unwrap_or_default(), &limits(), &mut parameters);
    let _ = cookies::parse(data, &limits(), &mut parameters);
    let _ = headers::check([(data, data)], &limits());
    assert_bounded(&parameters, data.len(), 2);
}

/// A whole body: its first line is content type and encoding, with a tab between.
pub(crate) fn fuzz_body_decompress(data: &[u8]) {
    let (head, content) = data.split_at(
        data.iter()
            .position(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1),
    );
    let head = String::from_utf8_lossy(head);
    let (content_type, encoding) = head.trim_end().split_once('\t').unwrap_or((&head, ""));
    let plain = decompress::decompress(Some(encoding), content, false, &limits());
    assert!(plain.body.len() <= (limits().decompressed_bytes as usize).max(content.len()));
    let mut parameters = Parameters::new(limits().body_parameters);
    let parsed = body::parse(
        Some(content_type),
        Some(encoding),
        content,
        false,
        &limits(),
        &mut parameters,
    );
    // Read as declared and as sniffed, parts under each of their names; other charsets grow at most threefold on their
    // way to UTF-8.
    assert_bounded(&parameters, 3 * plain.body.len() + (1 << 20), 64);
    assert!(parsed.content.len() <= 3 * plain.body.len() + 16);
}

/// Masking: what was JSON stays JSON, and of another size only when something was masked.
pub(crate) fn fuzz_mask_json(data: &[u8]) {
    let detectors = Detectors::of(ClassSet::ALL);
    let scan = detectors.scan_json(data);
    let Some(masked) = mask_json(data, &detectors, ClassSet::NONE) else {
        return;
    };
    assert!(masked.count > 0 && scan.count > 0);
    if serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok() {
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&masked.body).is_ok());
    }
}

/// A bundle: the file as it is, and the bytes as a payload with a true header, so that mutations get past the
/// checksum. What loads must be able to decide.
pub(crate) fn fuzz_bundle_file(data: &[u8]) {
    let _ = Bundle::from_bytes(data);
    let mut file = Vec::with_capacity(data.len() + 64);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&FORMAT.to_be_bytes());
    file.extend_from_slice(&(data.len() as u64).to_be_bytes());
    file.extend_from_slice(&Sha256::digest(data));
    file.extend_from_slice(data);
    let Ok(bundle) = Bundle::from_bytes(&file) else {
        return;
    };
    let Ok(engine) = Engine::new(bundle, Assets::default(), std::sync::Arc::default()) else {
        return;
    };
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let described = Described {
        headers: vec![
            pair(":authority", "shop.example.com"),
            pair(":path", "/api/v1/group0/login?q=1"),
            pair(":method", "POST"),
            pair(":scheme", "https"),
            pair("content-type", "application/json"),
        ],
        peer: std::net::Ipv4Addr::LOCALHOST.into(),
        protocol: "HTTP/1.1",
        body: br#"{"username":"ann@example.com","password":"x"}"#.to_vec(),
        response: Some(DescribedResponse {
            headers: vec![
                pair(":status", "200"),
                pair("content-type", "application/json"),
            ],
            body: br#"{"card":"4111 1111 1111 1111"}"#.to_vec(),
        }),
    };
    let now = Now {
        unix_us: 1_700_000_000_000_000,
        monotonic_ns: 1_000_000_000,
    };
    let explanation = explain(&engine, &described, now);
    assert_eq!(explanation.event.bundle, engine.version);
}

/// Rules of each kind of operator and transformation over a request: `URI \n HEADER \n CONTENT-TYPE \n BODY`. Asking
/// only the rules that can match tells the same as asking all.
pub(crate) fn fuzz_rules(data: &[u8]) {
    static RULES: LazyLock<Rules> = LazyLock::new(|| {
        let set = fuzzed_rules();
        rmp_serde::to_vec_named(&set)
            .ok()
            .and_then(|bytes| Rules::new(&bytes).ok())
            .unwrap_or_else(|| unreachable!("the rules are fixed"))
    });
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (uri, header, content_type, body) = (next(), next(), next(), next());
    let headers = [
        (&b"x-header"[..], header),
        (b"cookie", header),
        (b"content-type", content_type),
    ];
    let request = Request {
        method: b"POST",
        uri,
        protocol: b"HTTP/1.1",
        headers: &headers,
        remote_addr: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        remote_port: 1,
        server_addr: None,
        server_port: 1,
        unique_id: b"",
    };
    let tell = |exhaustive: bool| {
        let collections = Collections::default();
        let Some(environment) = RULES.environment(&collections, 1) else {
            return Vec::new();
        };
        let mut inspection = Inspection::begin(environment, &request, GeoRecord::default());
        if exhaustive {
            inspection.exhaustively();
        }
        inspection.request_headers(environment);
        inspection.request_body(environment, body, false);
        inspection.finish(environment);
        inspection
            .matched(environment)
            .map(|matched| (matched.id, matched.vars.to_vec()))
            .collect()
    };
    assert_eq!(tell(false), tell(true));
}

/// A MaxMind database: refused when it is opened, or harmless at every request.
pub(crate) fn fuzz_geo_database(data: &[u8]) {
    let Ok(databases) = GeoDatabases::open(Some(data.to_vec()), Some(data.to_vec())) else {
        return;
    };
    for address in [
        "0.0.0.0",
        "127.255.0.1",
        "255.255.255.255",
        "::",
        "2001:db8::1",
    ] {
        let Ok(address) = address.parse() else {
            continue;
        };
        let (text, place) = databases.describe(address);
        assert_eq!(text, address.to_string());
        assert_eq!(place, databases.look_up(address));
        assert!(place.as_organization.len() <= data.len());
    }
}

/// A token and a verified payload, on two lines: a caller is known by the payload only, and what is handed on is
/// bounded.
pub(crate) fn fuzz_jwt(data: &[u8]) {
    const ISSUER: &str = "https://id.example.com";
    static KNOWN: LazyLock<(Identities, KeyedHash)> = LazyLock::new(|| {
        let bundle = IdentityBundle {
            jwt_payload_header: "x-payload".to_owned(),
            jwt_providers: vec![JwtProvider {
                name: "staff".to_owned(),
                issuer: ISSUER.to_owned(),
                subject_claim: "sub".to_owned(),
                scopes_claim: "scope".to_owned(),
            }],
            api_key_sources: Vec::new(),
            api_keys: Vec::new(),
            mtls: false,
        };
        let (identities, hash) = (Identities::new(&bundle), KeyedHash::new(&[0; 32]));
        match (identities, hash) {
            (Ok(identities), Ok(hash)) => (identities, hash),
            _ => unreachable!("the bundle is fixed"),
        }
    });
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (token, payload) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let authorization = [&b"Bearer "[..], token].concat();
    let mut pairs: Vec<(&[u8], &[u8])> = vec![(b"authorization", &authorization)];
    if !payload.is_empty() {
        pairs.push((b"x-payload", payload));
    }
    let headers = Headers::copy(pairs);
    let parameters = Parameters::new(0);
    let offered = Offered {
        headers: &headers,
        parameters: &parameters,
        unix_s: 1_700_000_000,
    };
    let (identities, hash) = &*KNOWN;
    let identity = identities.identify(offered, &["staff".to_owned()], hash);
    if identity.verified() {
        assert!(!payload.is_empty() && identity.issuer == ISSUER && identity.error.is_empty());
    }
    let size: usize = identity
        .claims
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    assert!(size <= 6 * data.len() + 64, "{size} bytes of claims");
    assert!(identity.subject.len() + identity.scopes.len() <= 2 * data.len());
    // Who offers nothing else is known by nothing else.
    assert!(
        identities
            .identify(offered, &[], hash)
            .subject_hash
            .is_empty()
    );
}

fn link(
    targets: Vec<Look>,
    kind: OperatorKind,
    argument: &str,
    transformations: Vec<Transformation>,
) -> Link {
    Link {
        targets,
        operator: Operator {
            kind,
            argument: vec![Part::Text(argument.to_owned())],
            phrases: vec![argument.to_owned()],
        },
        negated: false,
        transformations,
        multi_match: false,
        capture: true,
        msg: None,
        logdata: None,
        actions: Vec::new(),
        reads_matched: true,
    }
}

fn fuzzed_rules() -> RuleSet {
    let rule = |id, phase, link| Rule {
        id,
        phase,
        file: 0,
        line: 0,
        links: vec![link],
        rev: String::new(),
        ver: String::new(),
        severity: None,
        tags: Vec::new(),
        attacks: Vec::new(),
        disruptive: Disruptive::Pass,
        status: None,
        log: true,
        audit_log: false,
        notes: true,
        skip: 0,
        skip_to: None,
    };
    let all = || {
        [
            Variable::Args,
            Variable::ArgsNames,
            Variable::RequestCookies,
            Variable::RequestUri,
            Variable::Xml,
            Variable::MultipartPartHeaders,
        ]
        .map(|variable| Look {
            variable,
            selector: None,
            count: false,
            exclude: false,
        })
        .to_vec()
    };
    let mut rules = Vec::new();
    for (start, name) in ["JSON", "XML"].into_iter().enumerate() {
        let mut choose = link(
            vec![Look {
                variable: Variable::RequestHeaders,
                selector: Some(Selector::Name("content-type".into())),
                count: false,
                exclude: false,
            }],
            OperatorKind::Contains,
            ["json", "xml"].get(start).copied().unwrap_or_default(),
            Vec::new(),
        );
        choose.actions = vec![RuleAction::Ctl(Ctl::RequestBodyProcessor(name.to_owned()))];
        rules.push(rule(start as u64 + 1, 1, choose));
    }
    let operators = [
        (
            OperatorKind::Rx,
            r"(?i)(?:union|select)\s+\w|<script[^>]*>|\.\./",
        ),
        (OperatorKind::Rx, r"[^a-z]{3}$"),
        (OperatorKind::Pm, "select"),
        (OperatorKind::DetectSqli, ""),
        (OperatorKind::DetectXss, ""),
        (OperatorKind::ValidateByteRange, "32-126"),
        (OperatorKind::ContainsWord, "or"),
        (OperatorKind::VerifyCc, r"\d{13,16}"),
    ];
    for (index, transformation) in transformations().into_iter().enumerate() {
        if let Some((kind, argument)) = operators.get(index % operators.len()) {
            let chain = vec![
                Transformation::UrlDecodeUni,
                transformation,
                Transformation::Lowercase,
            ];
            rules.push(rule(
                100 + index as u64,
                2,
                link(all(), *kind, argument, chain),
            ));
            rules.push(rule(
                200 + index as u64,
                2,
                link(all(), *kind, argument, vec![transformation]),
            ));
        }
    }
    RuleSet {
        format: starfort_engine::rules::wire::FORMAT,
        signatures: Vec::new(),
        settings: Settings::default(),
        files: Vec::new(),
        rules,
        reads_earlier: true,
        constants: Constants::default(),
    }
}

fn transformations() -> Vec<Transformation> {
    // By their names in SecLang, so that none is forgotten when the list grows.
    "base64Decode base64DecodeExt base64Encode cmdLine compressWhitespace cssDecode escapeSeqDecode hexDecode hexEncode \
     htmlEntityDecode jsDecode length lowercase uppercase md5 normalizePath normalizePathWin parityEven7bit \
     parityOdd7bit parityZero7bit phpArgsNames removeComments removeCommentsChar removeNulls removeWhitespace \
     replaceComments replaceNulls sha1 sqlHexDecode trim trimLeft trimRight urlDecode urlDecodeUni urlEncode \
     utf8toUnicode utf8toAscii omitDataUris"
        .split_whitespace()
        .filter_map(|name| serde_json::from_value(serde_json::Value::String(name.to_owned())).ok())
        .collect()
}
