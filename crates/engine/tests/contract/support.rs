//! Contracts and messages for tests, in few words.

use serde_json::{Value, json};
use starfort_engine::bundle::contract::{
    ApiContract, ContractBody, ContractMedia, ContractOperation, ContractParameter, ContractPlace,
    ContractResponse, ContractSettings, ParameterPlace, ParameterStyle, SecurityScheme,
};
use starfort_engine::contract::{Checked, Contracts, ContractsCache, RequestHead, Violations};
use starfort_engine::headers::Headers;
use starfort_engine::http::body::Body;
use starfort_engine::http::{Limits, Parameters, cookies, query};

/// A contract with one operation, at endpoint 0, to which tests add.
pub(crate) struct Written(pub(crate) ApiContract);

impl Written {
    /// An operation below `path` that asks for nothing.
    pub(crate) fn new(path: &str) -> Self {
        let place = ContractPlace {
            endpoint: 0,
            path: path.into(),
            settings: 0,
        };
        Self(ApiContract {
            api: 0,
            digest: String::new(),
            definitions: r#"{"$defs":{}}"#.into(),
            schemas: Vec::new(),
            schemes: Vec::new(),
            operations: vec![ContractOperation {
                places: vec![place],
                parameters: Vec::new(),
                body: None,
                responses: Vec::new(),
                security: None,
                deprecated: false,
            }],
            settings: vec![ContractSettings {
                requests: None,
                responses: None,
                deny_unknown: true,
                deny_unknown_fields: false,
                remove: Vec::new(),
                remove_undocumented: false,
            }],
        })
    }

    pub(crate) fn define(mut self, definitions: &Value) -> Self {
        self.0.definitions = json!({ "$defs": definitions }).to_string();
        self
    }

    pub(crate) fn settings(mut self, change: impl FnOnce(&mut ContractSettings)) -> Self {
        change(&mut self.0.settings[0]);
        self
    }

    pub(crate) fn operation(mut self, change: impl FnOnce(&mut ContractOperation)) -> Self {
        change(&mut self.0.operations[0]);
        self
    }

    pub(crate) fn scheme(mut self, scheme: SecurityScheme) -> Self {
        self.0.schemes.push(scheme);
        self
    }

    fn schema(&mut self, schema: &Value) -> Option<u32> {
        self.0.schemas.push(schema.to_string());
        u32::try_from(self.0.schemas.len() - 1).ok()
    }

    /// A parameter as `place name style explode`, with a `!` behind the name of a required one.
    pub(crate) fn parameter(mut self, text: &str, schema: &Value) -> Self {
        let schema = self.schema(schema);
        let parameter = parameter(text, schema);
        self.0.operations[0].parameters.push(parameter);
        self
    }

    pub(crate) fn media(mut self, media_type: &str, schema: &Value) -> Self {
        let schema = self.schema(schema);
        let body = self.0.operations[0].body.get_or_insert(ContractBody {
            required: true,
            content: Vec::new(),
        });
        body.content.push(ContractMedia {
            media_type: media_type.into(),
            schema,
            encoding: Vec::new(),
        });
        self
    }

    pub(crate) fn answer(mut self, status: &str, media_type: &str, schema: &Value) -> Self {
        let schema = self.schema(schema);
        self.0.operations[0].responses.push(ContractResponse {
            status: status.into(),
            headers: Vec::new(),
            content: vec![ContractMedia {
                media_type: media_type.into(),
                schema,
                encoding: Vec::new(),
            }],
        });
        self
    }

    pub(crate) fn compile(self) -> Contracts {
        Contracts::compile(&[self.0], &ContractsCache::default()).unwrap()
    }
}

/// See [`Written::parameter`].
pub(crate) fn parameter(text: &str, schema: Option<u32>) -> ContractParameter {
    let words: Vec<&str> = text.split(' ').collect();
    let place = match words[0] {
        "path" => ParameterPlace::Path,
        "query" => ParameterPlace::Query,
        "header" => ParameterPlace::Header,
        _ => ParameterPlace::Cookie,
    };
    let style = match words.get(2).copied().unwrap_or("form") {
        "simple" => ParameterStyle::Simple,
        "label" => ParameterStyle::Label,
        "matrix" => ParameterStyle::Matrix,
        "space" => ParameterStyle::SpaceDelimited,
        "pipe" => ParameterStyle::PipeDelimited,
        "deep" => ParameterStyle::DeepObject,
        _ => ParameterStyle::Form,
    };
    ContractParameter {
        name: words[1].trim_end_matches('!').into(),
        place,
        required: words[1].ends_with('!'),
        schema,
        style,
        explode: words.get(3).copied() == Some("explode"),
        allow_reserved: false,
        allow_empty: false,
        media_type: None,
    }
}

/// Violations as text.
pub(crate) fn texts(violations: &Violations) -> Vec<String> {
    violations.iter().map(ToString::to_string).collect()
}

/// The violations of a request's head.
pub(crate) fn head(contracts: &Contracts, target: &str, headers: &[(&str, &str)]) -> Vec<String> {
    let limits = Limits::default();
    let mut parameters = Parameters::within(&limits);
    let (path, raw) = target.split_once('?').unwrap_or((target, ""));
    query::parse(raw.as_bytes(), &limits, &mut parameters);
    for (_, value) in headers.iter().filter(|(name, _)| *name == "cookie") {
        cookies::parse(value.as_bytes(), &limits, &mut parameters);
    }
    let headers = Headers::copy(
        headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
    );
    let mut violations = Violations::default();
    contracts.of(0).unwrap().request_head(
        RequestHead {
            path,
            target: target.as_bytes(),
            headers: &headers,
            parameters: &parameters,
            has_certificate: false,
            hash: None,
        },
        &mut violations,
    );
    texts(&violations)
}

/// What a request's body does.
pub(crate) fn body(contracts: &Contracts, content_type: &str, bytes: &[u8]) -> Vec<String> {
    let mut violations = Violations::default();
    let call = contracts.of(0).unwrap();
    let declared = (!content_type.is_empty()).then_some(content_type);
    let mut check = call.request_body(declared, bytes.len(), &mut violations);
    Body::plain(declared, bytes, false).read(None, b'&', &mut check);
    check.finish(false, None, &mut violations);
    texts(&violations)
}

/// What an answer's body does.
pub(crate) fn answer(
    contracts: &Contracts,
    status: u16,
    content_type: &str,
    bytes: &[u8],
) -> (Checked, Vec<String>) {
    let mut violations = Violations::default();
    let call = contracts.of(0).unwrap();
    call.response_head(status, &Headers::default(), None, &mut violations);
    let mut check = call.response_body(status, Some(content_type), bytes.len(), &mut violations);
    Body::plain(Some(content_type), bytes, false).read(None, b'&', &mut check);
    let checked = check.finish(false, None, &mut violations);
    (checked, texts(&violations))
}
