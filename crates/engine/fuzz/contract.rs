//! Fuzzing of contracts: what callers send, and what documents say.

use std::sync::LazyLock;

use starfort_engine::bundle::contract::{
    ApiContract, ContractBody, ContractMedia, ContractOperation, ContractParameter, ContractPlace,
    ContractSettings, ParameterPlace, ParameterStyle,
};
use starfort_engine::contract::{
    Checked, Contracts, ContractsCache, MAX_VIOLATIONS, RequestHead, Violations, remove,
};
use starfort_engine::headers::Headers;
use starfort_engine::http::body::Body;
use starfort_engine::http::{Limits, Parameters, query};

/// Schemas of every kind of composition, with recursion; fields are held strictly.
const DEFINITIONS: &str = r##"{"$defs":{
    "node": {"type": "object", "properties": {"a": {"$ref": "#/$defs/any"}, "b": {"$ref": "#/$defs/node"},
        "s": {"type": "string", "pattern": "^(a|b)*c?$", "maxLength": 9, "format": "date"},
        "n": {"type": "number", "multipleOf": 0.5, "minimum": -3}, "l": {"type": "array", "uniqueItems": true, "items": {"$ref": "#/$defs/any"}}}},
    "any": {"anyOf": [{"$ref": "#/$defs/node"}, {"oneOf": [{"type": "integer"}, {"type": "boolean"}, {"$ref": "#/$defs/strict"}]}, {"type": "array", "items": {"$ref": "#/$defs/any"}}]},
    "strict": {"allOf": [{"properties": {"s": {"const": "a"}}}], "required": ["s"], "unevaluatedProperties": false}
}}"##;

const MEDIA: [&str; 5] = [
    "application/json",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
];

const STYLES: [ParameterStyle; 8] = [
    ParameterStyle::Form,
    ParameterStyle::SpaceDelimited,
    ParameterStyle::PipeDelimited,
    ParameterStyle::DeepObject,
    ParameterStyle::TabDelimited,
    ParameterStyle::Simple,
    ParameterStyle::Label,
    ParameterStyle::Matrix,
];

fn contract(definitions: &str, schema: &str) -> ApiContract {
    let parameter = |style: ParameterStyle, explode: bool| ContractParameter {
        name: "c".into(),
        place: match style {
            ParameterStyle::Simple | ParameterStyle::Label | ParameterStyle::Matrix => {
                ParameterPlace::Path
            }
            _ => ParameterPlace::Query,
        },
        required: true,
        schema: Some(0),
        style,
        explode,
        allow_reserved: false,
        allow_empty: false,
        media_type: None,
    };
    let media = |media_type: &&str| ContractMedia {
        media_type: (*media_type).into(),
        schema: Some(0),
        encoding: Vec::new(),
    };
    ApiContract {
        api: 0,
        digest: String::new(),
        definitions: definitions.into(),
        schemas: vec![schema.into()],
        schemes: Vec::new(),
        operations: vec![ContractOperation {
            places: vec![ContractPlace {
                endpoint: 0,
                path: "/x/{c}".into(),
                settings: 0,
            }],
            parameters: STYLES
                .iter()
                .flat_map(|style| [parameter(*style, true), parameter(*style, false)])
                .collect(),
            body: Some(ContractBody {
                required: true,
                content: MEDIA.iter().map(media).collect(),
            }),
            responses: Vec::new(),
            security: None,
            deprecated: false,
        }],
        settings: vec![ContractSettings {
            requests: None,
            responses: None,
            deny_unknown: true,
            deny_unknown_fields: true,
            remove: vec!["n".into(), "/l/*/a".into()],
            remove_undocumented: true,
        }],
    }
}

/// A text of a body, held against the contract.
fn hold(contracts: &Contracts, content_type: &str, body: &[u8]) -> Option<(Checked, Violations)> {
    let mut violations = Violations::default();
    let call = contracts.of(0)?;
    let mut check = call.request_body(Some(content_type), body.len(), &mut violations);
    Body::plain(Some(content_type), body, false).read(None, b'&', &mut check);
    let checked = check.finish(false, None, &mut violations);
    assert_bounded(&violations);
    Some((checked, violations))
}

/// Violations are few and short, and hold no text but names.
fn assert_bounded(violations: &Violations) {
    assert!(violations.iter().len() <= MAX_VIOLATIONS);
    for violation in violations.iter() {
        let text = violation.to_string();
        assert!(text.len() < 300, "{text}");
        assert!(!text.chars().any(char::is_control), "{text}");
    }
}

/// A media type by the first byte, and a body. What is left after unknown fields are taken out has none.
pub(crate) fn fuzz_contract(data: &[u8]) {
    static CONTRACTS: LazyLock<Option<Contracts>> = LazyLock::new(|| {
        let written = [contract(DEFINITIONS, r##"{"$ref": "#/$defs/node"}"##)];
        Contracts::compile(&written, &ContractsCache::default()).ok()
    });
    let (Some(contracts), Some((first, body))) = (&*CONTRACTS, data.split_first()) else {
        return;
    };
    let index = usize::from(*first) % MEDIA.len();
    let content_type = format!(
        "{}; boundary=x",
        MEDIA.get(index).copied().unwrap_or_default()
    );
    head(contracts, body);
    let Some((checked, violations)) = hold(contracts, &content_type, body) else {
        return;
    };
    let is_valid = violations
        .iter()
        .all(|violation| violation.to_string().contains("body/unknown"));
    if index == 0 && is_valid && !checked.unknown.is_empty() {
        let none = starfort_engine::contract::Removal::default();
        let left = remove(body, &none, &checked.unknown);
        let left = left
            .ok()
            .flatten()
            .map(|removed| removed.body)
            .unwrap_or_default();
        let again = hold(contracts, &content_type, &left);
        assert!(again.is_some_and(|(checked, _)| checked.unknown.is_empty()));
    }
}

/// The same bytes as the target of a request.
fn head(contracts: &Contracts, bytes: &[u8]) {
    let limits = Limits::default();
    let text = String::from_utf8_lossy(bytes);
    let target = format!("/x/{text}");
    let (path, raw) = target.split_once('?').unwrap_or((&target, ""));
    let mut parameters = Parameters::within(&limits);
    query::parse(raw.as_bytes(), &limits, &mut parameters);
    let mut violations = Violations::default();
    let head = RequestHead {
        path,
        target: target.as_bytes(),
        headers: &Headers::default(),
        parameters: &parameters,
        has_certificate: false,
        hash: None,
    };
    if let Some(call) = contracts.of(0) {
        call.request_head(head, &mut violations);
    }
    assert_bounded(&violations);
}

/// A schema on the first line, and a value: whatever a document says, it is refused or it decides.
pub(crate) fn fuzz_contract_schema(data: &[u8]) {
    let (schema, body) = data.split_at(
        data.iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(data.len()),
    );
    let Ok(schema) = std::str::from_utf8(schema) else {
        return;
    };
    let definitions = format!("{{\"$defs\":{{\"node\":{schema}}}}}");
    let written = [contract(&definitions, r##"{"$ref": "#/$defs/node"}"##)];
    if let Ok(contracts) = Contracts::compile(&written, &ContractsCache::default()) {
        hold(&contracts, "application/json", body);
        head(&contracts, body);
    }
}
