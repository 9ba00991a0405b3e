//! The contract of an API: the schemas that its calls and answers should keep, as `src/starfort/compile/contracts.py`
//! makes them from a document, from learned traffic, or from both.
//!
//! Python resolves everything that does not depend on a request: dialects of schemas, files that refer to one another,
//! base paths. What is left are JSON Schemas of the dialect 2020-12.

use serde::{Deserialize, Serialize};

use super::Mode;

/// The contract of one API.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiContract {
    /// Index in [`super::Bundle::apis`].
    pub api: u32,
    /// Hex SHA-256 of definitions, schemas and operations without their places, first 32 characters. The same digest has
    /// the same compiled schemas, so a bundle that changes other things takes them over.
    pub digest: String,
    /// JSON text `{"$defs": {NAME: schema, …}}`, which schemas refer to by `{"$ref": "#/$defs/NAME"}`. `/` and `~` in
    /// names are escaped in references as JSON Pointer has it (RFC 6901, 3), and the pointer as a URI fragment has it.
    pub definitions: String,
    /// JSON texts of schemas, each once; parameters and media types refer to them by index.
    pub schemas: Vec<String>,
    /// Security schemes that operations ask for, by index.
    pub schemes: Vec<SecurityScheme>,
    /// What calls are held to.
    pub operations: Vec<ContractOperation>,
    /// How calls are held to it. Endpoints refer to them by index; the first one holds for calls that belong to no
    /// operation of the contract.
    pub settings: Vec<ContractSettings>,
}

/// How calls are held to a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractSettings {
    /// Requests: `None` checks nothing.
    pub requests: Option<Mode>,
    /// Responses: `None` checks nothing.
    pub responses: Option<Mode>,
    /// Endpoints, methods and query parameters that the contract does not name break it.
    pub deny_unknown: bool,
    /// So do fields of bodies where no schema that applies says anything of further fields, and fields of the other
    /// direction (`readOnly`, `writeOnly`). Otherwise only `additionalProperties` and `unevaluatedProperties` decide.
    pub deny_unknown_fields: bool,
    /// Names of fields that are removed from answers at any depth, and paths that begin with `/` (`/items/*/ssn`, `*` for
    /// an item of a list).
    #[serde(default)]
    pub remove: Vec<String>,
    /// Remove every field from answers that no schema names.
    #[serde(default)]
    pub remove_undocumented: bool,
}

/// One operation of a contract.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContractOperation {
    /// The endpoints that it describes. An operation below two base paths has two.
    pub places: Vec<ContractPlace>,
    /// Parameters in path, query, headers and cookies. No two have the same place and name.
    pub parameters: Vec<ContractParameter>,
    /// The request's body; `None`: the contract names none.
    pub body: Option<ContractBody>,
    /// Answers, by status.
    pub responses: Vec<ContractResponse>,
    /// Alternatives, each a list of schemes (indexes in [`ApiContract::schemes`]) that are all asked for. An empty
    /// alternative asks for nothing. `None`: the contract does not say.
    pub security: Option<Vec<Vec<u32>>>,
    /// The operation should not be called any more.
    #[serde(default)]
    pub deprecated: bool,
}

/// Where an operation is called.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContractPlace {
    /// Index in [`super::Bundle::endpoints`].
    pub endpoint: u32,
    /// Template from the root, with the contract's own names of parameters: those of the endpoint may be other ones.
    pub path: String,
    /// Index in [`ApiContract::settings`].
    pub settings: u32,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterPlace {
    /// In the path's template.
    Path,
    /// In the query.
    Query,
    /// A header, by its name in lower case.
    Header,
    /// A cookie.
    Cookie,
}

/// How a parameter's value is written (OpenAPI 3.1, 4.8.12.2, "Style Values").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterStyle {
    /// `a,b` (path, header).
    Simple,
    /// `.a.b` (path).
    Label,
    /// `;name=a,b` (path).
    Matrix,
    /// `name=a&name=b` or `name=a,b` (query, cookie).
    Form,
    /// `name=a%20b` (query).
    SpaceDelimited,
    /// `name=a|b` (query).
    PipeDelimited,
    /// `name[key]=a` (query).
    DeepObject,
    /// `name=a<TAB>b`: Swagger 2's `collectionFormat: tsv` (query, path, header).
    TabDelimited,
    /// `name=a; name=b`, without percent-encoding (cookie; OpenAPI 3.2).
    Cookie,
}

/// A parameter, or a header of a response.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of OpenAPI's Parameter Object"
)]
pub struct ContractParameter {
    /// Name; of headers in lower case.
    pub name: String,
    /// Where it stands.
    pub place: ParameterPlace,
    /// It must be there.
    pub required: bool,
    /// Index in [`ApiContract::schemas`]; `None`: any value.
    pub schema: Option<u32>,
    /// How its value is written.
    pub style: ParameterStyle,
    /// Lists and objects are written as several pairs.
    pub explode: bool,
    /// Reserved characters may stand as they are.
    #[serde(default)]
    pub allow_reserved: bool,
    /// It may be there with an empty value, whatever its schema says (`allowEmptyValue`).
    #[serde(default)]
    pub allow_empty: bool,
    /// The value is a text of this media type (`content` of parameters) and `style` does not matter.
    #[serde(default)]
    pub media_type: Option<String>,
}

/// The body of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContractBody {
    /// It must be there.
    pub required: bool,
    /// By media type.
    pub content: Vec<ContractMedia>,
}

/// One media type of a body.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContractMedia {
    /// Lower case, without parameters; `application/*` and `*/*` are ranges.
    pub media_type: String,
    /// Index in [`ApiContract::schemas`]; `None`: any content.
    pub schema: Option<u32>,
    /// How single properties are written, of forms and multipart bodies.
    #[serde(default)]
    pub encoding: Vec<PropertyEncoding>,
}

/// How a property of a form or a multipart body is written (OpenAPI 3.1, 4.8.15, "Encoding Object").
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PropertyEncoding {
    /// Name of the property.
    pub name: String,
    /// Media types of a part, lower case, ranges allowed; empty: what the schema's type suggests.
    pub content_types: Vec<String>,
    /// How its value is written.
    pub style: ParameterStyle,
    /// Lists and objects are written as several pairs.
    pub explode: bool,
}

/// One answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContractResponse {
    /// `200`, `2XX` (a range) or `default`.
    pub status: String,
    /// Headers, whose place is [`ParameterPlace::Header`].
    pub headers: Vec<ContractParameter>,
    /// By media type; empty: the contract names no body.
    pub content: Vec<ContractMedia>,
}

/// A credential that operations ask for. Only that it is there is checked; identity verifies it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityScheme {
    /// A header, in lower case.
    Header(String),
    /// A query parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
    /// `Authorization` with this scheme in lower case (`bearer`, `basic`); with any scheme if it is empty.
    Authorization(String),
    /// A client certificate.
    MutualTls,
    /// One that cannot be seen in a call, so it counts as there.
    Other,
}
