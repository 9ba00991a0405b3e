//! A described request: the dictionary that callers write, and the head that Envoy would hand to the filter for it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use starfort_engine::explain::{Described, DescribedResponse};

const REQUEST_MEMBERS: &[&str] = &[
    "method",
    "url",
    "headers",
    "body",
    "address",
    "protocol",
    "id",
    "ja4",
    "client_certificate",
    "jwt_claims",
    "response",
];

const RESPONSE_MEMBERS: &[&str] = &["status", "headers", "body"];

const PROTOCOLS: &[&str] = &["HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3"];

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Scheme, authority if there is one, and target.
type Url<'a> = (&'a [u8], Option<&'a [u8]>, &'a [u8]);

/// A text, or bytes for a value that is not valid UTF-8.
#[derive(FromPyObject)]
enum Raw {
    Text(String),
    Bytes(Vec<u8>),
}

impl Raw {
    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// A described request; see `RequestDescription` in `_engine.pyi`.
pub(crate) struct Request {
    method: String,
    url: Raw,
    headers: Pairs,
    body: Vec<u8>,
    address: String,
    protocol: String,
    id: String,
    ja4: Option<String>,
    client_certificate: Option<String>,
    jwt_claims: Option<String>,
    response: Option<DescribedResponse>,
}

impl Request {
    /// Read the dictionary.
    ///
    /// # Errors
    /// `ValueError` for a member that is unknown, `TypeError` for a member of the wrong type.
    pub(crate) fn read(from: &Bound<'_, PyDict>) -> PyResult<Self> {
        // A misspelt member in a test of a policy must not pass as a request without that member.
        refuse_unknown(from, "request", REQUEST_MEMBERS)?;
        let response = match member::<Bound<'_, PyDict>>(from, "response")? {
            Some(response) => Some(read_response(&response)?),
            None => None,
        };
        // The defaults describe a plain call from this machine, so that a test of a policy states only what it is
        // about.
        Ok(Self {
            method: member(from, "method")?.unwrap_or_else(|| "GET".into()),
            url: member(from, "url")?.unwrap_or_else(|| Raw::Text("/".into())),
            headers: headers(from)?,
            body: member::<Raw>(from, "body")?.map_or_else(Vec::new, Raw::into_bytes),
            address: member(from, "address")?.unwrap_or_else(|| "127.0.0.1".into()),
            protocol: member(from, "protocol")?.unwrap_or_else(|| "HTTP/1.1".into()),
            id: member(from, "id")?.unwrap_or_default(),
            ja4: member(from, "ja4")?,
            client_certificate: member(from, "client_certificate")?,
            jwt_claims: match member::<Bound<'_, PyDict>>(from, "jwt_claims")? {
                Some(claims) => Some(json(&claims)?),
                None => None,
            },
            response,
        })
    }
}

fn read_response(from: &Bound<'_, PyDict>) -> PyResult<DescribedResponse> {
    refuse_unknown(from, "response", RESPONSE_MEMBERS)?;
    let status = member::<u16>(from, "status")?.unwrap_or(200);
    // Envoy shows the status of every HTTP version to filters in this pseudo header (RFC 9113, 8.3.2).
    let mut all = vec![(b":status".to_vec(), status.to_string().into_bytes())];
    all.extend(headers(from)?);
    Ok(DescribedResponse {
        headers: all,
        body: member::<Raw>(from, "body")?.map_or_else(Vec::new, Raw::into_bytes),
    })
}

/// The request as Envoy would hand it to the filter, with the headers that Envoy adds.
///
/// # Errors
/// `ValueError` for an invalid URL, address or protocol.
pub(crate) fn describe(request: Request, jwt_payload_header: &str) -> PyResult<Described> {
    let peer = (request.address.parse()).map_err(|_| wrong("IP address", &request.address))?;
    let protocol = protocol_of(&request.protocol)?;
    let url = request.url.into_bytes();
    let shown = String::from_utf8_lossy(&url);
    let (scheme, host, path) =
        split(&url).ok_or_else(|| wrong("absolute http URL or path that begins with /", &shown))?;
    let mut sent = request.headers.iter();
    let named = sent.find(|(name, _)| name == b"host");
    let authority = named.map(|(_, value)| &value[..]).or(host);
    let pseudo = [
        (&b":authority"[..], authority.unwrap_or_default()),
        (b":path", path),
        (b":method", request.method.as_bytes()),
        (b":scheme", scheme),
    ];
    let mut headers: Pairs = (pseudo.iter())
        .map(|(name, value)| (name.to_vec(), value.to_vec()))
        .collect();
    // Envoy removes headers that clients send under Starfort's names, and turns `Host` into `:authority`.
    let sent = request.headers.into_iter();
    headers.extend(sent.filter(|(name, _)| name != b"host" && !name.starts_with(b"x-starfort-")));
    let has_jwt = !jwt_payload_header.is_empty();
    let claims = request.jwt_claims.filter(|_| has_jwt);
    let claims = claims.map(|claims| BASE64_URL_SAFE_NO_PAD.encode(claims));
    // The headers in which Envoy tells the filter about the connection and about the token that it verified.
    headers.extend(present([
        ("x-request-id", Some(request.id).filter(|id| !id.is_empty())),
        ("x-starfort-ja4", request.ja4),
        ("x-starfort-peer", request.client_certificate),
        (jwt_payload_header, claims),
    ]));
    Ok(Described {
        headers,
        peer,
        protocol,
        body: request.body,
        response: request.response,
    })
}

fn wrong(what: &str, got: &str) -> PyErr {
    PyValueError::new_err(format!("{got:?} is no {what}"))
}

/// The protocol as the engine names it.
pub(crate) fn protocol_of(name: &str) -> PyResult<&'static str> {
    let known = PROTOCOLS.iter().find(|known| **known == name);
    known
        .copied()
        .ok_or_else(|| wrong("HTTP/1.0, HTTP/1.1, HTTP/2 or HTTP/3", name))
}

/// The headers that have a value.
fn present(headers: [(&str, Option<String>); 4]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let headers = headers.into_iter();
    headers.filter_map(|(name, value)| Some((name.as_bytes().to_vec(), value?.into_bytes())))
}

/// Splits a URL, or a path without scheme and authority. `None` when it is neither.
fn split(url: &[u8]) -> Option<Url<'_>> {
    let (scheme, rest) = if let Some(rest) = url.strip_prefix(b"https://") {
        (&b"https"[..], rest)
    } else if let Some(rest) = url.strip_prefix(b"http://") {
        (&b"http"[..], rest)
    } else {
        // `*` is the target of a request such as `OPTIONS *` (RFC 9112, 3.2.4).
        return (url.first() == Some(&b'/') || url == b"*").then_some((b"http", None, url));
    };
    // What follows the authority stays in one piece, because `:path` holds the query too (RFC 9113, 8.3.1).
    let end = rest.iter().position(|byte| *byte == b'/');
    let (host, path) = rest.split_at(end.unwrap_or(rest.len()));
    (!host.is_empty()).then_some((
        scheme,
        Some(host),
        if path.is_empty() { b"/" } else { path },
    ))
}

/// The headers, given as a list of pairs or as a dictionary. Names become lower case.
fn headers(from: &Bound<'_, PyDict>) -> PyResult<Pairs> {
    let Some(given) = from.get_item("headers")? else {
        return Ok(Vec::new());
    };
    // Pairs keep repeated names and their order; a dictionary is shorter to write.
    let pairs: Vec<(Raw, Raw)> = match given.cast::<PyDict>() {
        Ok(named) => named.items().extract(),
        Err(_) => given.extract(),
    }
    .map_err(|_| {
        PyTypeError::new_err("headers: expected pairs, or a dictionary, of str or bytes")
    })?;
    let pairs = pairs.into_iter();
    Ok(pairs
        .map(|(name, value)| (name.into_bytes().to_ascii_lowercase(), value.into_bytes()))
        .collect())
}

fn member<'py, T>(from: &Bound<'py, PyDict>, name: &str) -> PyResult<Option<T>>
where
    T: for<'a> FromPyObject<'a, 'py, Error: Into<PyErr>>,
{
    // `None` counts as not given, so that callers can hand on optional values as they are.
    match from.get_item(name)? {
        Some(given) if !given.is_none() => match given.extract::<T>() {
            Ok(found) => Ok(Some(found)),
            Err(error) => Err(PyTypeError::new_err(format!("{name}: {}", error.into()))),
        },
        _ => Ok(None),
    }
}

fn refuse_unknown(from: &Bound<'_, PyDict>, what: &str, known: &[&str]) -> PyResult<()> {
    for name in from.keys() {
        let name: String = name.extract()?;
        if !known.contains(&&*name) {
            let known = known.join(", ");
            return Err(PyValueError::new_err(format!(
                "{what} has no member {name:?}; there are {known}"
            )));
        }
    }
    Ok(())
}

fn json(claims: &Bound<'_, PyDict>) -> PyResult<String> {
    // Python's own encoder knows every type that a dictionary of claims may hold; a converter here would only repeat
    // it.
    let module = claims.py().import("json")?;
    module.call_method1("dumps", (claims,))?.extract()
}
